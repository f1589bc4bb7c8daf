// Operations row by row: softmax, LayerNorm, cross-entropy, embedding lookup and its gradient.
import { exp, fma, maxLanes, splat, sumLanes } from './simd';
import { barrier, shareEnd, shareStart, thread, threads } from './team';

// @ts-ignore: decorator
@inline
function address(base: usize, row: i32, width: i32): usize {
  return base + ((<usize>row * <usize>width) << 2);
}

/** Sum of a row, vector by vector, then the tail. */
function rowSum(x: usize, width: i32): f32 {
  let acc = splat(0);
  let j = 0;
  for (; j + 4 <= width; j += 4) acc = f32x4.add(acc, v128.load(x + (<usize>j << 2)));
  let sum = sumLanes(acc);
  for (; j < width; j++) sum += load<f32>(x + (<usize>j << 2));
  return sum;
}

/** Sum of (x - mean)^2. */
function rowSpread(x: usize, width: i32, mean: f32): f32 {
  const m = splat(mean);
  let acc = splat(0);
  let j = 0;
  for (; j + 4 <= width; j += 4) {
    const d = f32x4.sub(v128.load(x + (<usize>j << 2)), m);
    acc = fma(d, d, acc);
  }
  let sum = sumLanes(acc);
  for (; j < width; j++) {
    const d = load<f32>(x + (<usize>j << 2)) - mean;
    sum += d * d;
  }
  return sum;
}

/** The largest entry; NaN is passed over here and shows in the exponentials. */
function rowMax(x: usize, width: i32): f32 {
  let acc = splat(-Infinity);
  let j = 0;
  for (; j + 4 <= width; j += 4) acc = f32x4.pmax(acc, v128.load(x + (<usize>j << 2)));
  let best = maxLanes(acc);
  for (; j < width; j++) best = max(best, load<f32>(x + (<usize>j << 2)));
  return best;
}

// @ts-ignore: decorator
@inline
function scalarExp(x: f32): f32 {
  return f32x4.extract_lane(exp(splat(x)), 0);
}

// The keys [seenFirst, seenEnd) that a query sees. Work is on whole vectors, [seenFrom, seenTo), so that a key falls into the
// same lane whatever the range is.
let seenFirst: i32 = 0;
let seenEnd: i32 = 0;
let seenFrom: i32 = 0;
let seenTo: i32 = 0;

/** Sets the four of a row of [B, heads, queries, width]. @param ranges [B, queries, 2] */
function seeKeys(ranges: usize, row: i32, heads: i32, queries: i32, width: i32): void {
  const at = ranges + (<usize>((row / (heads * queries)) * queries + (row % queries)) << 3);
  seenFirst = min(width, max(0, load<i32>(at)));
  seenEnd = max(seenFirst, min(width, load<i32>(at, 4)));
  seenFrom = seenFirst & ~3;
  seenTo = seenFirst == seenEnd ? seenFrom : min(width, (seenEnd + 3) & ~3);
}

/** Ranges [count, 2] of queries cut to a window around each. */
export function narrowKeys(ranges: usize, out: usize, count: i32, queries: i32, before: i32, after: i32): void {
  for (let i = shareStart(count, 8), end = shareEnd(count, 8); i < end; i++) {
    const at = <usize>i << 3;
    const query = i % queries;
    store<i32>(out + at, max(load<i32>(ranges + at), query - before));
    store<i32>(out + at, min(load<i32>(ranges + at, 4), query + after + 1), 4);
  }
}

/** Zeros for the keys that are not seen. */
function clearUnseen(y: usize, width: i32): void {
  if (seenFirst > 0) memory.fill(y, 0, <usize>seenFirst << 2);
  if (seenEnd < width) memory.fill(y + (<usize>seenEnd << 2), 0, <usize>(width - seenEnd) << 2);
}

/** softmax(alpha scores) of rows [B, heads, queries] over the keys that each sees. */
export function softmax(scores: usize, ranges: usize, out: usize, rows: i32, width: i32, heads: i32, queries: i32, alpha: f32): void {
  const a = splat(alpha);
  for (let row = shareStart(rows, 1), end = shareEnd(rows, 1); row < end; row++) {
    seeKeys(ranges, row, heads, queries, width);
    const y = address(out, row, width);
    const count = seenTo - seenFrom;
    if (count > 0) {
      const x = address(scores, row, width) + (<usize>seenFrom << 2);
      const z = y + (<usize>seenFrom << 2);
      let j = 0;
      for (; j + 4 <= count; j += 4) {
        const at = <usize>j << 2;
        v128.store(z + at, f32x4.mul(v128.load(x + at), a));
      }
      for (; j < count; j++) {
        const at = <usize>j << 2;
        store<f32>(z + at, load<f32>(x + at) * alpha);
      }
      for (let key = seenFrom; key < seenFirst; key++) store<f32>(y + (<usize>key << 2), -Infinity);
      for (let key = seenEnd; key < seenTo; key++) store<f32>(y + (<usize>key << 2), -Infinity);
      const total = exponentials(z, z, count, rowMax(z, count));
      scaleRow(z, count, <f32>1 / total);
    }
    clearUnseen(y, width);
  }
}

/** y = e^(x - top); returns the sum. */
function exponentials(x: usize, y: usize, width: i32, top: f32): f32 {
  const t = splat(top);
  let acc = splat(0);
  let j = 0;
  for (; j + 4 <= width; j += 4) {
    const at = <usize>j << 2;
    const e = exp(f32x4.sub(v128.load(x + at), t));
    v128.store(y + at, e);
    acc = f32x4.add(acc, e);
  }
  let sum = sumLanes(acc);
  for (; j < width; j++) {
    const at = <usize>j << 2;
    const e = scalarExp(load<f32>(x + at) - top);
    store<f32>(y + at, e);
    sum += e;
  }
  return sum;
}

function scaleRow(x: usize, width: i32, factor: f32): void {
  const f = splat(factor);
  let j = 0;
  for (; j + 4 <= width; j += 4) {
    const at = x + (<usize>j << 2);
    v128.store(at, f32x4.mul(v128.load(at), f));
  }
  for (; j < width; j++) {
    const at = x + (<usize>j << 2);
    store<f32>(at, load<f32>(at) * factor);
  }
}

/** alpha p (dp - sum dp p) of rows [B, heads, queries] over the keys that each sees; `p` is 0 at the others. */
export function softmaxGrad(
  p: usize, dp: usize, ranges: usize, out: usize, rows: i32, width: i32, heads: i32, queries: i32, alpha: f32,
): void {
  const a = splat(alpha);
  for (let row = shareStart(rows, 1), end = shareEnd(rows, 1); row < end; row++) {
    seeKeys(ranges, row, heads, queries, width);
    const count = seenTo - seenFrom;
    const x = address(p, row, width) + (<usize>seenFrom << 2);
    const d = address(dp, row, width) + (<usize>seenFrom << 2);
    const y = address(out, row, width);
    const z = y + (<usize>seenFrom << 2);
    let acc = splat(0);
    let j = 0;
    for (; j + 4 <= count; j += 4) acc = fma(v128.load(x + (<usize>j << 2)), v128.load(d + (<usize>j << 2)), acc);
    let along = sumLanes(acc);
    for (; j < count; j++) along += load<f32>(x + (<usize>j << 2)) * load<f32>(d + (<usize>j << 2));
    const s = splat(along);
    for (j = 0; j + 4 <= count; j += 4) {
      const at = <usize>j << 2;
      v128.store(z + at, f32x4.mul(f32x4.mul(v128.load(x + at), a), f32x4.sub(v128.load(d + at), s)));
    }
    for (; j < count; j++) {
      const at = <usize>j << 2;
      store<f32>(z + at, alpha * load<f32>(x + at) * (load<f32>(d + at) - along));
    }
    clearUnseen(y, width);
  }
}

export function layerNorm(x: usize, gain: usize, shift: usize, out: usize, rows: i32, width: i32, epsilon: f32): void {
  for (let row = shareStart(rows, 1), end = shareEnd(rows, 1); row < end; row++) {
    const from = address(x, row, width);
    const to = address(out, row, width);
    const mean = rowSum(from, width) / <f32>width;
    const inverse = <f32>1 / sqrt<f32>(rowSpread(from, width, mean) / <f32>width + epsilon);
    const m = splat(mean);
    const r = splat(inverse);
    let j = 0;
    for (; j + 4 <= width; j += 4) {
      const at = <usize>j << 2;
      const normal = f32x4.mul(f32x4.sub(v128.load(from + at), m), r);
      v128.store(to + at, fma(normal, v128.load(gain + at), v128.load(shift + at)));
    }
    for (; j < width; j++) {
      const at = <usize>j << 2;
      store<f32>(to + at, (load<f32>(from + at) - mean) * inverse * load<f32>(gain + at) + load<f32>(shift + at));
    }
  }
}

export function layerNormGradInput(x: usize, gain: usize, dy: usize, out: usize, rows: i32, width: i32, epsilon: f32): void {
  const n = <f32>width;
  for (let row = shareStart(rows, 1), end = shareEnd(rows, 1); row < end; row++) {
    const from = address(x, row, width);
    const slope = address(dy, row, width);
    const to = address(out, row, width);
    const mean = rowSum(from, width) / n;
    const inverse = <f32>1 / sqrt<f32>(rowSpread(from, width, mean) / n + epsilon);
    const m = splat(mean);
    const r = splat(inverse);
    let sum = splat(0);
    let cross = splat(0);
    let j = 0;
    for (; j + 4 <= width; j += 4) {
      const at = <usize>j << 2;
      const d = f32x4.mul(v128.load(slope + at), v128.load(gain + at));
      sum = f32x4.add(sum, d);
      cross = fma(d, f32x4.mul(f32x4.sub(v128.load(from + at), m), r), cross);
    }
    let total = sumLanes(sum);
    let along = sumLanes(cross);
    for (; j < width; j++) {
      const at = <usize>j << 2;
      const d = load<f32>(slope + at) * load<f32>(gain + at);
      total += d;
      along += d * (load<f32>(from + at) - mean) * inverse;
    }
    total /= n;
    along /= n;
    const t = splat(total);
    const c = splat(along);
    for (j = 0; j + 4 <= width; j += 4) {
      const at = <usize>j << 2;
      const d = f32x4.mul(v128.load(slope + at), v128.load(gain + at));
      const normal = f32x4.mul(f32x4.sub(v128.load(from + at), m), r);
      v128.store(to + at, f32x4.mul(r, f32x4.sub(f32x4.sub(d, t), f32x4.mul(normal, c))));
    }
    for (; j < width; j++) {
      const at = <usize>j << 2;
      const d = load<f32>(slope + at) * load<f32>(gain + at);
      store<f32>(to + at, inverse * (d - total - (load<f32>(from + at) - mean) * inverse * along));
    }
  }
}

/** out += weight * (x - mean), over one row. */
function addScaled(out: usize, x: usize, width: i32, mean: f32, weight: f32, dy: usize): void {
  const m = splat(mean);
  const w = splat(weight);
  let j = 0;
  for (; j + 4 <= width; j += 4) {
    const at = <usize>j << 2;
    const normal = f32x4.mul(f32x4.sub(v128.load(x + at), m), w);
    v128.store(out + at, fma(normal, v128.load(dy + at), v128.load(out + at)));
  }
  for (; j < width; j++) {
    const at = <usize>j << 2;
    store<f32>(out + at, load<f32>(out + at) + (load<f32>(x + at) - mean) * weight * load<f32>(dy + at));
  }
}

/** Sums over rows: every thread adds its rows into its own line of `partials` [threads, width], then columns are shared. */
export function layerNormGradGain(x: usize, dy: usize, out: usize, rows: i32, width: i32, epsilon: f32, partials: usize): void {
  const mine = address(partials, thread, width);
  memory.fill(mine, 0, <usize>width << 2);
  const n = <f32>width;
  for (let row = shareStart(rows, 1), end = shareEnd(rows, 1); row < end; row++) {
    const from = address(x, row, width);
    const mean = rowSum(from, width) / n;
    const inverse = <f32>1 / sqrt<f32>(rowSpread(from, width, mean) / n + epsilon);
    addScaled(mine, from, width, mean, inverse, address(dy, row, width));
  }
  combine(out, width, partials);
}

export function reduceRows(x: usize, out: usize, rows: i32, width: i32, partials: usize): void {
  const mine = address(partials, thread, width);
  memory.fill(mine, 0, <usize>width << 2);
  for (let row = shareStart(rows, 1), end = shareEnd(rows, 1); row < end; row++) {
    const from = address(x, row, width);
    let j = 0;
    for (; j + 4 <= width; j += 4) {
      const at = <usize>j << 2;
      v128.store(mine + at, f32x4.add(v128.load(mine + at), v128.load(from + at)));
    }
    for (; j < width; j++) {
      const at = <usize>j << 2;
      store<f32>(mine + at, load<f32>(mine + at) + load<f32>(from + at));
    }
  }
  combine(out, width, partials);
}

function combine(out: usize, width: i32, partials: usize): void {
  barrier();
  for (let j = shareStart(width, 1), end = shareEnd(width, 1); j < end; j++) {
    let sum: f32 = 0;
    for (let t = 0; t < threads; t++) sum += load<f32>(address(partials, t, width) + (<usize>j << 2));
    store<f32>(out + (<usize>j << 2), sum);
  }
}

export function gatherRows(table: usize, ids: usize, out: usize, count: i32, width: i32): void {
  for (let i = shareStart(count, 1), end = shareEnd(count, 1); i < end; i++) {
    const id = load<i32>(ids + (<usize>i << 2));
    if (id < 0) memory.fill(address(out, i, width), 0, <usize>width << 2);
    else memory.copy(address(out, i, width), address(table, id, width), <usize>width << 2);
  }
}

/** Pairs (i, i + size / 2) of every head of every row, turned by the angles of the row's position. @param turn 1, or -1 to turn back */
export function rotate(
  x: usize, table: usize, positions: usize, out: usize, count: i32, width: i32, size: i32, turn: f32,
): void {
  const half = size >> 1;
  const across = <usize>half << 2;
  const turns = splat(turn);
  for (let row = shareStart(count, 1), end = shareEnd(count, 1); row < end; row++) {
    const angles = address(table, load<i32>(positions + (<usize>row << 2)), size);
    for (let first = 0; first < width; first += size) {
      let from = address(x, row, width) + (<usize>first << 2);
      let to = address(out, row, width) + (<usize>first << 2);
      let angle = angles;
      let i = 0;
      for (; i + 4 <= half; i += 4) {
        const p = v128.load(from);
        const q = v128.load(from + across);
        const cosine = v128.load(angle);
        const sine = f32x4.mul(turns, v128.load(angle + across));
        v128.store(to, f32x4.sub(f32x4.mul(p, cosine), f32x4.mul(q, sine)));
        v128.store(to + across, f32x4.add(f32x4.mul(q, cosine), f32x4.mul(p, sine)));
        from += 16;
        to += 16;
        angle += 16;
      }
      for (; i < half; i++) {
        const p = load<f32>(from);
        const q = load<f32>(from + across);
        const cosine = load<f32>(angle);
        const sine = turn * load<f32>(angle + across);
        store<f32>(to, p * cosine - q * sine);
        store<f32>(to + across, q * cosine + p * sine);
        from += 4;
        to += 4;
        angle += 4;
      }
    }
  }
}

/** Columns are shared between threads, so that every destination row is summed in the order of ids. */
export function scatterRows(dy: usize, ids: usize, out: usize, count: i32, width: i32, height: i32): void {
  const from = shareStart(width, 4);
  const to = shareEnd(width, 4);
  if (from >= to) return;
  for (let row = 0; row < height; row++) memory.fill(address(out, row, width) + (<usize>from << 2), 0, <usize>(to - from) << 2);
  for (let i = 0; i < count; i++) {
    const id = load<i32>(ids + (<usize>i << 2));
    if (id < 0) continue;
    const source = address(dy, i, width);
    const target = address(out, id, width);
    let j = from;
    for (; j + 4 <= to; j += 4) {
      const at = <usize>j << 2;
      v128.store(target + at, f32x4.add(v128.load(target + at), v128.load(source + at)));
    }
    for (; j < to; j++) {
      const at = <usize>j << 2;
      store<f32>(target + at, load<f32>(target + at) + load<f32>(source + at));
    }
  }
}

/** Sum of e^((x - top) / t) without writing. */
function exponentialSum(x: usize, width: i32, top: f32, scale: f32): f32 {
  const t = splat(top);
  const s = splat(scale);
  let acc = splat(0);
  let j = 0;
  for (; j + 4 <= width; j += 4) acc = f32x4.add(acc, exp(f32x4.mul(f32x4.sub(v128.load(x + (<usize>j << 2)), t), s)));
  let sum = sumLanes(acc);
  for (; j < width; j++) sum += scalarExp((load<f32>(x + (<usize>j << 2)) - top) * scale);
  return sum;
}

export function crossEntropy(logits: usize, labels: usize, out: usize, rows: i32, width: i32): void {
  for (let row = shareStart(rows, 1), end = shareEnd(rows, 1); row < end; row++) {
    const label = load<i32>(labels + (<usize>row << 2));
    const x = address(logits, row, width);
    let loss: f32 = 0;
    if (label >= 0) {
      const top = rowMax(x, width);
      const total = exponentialSum(x, width, top, 1);
      loss = <f32>Math.log(<f64>total) + top - load<f32>(x + (<usize>label << 2));
    }
    store<f32>(out + (<usize>row << 2), loss);
  }
}

export function crossEntropyGrad(logits: usize, labels: usize, drows: usize, out: usize, rows: i32, width: i32): void {
  for (let row = shareStart(rows, 1), end = shareEnd(rows, 1); row < end; row++) {
    const label = load<i32>(labels + (<usize>row << 2));
    const x = address(logits, row, width);
    const y = address(out, row, width);
    if (label < 0) {
      memory.fill(y, 0, <usize>width << 2);
      continue;
    }
    const slope = load<f32>(drows + (<usize>row << 2));
    const total = exponentials(x, y, width, rowMax(x, width));
    scaleRow(y, width, slope / total);
    const at = y + (<usize>label << 2);
    store<f32>(at, load<f32>(at) - slope);
  }
}

export function distillation(logits: usize, teacher: usize, labels: usize, out: usize, rows: i32, width: i32, temperature: f32): void {
  const s = <f32>1 / temperature;
  for (let row = shareStart(rows, 1), end = shareEnd(rows, 1); row < end; row++) {
    const x = address(logits, row, width);
    const y = address(teacher, row, width);
    let loss: f64 = 0;
    if (load<i32>(labels + (<usize>row << 2)) >= 0) {
      const topX = rowMax(x, width);
      const topY = rowMax(y, width);
      const logX = <f64>Math.log(<f64>exponentialSum(x, width, topX, s));
      const totalY = <f64>exponentialSum(y, width, topY, s);
      const logY = Math.log(totalY);
      for (let j = 0; j < width; j++) {
        const lx = (load<f32>(x + (<usize>j << 2)) - topX) * s;
        const ly = (load<f32>(y + (<usize>j << 2)) - topY) * s;
        loss += (<f64>scalarExp(ly) / totalY) * (<f64>ly - logY - <f64>lx + logX);
      }
    }
    store<f32>(out + (<usize>row << 2), <f32>loss * temperature * temperature);
  }
}

export function distillationGrad(logits: usize, teacher: usize, labels: usize, drows: usize, out: usize, rows: i32, width: i32, temperature: f32): void {
  const s = <f32>1 / temperature;
  for (let row = shareStart(rows, 1), end = shareEnd(rows, 1); row < end; row++) {
    const x = address(logits, row, width);
    const y = address(teacher, row, width);
    const to = address(out, row, width);
    if (load<i32>(labels + (<usize>row << 2)) < 0) {
      memory.fill(to, 0, <usize>width << 2);
      continue;
    }
    const factor = load<f32>(drows + (<usize>row << 2)) * temperature;
    const topX = rowMax(x, width);
    const topY = rowMax(y, width);
    const weightX = factor / exponentialSum(x, width, topX, s);
    const weightY = factor / exponentialSum(y, width, topY, s);
    for (let j = 0; j < width; j++) {
      const at = <usize>j << 2;
      const p = scalarExp((load<f32>(x + at) - topX) * s) * weightX;
      store<f32>(to + at, p - scalarExp((load<f32>(y + at) - topY) * s) * weightY);
    }
  }
}

export function argmaxRows(x: usize, out: usize, rows: i32, width: i32): void {
  for (let row = shareStart(rows, 1), end = shareEnd(rows, 1); row < end; row++) {
    const from = address(x, row, width);
    let best = 0;
    let top = load<f32>(from);
    for (let j = 1; j < width; j++) {
      const value = load<f32>(from + (<usize>j << 2));
      if (value > top) {
        top = value;
        best = j;
      }
    }
    store<i32>(out + (<usize>row << 2), best);
  }
}

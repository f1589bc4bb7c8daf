import { fma, splat, sumLanes } from './simd';
import { shareEnd, shareStart, sumOverTeam, thread } from './team';

/** Sum of squares of this thread's share, in float64 over stretches that float32 holds well. */
export function squares(x: usize, n: i32): f64 {
  let sum: f64 = 0;
  for (let i = shareStart(n, 64), end = shareEnd(n, 64); i < end; i += 64) {
    let acc = splat(0);
    let j = i;
    const stop = min(i + 64, end);
    for (; j + 4 <= stop; j += 4) {
      const v = v128.load(x + ((<usize>j) << 2));
      acc = fma(v, v, acc);
    }
    sum += <f64>sumLanes(acc);
    for (; j < stop; j++) {
      const v = <f64>load<f32>(x + ((<usize>j) << 2));
      sum += v * v;
    }
  }
  return sum;
}

/** The joint norm and its flag, which a fault keeps at 0 through `halted`. */
export function storeNorm(mine: f64, out: usize, loss: usize, settings: usize, halted: usize): void {
  const sum = sumOverTeam(mine);
  if (thread != 0) return;
  const size = <f32>Math.sqrt(sum);
  const sound = isFinite(sum) && size <= load<f32>(settings, 28) && isFinite(load<f32>(loss)) && load<f32>(halted) == 0;
  store<f32>(out, size);
  store<f32>(out, sound ? 1 : 0, 4);
  store<f32>(halted, sound ? 0 : 1);
}

/** settings: rate, beta1, beta2, epsilon, correction1, correction2, clip, norm limit. Nothing moves while the norm's flag is 0. */
export function adamw(p: usize, g: usize, m: usize, v: usize, n: i32, decay: f32, factor: f32, settings: usize, norm: usize): void {
  if (load<f32>(norm, 4) == 0) return;
  const shrink = splat(min<f32>(1, load<f32>(settings, 24) / (load<f32>(norm) + 1e-6)));
  const rate = load<f32>(settings) * factor;
  const beta1 = splat(load<f32>(settings, 4));
  const beta2 = splat(load<f32>(settings, 8));
  const rest1 = splat(1 - load<f32>(settings, 4));
  const rest2 = splat(1 - load<f32>(settings, 8));
  const epsilon = splat(load<f32>(settings, 12));
  const step = splat(-rate / load<f32>(settings, 16));
  const root = splat(1 / load<f32>(settings, 20));
  const keep = splat(1 - rate * decay);
  for (let i = shareStart(n, 4), end = shareEnd(n, 4); i < end; i += 4) {
    const at = (<usize>i) << 2;
    const slope = f32x4.mul(v128.load(g + at), shrink);
    const first = fma(slope, rest1, f32x4.mul(v128.load(m + at), beta1));
    const second = fma(f32x4.mul(slope, slope), rest2, f32x4.mul(v128.load(v + at), beta2));
    v128.store(m + at, first);
    v128.store(v + at, second);
    const divisor = f32x4.add(f32x4.sqrt(f32x4.mul(second, root)), epsilon);
    v128.store(p + at, fma(step, f32x4.div(first, divisor), f32x4.mul(v128.load(p + at), keep)));
  }
}

/** The sum of n numbers in float64. */
export function reduceSum(x: usize, out: usize, n: i32): void {
  let mine: f64 = 0;
  for (let i = shareStart(n, 64), end = shareEnd(n, 64); i < end; i++) mine += <f64>load<f32>(x + ((<usize>i) << 2));
  const sum = sumOverTeam(mine);
  if (thread == 0) store<f32>(out, <f32>sum);
}

import { exp, fma, normalDistribution, splat, tanh } from './simd';
import { shareEnd, shareStart } from './team';

// Forms of GELU, as in assemble.ts.
const ERF: i32 = 1;
const TANH: i32 = 2;

export function activate(x: v128, form: i32): v128 {
  if (form == ERF) return f32x4.mul(x, normalDistribution(x, exp(f32x4.mul(f32x4.mul(x, x), splat(-0.5)))));
  if (form == TANH) return f32x4.mul(f32x4.mul(x, splat(0.5)), f32x4.add(splat(1.0), tanh(tanhArgument(x))));
  return f32x4.max(x, splat(0.0));
}

// @ts-ignore: decorator
@inline
function tanhArgument(x: v128): v128 {
  return f32x4.mul(f32x4.mul(x, splat(0.7978845608028654)), fma(f32x4.mul(x, x), splat(0.044715), splat(1.0)));
}

function slope(x: v128, form: i32): v128 {
  if (form == ERF) {
    const gauss = exp(f32x4.mul(f32x4.mul(x, x), splat(-0.5)));
    return fma(f32x4.mul(x, splat(0.3989422804014327)), gauss, normalDistribution(x, gauss));
  }
  if (form == TANH) {
    const t = tanh(tanhArgument(x));
    const inner = f32x4.mul(splat(0.7978845608028654), fma(f32x4.mul(x, x), splat(0.134145), splat(1.0)));
    const first = f32x4.mul(splat(0.5), f32x4.add(splat(1.0), t));
    const second = f32x4.mul(f32x4.mul(f32x4.mul(x, splat(0.5)), f32x4.sub(splat(1.0), f32x4.mul(t, t))), inner);
    return f32x4.add(first, second);
  }
  return v128.bitselect(splat(1.0), splat(0.0), f32x4.gt(x, splat(0.0)));
}

// Storages are padded to 64 bytes, so the last vector may run past the end of the elements but not of the memory:
// shares are multiples of four, and only the last thread's last vector holds padding.

export function add(a: usize, b: usize, out: usize, n: i32): void {
  for (let i = shareStart(n, 4), end = shareEnd(n, 4); i < end; i += 4) {
    const at = <usize>i << 2;
    v128.store(out + at, f32x4.add(v128.load(a + at), v128.load(b + at)));
  }
}

export function mul(a: usize, b: usize, out: usize, n: i32): void {
  for (let i = shareStart(n, 4), end = shareEnd(n, 4); i < end; i += 4) {
    const at = <usize>i << 2;
    v128.store(out + at, f32x4.mul(v128.load(a + at), v128.load(b + at)));
  }
}

export function scale(x: usize, out: usize, n: i32, factor: f32): void {
  const f = splat(factor);
  for (let i = shareStart(n, 4), end = shareEnd(n, 4); i < end; i += 4) {
    const at = <usize>i << 2;
    v128.store(out + at, f32x4.mul(v128.load(x + at), f));
  }
}

export function rsqrt(x: usize, out: usize, n: i32, epsilon: f32): void {
  const one = splat(1.0);
  const e = splat(epsilon);
  for (let i = shareStart(n, 4), end = shareEnd(n, 4); i < end; i += 4) {
    const at = <usize>i << 2;
    v128.store(out + at, f32x4.div(one, f32x4.sqrt(f32x4.add(v128.load(x + at), e))));
  }
}

export function gelu(x: usize, out: usize, n: i32, form: i32): void {
  for (let i = shareStart(n, 4), end = shareEnd(n, 4); i < end; i += 4) {
    const at = <usize>i << 2;
    v128.store(out + at, activate(v128.load(x + at), form));
  }
}

export function geluGrad(x: usize, dy: usize, out: usize, n: i32, form: i32): void {
  for (let i = shareStart(n, 4), end = shareEnd(n, 4); i < end; i += 4) {
    const at = <usize>i << 2;
    v128.store(out + at, f32x4.mul(v128.load(dy + at), slope(v128.load(x + at), form)));
  }
}

export function fill(out: usize, n: i32, value: f32): void {
  const v = splat(value);
  for (let i = shareStart(n, 4), end = shareEnd(n, 4); i < end; i += 4) v128.store(out + (<usize>i << 2), v);
}

export function copy(x: usize, out: usize, n: i32): void {
  const start = shareStart(n, 4);
  memory.copy(out + (<usize>start << 2), x + (<usize>start << 2), <usize>(shareEnd(n, 4) - start) << 2);
}

/** x [n0, n1, n2, n3] with element strides to row-major. */
export function copyStrided(x: usize, out: usize, n0: i32, n1: i32, n2: i32, n3: i32, s0: i32, s1: i32, s2: i32, s3: i32): void {
  const rows = n0 * n1 * n2;
  for (let row = shareStart(rows, 1), end = shareEnd(rows, 1); row < end; row++) {
    const i2 = row % n2;
    const i1 = (row / n2) % n1;
    const i0 = row / (n2 * n1);
    let from = x + ((<usize>i0 * s0 + <usize>i1 * s1 + <usize>i2 * s2) << 2);
    let to = out + ((<usize>row * n3) << 2);
    for (let i3 = 0; i3 < n3; i3++) {
      store<f32>(to, load<f32>(from));
      from += <usize>s3 << 2;
      to += 4;
    }
  }
}

import { exp, fma, normalDistribution, splat, tanh } from './simd';
import { shareEnd, shareStart } from './team';

// Forms of GELU, as in assemble.ts.
const ERF: i32 = 1;
const TANH: i32 = 2;

// @ts-ignore: decorator
@inline
function gaussian(x: v128): v128 {
  return exp(f32x4.mul(f32x4.mul(x, x), splat(-0.5)));
}

// @ts-ignore: decorator
@inline
function tanhArgument(x: v128): v128 {
  return f32x4.mul(f32x4.mul(x, splat(0.7978845608028654)), fma(f32x4.mul(x, x), splat(0.044715), splat(1.0)));
}

// @ts-ignore: decorator
@inline
function geluErf(x: v128): v128 {
  return f32x4.mul(x, normalDistribution(x, gaussian(x)));
}

// @ts-ignore: decorator
@inline
function geluTanh(x: v128): v128 {
  return f32x4.mul(f32x4.mul(x, splat(0.5)), f32x4.add(splat(1.0), tanh(tanhArgument(x))));
}

// @ts-ignore: decorator
@inline
function slopeErf(x: v128): v128 {
  const gauss = gaussian(x);
  return fma(f32x4.mul(x, splat(0.3989422804014327)), gauss, normalDistribution(x, gauss));
}

// @ts-ignore: decorator
@inline
function slopeTanh(x: v128): v128 {
  const t = tanh(tanhArgument(x));
  const inner = f32x4.mul(splat(0.7978845608028654), fma(f32x4.mul(x, x), splat(0.134145), splat(1.0)));
  const first = f32x4.mul(splat(0.5), f32x4.add(splat(1.0), t));
  const second = f32x4.mul(f32x4.mul(f32x4.mul(x, splat(0.5)), f32x4.sub(splat(1.0), f32x4.mul(t, t))), inner);
  return f32x4.add(first, second);
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

// One loop a form: the polynomials' constants are made once before a loop, but anew in every call of a function.

export function gelu(x: usize, out: usize, n: i32, form: i32): void {
  const start = <usize>shareStart(n, 4) << 2;
  activate(x + start, out + start, (<usize>shareEnd(n, 4) << 2) - start, form);
}

/** The activation of `bytes` of numbers, rounded up to whole vectors. */
export function activate(x: usize, out: usize, bytes: usize, form: i32): void {
  if (form == ERF) for (let at: usize = 0; at < bytes; at += 16) v128.store(out + at, geluErf(v128.load(x + at)));
  else if (form == TANH) for (let at: usize = 0; at < bytes; at += 16) v128.store(out + at, geluTanh(v128.load(x + at)));
  else for (let at: usize = 0; at < bytes; at += 16) v128.store(out + at, f32x4.pmax(v128.load(x + at), splat(0.0)));
}

export function geluGrad(x: usize, dy: usize, out: usize, n: i32, form: i32): void {
  const end = <usize>shareEnd(n, 4) << 2;
  let at = <usize>shareStart(n, 4) << 2;
  if (form == ERF) for (; at < end; at += 16) v128.store(out + at, f32x4.mul(v128.load(dy + at), slopeErf(v128.load(x + at))));
  else if (form == TANH) for (; at < end; at += 16) v128.store(out + at, f32x4.mul(v128.load(dy + at), slopeTanh(v128.load(x + at))));
  else {
    for (; at < end; at += 16)
      v128.store(out + at, v128.and(v128.load(dy + at), f32x4.gt(v128.load(x + at), splat(0.0))));
  }
}

export function gatedGelu(x: usize, g: usize, out: usize, n: i32, form: i32): void {
  const end = <usize>shareEnd(n, 4) << 2;
  let at = <usize>shareStart(n, 4) << 2;
  if (form == ERF) for (; at < end; at += 16) v128.store(out + at, f32x4.mul(v128.load(g + at), geluErf(v128.load(x + at))));
  else if (form == TANH) for (; at < end; at += 16) v128.store(out + at, f32x4.mul(v128.load(g + at), geluTanh(v128.load(x + at))));
  else for (; at < end; at += 16) v128.store(out + at, f32x4.mul(v128.load(g + at), f32x4.pmax(v128.load(x + at), splat(0.0))));
}

export function gatedGeluGrad(x: usize, g: usize, dy: usize, out: usize, n: i32, form: i32): void {
  const end = <usize>shareEnd(n, 4) << 2;
  let at = <usize>shareStart(n, 4) << 2;
  if (form == ERF)
    for (; at < end; at += 16)
      v128.store(out + at, f32x4.mul(f32x4.mul(v128.load(dy + at), v128.load(g + at)), slopeErf(v128.load(x + at))));
  else if (form == TANH)
    for (; at < end; at += 16)
      v128.store(out + at, f32x4.mul(f32x4.mul(v128.load(dy + at), v128.load(g + at)), slopeTanh(v128.load(x + at))));
  else
    for (; at < end; at += 16)
      v128.store(out + at, v128.and(f32x4.mul(v128.load(dy + at), v128.load(g + at)), f32x4.gt(v128.load(x + at), splat(0.0))));
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

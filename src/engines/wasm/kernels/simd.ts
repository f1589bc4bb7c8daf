// Vector arithmetic on four floats: fused where the build has relaxed SIMD, exp, erf and tanh as polynomials.

// @ts-ignore: decorator
@inline
export function fma(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

// @ts-ignore: decorator
@inline
export function splat(x: f32): v128 {
  return f32x4.splat(x);
}

// f32x4.min, f32x4.max and trunc_sat cost x64 five to seven instructions each, for the sake of NaN; pmin and pmax cost
// one. They keep their first operand where the comparison fails, so a NaN that comes first goes through.

/** 1.5 x 2^23: adding it rounds to a whole number, which then lies in the low bits. */
const ROUNDER: f32 = 12582912.0;

/** e^x to 2 ulp: x = n ln 2 + r, polynomial in r, exponent by integer addition. Clamped to [-87, 88]; NaN stays NaN. */
// @ts-ignore: decorator
@inline
export function exp(given: v128): v128 {
  const x = f32x4.pmin(f32x4.pmax(given, splat(-87.0)), splat(88.0));
  const shifted = fma(x, splat(1.44269504088896341), splat(ROUNDER));
  const n = f32x4.sub(shifted, splat(ROUNDER));
  let r = fma(n, splat(-0.693359375), x);
  r = fma(n, splat(2.12194440e-4), r);
  let p = splat(1.9875691500e-4);
  p = fma(p, r, splat(1.3981999507e-3));
  p = fma(p, r, splat(8.3334519073e-3));
  p = fma(p, r, splat(4.1665795894e-2));
  p = fma(p, r, splat(1.6666665459e-1));
  p = fma(p, r, splat(5.0000001201e-1));
  const y = f32x4.add(fma(p, f32x4.mul(r, r), r), splat(1.0));
  return f32x4.mul(y, i32x4.add(i32x4.shl(shifted, 23), i32x4.splat(127 << 23)));
}

/** 0.5 (1 + erf(x / sqrt 2)), the normal distribution function, to 1e-7 (Abramowitz and Stegun 7.1.26); `gauss` = e^(-x^2 / 2). */
// @ts-ignore: decorator
@inline
export function normalDistribution(x: v128, gauss: v128): v128 {
  const size = f32x4.mul(f32x4.abs(x), splat(0.70710678118654752));
  const t = f32x4.div(splat(1.0), fma(size, splat(0.3275911), splat(1.0)));
  let p = splat(1.061405429);
  p = fma(p, t, splat(-1.453152027));
  p = fma(p, t, splat(1.421413741));
  p = fma(p, t, splat(-0.284496736));
  p = fma(p, t, splat(0.254829592));
  const tail = f32x4.mul(f32x4.mul(f32x4.mul(p, t), gauss), splat(0.5));
  return v128.bitselect(tail, f32x4.sub(splat(1.0), tail), f32x4.lt(x, splat(0.0)));
}

// @ts-ignore: decorator
@inline
export function tanh(x: v128): v128 {
  const e = exp(f32x4.add(x, x));
  return f32x4.sub(splat(1.0), f32x4.div(splat(2.0), f32x4.add(e, splat(1.0))));
}

// @ts-ignore: decorator
@inline
export function sumLanes(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}

// @ts-ignore: decorator
@inline
export function maxLanes(v: v128): f32 {
  return max(max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)), max(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)));
}

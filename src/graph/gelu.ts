import type { GeluKind } from './operation.ts';

const INVERSE_ROOT_TWO_PI = 1 / Math.sqrt(2 * Math.PI);
const TANH_FACTOR = Math.sqrt(2 / Math.PI);
const TANH_CUBIC = 0.044715;

/**
 * The error function to about 1e-15: Maclaurin series below 2.5, continued fraction above.
 * Slow on purpose; the engines have their own polynomials and are judged by this one.
 */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (size < 2.5) {
    let term = size;
    let sum = size;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= (-size * size) / n;
      sum += term / (2 * n + 1);
      if (n > 200) break;
    }
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * sum;
  }
  if (size > 6) return Math.sign(x);
  let fraction = 0;
  for (let n = 120; n >= 1; n--) fraction = n / 2 / (size + fraction);
  return Math.sign(x) * (1 - Math.exp(-size * size) / (Math.sqrt(Math.PI) * (size + fraction)));
}

export function geluValue(x: number, form: GeluKind): number {
  if (form === 'relu') return Math.max(0, x);
  if (form === 'gelu') return 0.5 * x * (1 + erf(x * Math.SQRT1_2));
  return 0.5 * x * (1 + Math.tanh(TANH_FACTOR * (x + TANH_CUBIC * x ** 3)));
}

export function geluSlope(x: number, form: GeluKind): number {
  if (form === 'relu') return x > 0 ? 1 : 0;
  if (form === 'gelu') return 0.5 * (1 + erf(x * Math.SQRT1_2)) + x * INVERSE_ROOT_TWO_PI * Math.exp(-0.5 * x * x);
  const t = Math.tanh(TANH_FACTOR * (x + TANH_CUBIC * x ** 3));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * TANH_FACTOR * (1 + 3 * TANH_CUBIC * x * x);
}

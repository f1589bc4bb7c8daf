const scratch = new DataView(new ArrayBuffer(4));

function floatOfBits(bits: number): number {
  scratch.setUint32(0, bits);
  return scratch.getFloat32(0);
}

/** IEEE 754 half precision to a number; subnormals, infinities and NaN included. */
export function halfToFloat(bits: number): number {
  const sign = (bits & 0x8000) << 16;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return (sign === 0 ? 1 : -1) * fraction * 2 ** -24;
  const wide = exponent === 31 ? 0xff : exponent + 112;
  return floatOfBits((sign | (wide << 23) | (fraction << 13)) >>> 0);
}

/** The nearest half, ties to even; beyond 65,519 it is infinity. */
export function floatToHalf(x: number): number {
  scratch.setFloat32(0, x);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const size = bits & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7e00;
  if (size >= 0x477ff000) return sign | 0x7c00;
  if (size < 0x38800000) return sign | roundEven(Math.abs(Math.fround(x)) * 2 ** 24);
  return sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
}

function roundEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest > 0.5 || (rest === 0.5 && floor % 2 === 1)) return floor + 1;
  return floor;
}

export function bfloat16ToFloat(bits: number): number {
  return floatOfBits((bits << 16) >>> 0);
}

export function decodeHalf(bits: Uint16Array): Float32Array {
  return Float32Array.from(bits, halfToFloat);
}

export function encodeHalf(values: Float32Array): Uint16Array {
  return Uint16Array.from(values, floatToHalf);
}

export function decodeBfloat16(bits: Uint16Array): Float32Array {
  return Float32Array.from(bits, bfloat16ToFloat);
}

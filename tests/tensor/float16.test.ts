import { expect, test } from 'vitest';
import { decodeBfloat16, decodeHalf, encodeHalf, floatToHalf, halfToFloat } from '../../src/tensor/float16.ts';

const ALL = Uint16Array.from({ length: 2 ** 16 }, (_, half) => half);
const isNan = (half: number): boolean => (half & 0x7c00) === 0x7c00 && (half & 0x3ff) !== 0;

test('every half comes back, and arrays are decoded as one number is', () => {
  const floats = decodeHalf(ALL);
  const same = (half: number): boolean => Object.is(floats[half], halfToFloat(half)) || (isNan(half) && Number.isNaN(floats[half]));
  expect(ALL.filter((half) => !same(half))).toEqual(new Uint16Array());
  expect(ALL.filter((half) => !isNan(half) && floatToHalf(halfToFloat(half)) !== half)).toEqual(new Uint16Array());
  expect([halfToFloat(0x3c00), halfToFloat(0xc000), halfToFloat(0x0001), halfToFloat(0x7bff), halfToFloat(0xfc00)]).toEqual([
    1,
    -2,
    2 ** -24,
    65504,
    -Infinity,
  ]);
});

test('what lies between two halves goes to the nearer one, ties to even', () => {
  const between = Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -11 + 2 ** -20, 65519, 65520, 2 ** -25);
  expect([...encodeHalf(between)]).toEqual([0x3c00, 0x3c02, 0x3c01, 0x7bff, 0x7c00, 0]);
});

test('a bfloat16 is the upper half of a float', () => {
  const floats = decodeBfloat16(ALL);
  const bits = new Uint32Array(floats.buffer);
  expect(ALL.filter((half) => bits[half] !== (half << 16) >>> 0)).toEqual(new Uint16Array());
  expect([floats[0x3f80], floats[0xc049], floats[0x7f80]]).toEqual([1, -3.140625, Infinity]);
});

import { array, assert, asyncProperty, constantFrom, integer, record, string, tuple } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openSafetensors } from '../../../src/formats/safetensors.ts';
import type { StoredTensors } from '../../../src/formats/storedTensor.ts';
import { openBytes } from '../../../src/tensor/byteSource.ts';
import { StudioError } from '../../../src/tensor/studioError.ts';

const open = (bytes: Uint8Array): Promise<StoredTensors> => openSafetensors(openBytes(bytes));

/** A safetensors file with this text for its header. */
function safetensors(header: string, body = 0): Uint8Array {
  const text = new TextEncoder().encode(header);
  const out = new Uint8Array(8 + text.length + body);
  new DataView(out.buffer).setBigUint64(0, BigInt(text.length), true);
  out.set(text, 8);
  return out;
}

describe('safetensors', () => {
  const entry = (dtype: string, shape: string, offsets: string): string =>
    `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;
  test.each([
    [
      'a name twice',
      `{"a":${entry('F32', '[1]', '[0,4]')},"a":${entry('F32', '[1]', '[0,4]')}}`,
      /a — expected once in the header, got it again/,
    ],
    [
      'a name twice, written differently',
      `{"a":${entry('F32', '[1]', '[0,4]')},"\\u0061":${entry('F32', '[1]', '[0,4]')}}`,
      /a — expected once/,
    ],
    ['a field twice', `{"a":{"dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4]}}`, /dtype — expected once/],
    ['overlapping offsets', `{"a":${entry('F32', '[1]', '[0,4]')},"b":${entry('F32', '[1]', '[2,6]')}}`, /a and b overlap at byte 2/],
    ['offsets behind the end', `{"a":${entry('F32', '[4]', '[0,16]')}}`, /leave the file's 8 bytes/],
    ['a shape of 2^60 numbers', `{"a":${entry('F32', '[1073741824,1073741824]', '[0,4]')}}`, /data_offsets give 4/],
    [
      'a shape whose product overflows to a small one',
      `{"a":${entry('F32', '[4294967296,4294967296,4294967296,4294967296]', '[0,0]')}}`,
      /data_offsets give 0/,
    ],
    ['a shape of a hundred axes', `{"a":${entry('F32', JSON.stringify(Array(100).fill(1)), '[0,4]')}}`, /whole numbers in shape/],
    ['negative offsets', `{"a":${entry('F32', '[1]', '[-4,0]')}}`, /whole numbers in shape and data_offsets/],
    ['deep nesting', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, /dtype — expected one of/],
    ['a type like a property', `{"a":${entry('constructor', '[1]', '[0,4]')}}`, /dtype — expected one of/],
  ])('%s', async (_, header, message) => {
    await expect(open(safetensors(header, 8))).rejects.toThrow(message);
  });

  test('a header length of 2^63', async () => {
    const bytes = safetensors('{}');
    new DataView(bytes.buffer).setBigUint64(0, 2n ** 63n, true);
    await expect(open(bytes)).rejects.toThrow(/runs past the end of the file/);
  });

  test('__proto__ is a name like any other', async () => {
    const tensors = await open(
      safetensors(`{"__proto__":${entry('F32', '[1]', '[0,4]')},"constructor":${entry('F32', '[1]', '[4,8]')}}`, 8),
    );
    expect([...tensors.keys()]).toEqual(['__proto__', 'constructor']);
    expect(Object.prototype).not.toHaveProperty('dtype');
  });

  test('any header is read or refused', async () => {
    const offsets = tuple(integer({ min: -4, max: 40 }), integer({ min: -4, max: 40 }));
    const one = record({
      dtype: constantFrom('F32', 'F16', 'I64', 'X'),
      shape: array(integer({ min: -1, max: 9 }), { maxLength: 3 }),
      data_offsets: offsets,
    });
    await assert(
      asyncProperty(array(tuple(string({ maxLength: 6 }), one), { maxLength: 6 }), async (entries) => {
        const header = `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
        try {
          const tensors = await open(safetensors(header, 32));
          // What is read lies within the file, apart from everything else, and under a name of its own.
          expect(tensors.size).toBe(entries.filter(([name]) => name !== '__metadata__').length);
          for (const { read, shape } of tensors.values())
            expect((await read?.())?.length ?? 0).toBe(read === null ? 0 : shape.reduce((a, b) => a * b, 1));
        } catch (error) {
          expect(error).toBeInstanceOf(StudioError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

import { array, assert, asyncProperty, constantFrom, nat, oneof, tuple, uint8Array, type Arbitrary } from 'fast-check';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, test } from 'vitest';
import { StudioError } from '../../src/tensor/studioError.ts';
import { gather, given } from './gather.ts';

/** A damaged file may still be readable; what may not happen is an error without a name, a crash or a hang. */
async function readsOrRefuses(path: string, bytes: Uint8Array): Promise<'read' | 'refused'> {
  try {
    await gather(given(path, bytes));
    return 'read';
  } catch (error) {
    expect(error).toBeInstanceOf(StudioError);
    expect(error).toHaveProperty('code', 'text');
    return 'refused';
  }
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const PARQUET = new Uint8Array(
  parquetWriteBuffer({
    columnData: [
      { name: 'text', data: Array.from({ length: 300 }, (_, i) => `document ${i % 7} of the table`), type: 'STRING' },
      { name: 'n', data: Array.from({ length: 300 }, (_, i) => i), type: 'INT32' },
    ],
    rowGroupSize: 100,
  }),
);
const SEEDS: readonly (readonly [string, Uint8Array])[] = [
  ['a.txt', encode('plain text\nwith lines, é and 中文\n')],
  ['a.csv', encode('id,text\n1,"quoted, ""text"""\n2,plain\n')],
  ['a.tsv', encode('id\ttext\n1\tone\n')],
  ['a.jsonl', encode('{"text":"one","n":[1,{"a":2}]}\n{"text":"two"}\n')],
  ['a.json', encode('[{"text":"one"},{"text":"two"}]')],
  ['a.parquet', PARQUET],
];

/** A few bytes changed, some cut off, or some put in. */
function damaged(seed: Uint8Array): Arbitrary<Uint8Array> {
  const at = nat(seed.length - 1);
  const changes = array(tuple(at, nat(255)), { minLength: 1, maxLength: 6 }).map((list) =>
    list.reduce((bytes, [place, value]) => bytes.with(place, value), seed),
  );
  const cut = at.map((end) => seed.subarray(0, end));
  const grown = tuple(at, uint8Array({ minLength: 1, maxLength: 8 })).map(([place, more]) =>
    Uint8Array.from([...seed.subarray(0, place), ...more, ...seed.subarray(place)]),
  );
  return oneof(changes, cut, grown);
}

describe('damaged files give typed errors', () => {
  test.each(SEEDS)('%s', async (path, seed) => {
    expect(await readsOrRefuses(path, seed)).toBe('read');
    await assert(
      asyncProperty(damaged(seed), async (bytes) => {
        await readsOrRefuses(path, bytes);
      }),
      // A table is decoded in a worker of its own, which takes its time to start.
      { numRuns: path.endsWith('parquet') ? 40 : 400 },
    );
  });

  test('any bytes under any name', async () => {
    await assert(
      asyncProperty(uint8Array({ maxLength: 200 }), constantFrom(...SEEDS.map(([path]) => path)), async (bytes, path) => {
        await readsOrRefuses(path, bytes);
      }),
      { numRuns: 400 },
    );
  });

  test('deep nesting in a record', async () => {
    const deep = `{"text":"fine","deep":${'['.repeat(200_000)}${']'.repeat(200_000)}}\n`;
    expect(['read', 'refused']).toContain(await readsOrRefuses('deep.jsonl', encode(deep)));
  });
});

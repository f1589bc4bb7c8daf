import { array, assert, asyncProperty, constantFrom, uint8Array } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openPytorchLegacy, openPytorchZip } from '../../../src/formats/pytorchCheckpoint.ts';
import type { StoredTensors } from '../../../src/formats/storedTensor.ts';
import { openBytes } from '../../../src/tensor/byteSource.ts';
import { StudioError } from '../../../src/tensor/studioError.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A pickle of protocol 2 made of these pieces. */
function pickle(...pieces: readonly (string | readonly number[])[]): Uint8Array {
  return Uint8Array.from([0x80, 2, ...pieces.flatMap((piece) => Array.from(typeof piece === 'string' ? encode(piece) : piece)), 0x2e]);
}
const word = (text: string): number[] => [0x58, text.length, 0, 0, 0, ...encode(text)];
const readState = (bytes: Uint8Array): Promise<StoredTensors> => openPytorchZip(new Map([['a/data.pkl', openBytes(bytes)]]));

describe('pickles', () => {
  test.each([
    ['GLOBAL and REDUCE', pickle('cposix\nsystem\n', word('id'), [0x85, 0x52])],
    ['STACK_GLOBAL', pickle(word('builtins'), word('eval'), [0x93])],
    ['a callable of torch', pickle('ctorch.hub\nload\n')],
    ['another rebuild function', pickle('ctorch._utils\n_rebuild_device_tensor_from_numpy\n')],
    ['INST', pickle([0x28], 'iposix\nsystem\n')],
    ['OBJ', pickle([0x28], 'cos\nsystem\n', [0x6f])],
    ['NEWOBJ', pickle('ccollections\nOrderedDict\n', [0x29, 0x81])],
    ['EXT1', pickle([0x82, 1])],
    ['PERSID', pickle('Pos.system\n')],
  ])('%s is not run', async (_, bytes) => {
    await expect(readState(bytes)).rejects.toThrow(/^pickle: .*expected/);
  });

  test('a dictionary that holds itself', async () => {
    // {} remembered as 0, then d['state_dict'] = d.
    const bytes = pickle([0x7d, 0x71, 0], word('state_dict'), [0x68, 0, 0x73]);
    expect((await readState(bytes)).size).toBe(0);
  });

  test('lists in lists, doubled a hundred times', async () => {
    // Each step makes a list of two of the list before: 2^100 entries, if they were ever walked.
    const bytes = pickle([0x5d, 0x71, 0], ...Array.from({ length: 100 }, () => [0x68, 0, 0x68, 0, 0x86, 0x71, 0]));
    await expect(readState(bytes)).rejects.toThrow(/expected a state dict/);
  });

  test('nesting a hundred thousand deep', async () => {
    await expect(
      readState(
        pickle(
          [0x5d],
          Array.from({ length: 100_000 }, () => 0x85),
        ),
      ),
    ).rejects.toThrow(/expected a state dict/);
  });

  test('more values than the stack holds', async () => {
    await expect(readState(new Uint8Array(1_500_000).fill(0x4e))).rejects.toThrow(/at most 1000000 values at once/);
  });

  test('a tensor of gigabytes over a storage of a few bytes', async () => {
    const tuple = (...items: readonly (readonly number[])[]): number[] => [0x28, ...items.flat(), 0x74];
    const whole = (n: number): number[] => [0x4a, n & 255, (n >> 8) & 255, (n >> 16) & 255, (n >> 24) & 255];
    const storage = [...tuple(word('storage'), [...encode('ctorch\nFloatStorage\n')], word('0'), word('cpu'), whole(4)), 0x51];
    const given = tuple(storage, whole(0), tuple(whole(2 ** 30)), tuple(whole(0)), [0x89], [0x7d]);
    const bytes = pickle([0x7d], word('w'), 'ctorch._utils\n_rebuild_tensor_v2\n', given, [0x52, 0x73]);
    const entries = new Map([
      ['a/data.pkl', openBytes(bytes)],
      ['a/data/0', openBytes(new Uint8Array(16))],
    ]);
    await expect(openPytorchZip(entries)).rejects.toThrow(/w: expected 1073741824 numbers in its storage, got 4/);
  });

  test('any bytes are read or refused', async () => {
    const opcodes = constantFrom(
      0x28,
      0x2e,
      0x30,
      0x4a,
      0x4b,
      0x4e,
      0x51,
      0x52,
      0x58,
      0x5d,
      0x61,
      0x62,
      0x65,
      0x68,
      0x71,
      0x73,
      0x74,
      0x75,
      0x7d,
      0x85,
      0x86,
      0x8a,
      0x93,
    );
    await assert(
      asyncProperty(array(opcodes, { maxLength: 60 }), uint8Array({ maxLength: 20 }), async (codes, rest) => {
        for (const read of [readState, (bytes: Uint8Array) => openPytorchLegacy(openBytes(bytes))])
          await read(Uint8Array.from([0x80, 2, ...codes, ...rest])).catch((error: unknown) => expect(error).toBeInstanceOf(StudioError));
      }),
      { numRuns: 1500 },
    );
  });
});

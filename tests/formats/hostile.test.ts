import { readFileSync } from 'node:fs';
import { array, assert, asyncProperty, constantFrom, integer, record, string, tuple, uint8Array } from 'fast-check';
import { zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/bert/config.ts';
import { mapTensors } from '../../src/bert/tensorMap.ts';
import { openPytorchLegacy, openPytorchZip } from '../../src/formats/pytorchCheckpoint.ts';
import { openSafetensors } from '../../src/formats/safetensors.ts';
import type { StoredTensors } from '../../src/formats/storedTensor.ts';
import { cleanPath } from '../../src/formats/cleanPath.ts';
import { openZip } from '../../src/formats/zip.ts';
import { streamZip } from '../../src/formats/zipStream.ts';
import { readTeacher } from '../../src/studio/teacher/teacher.ts';
import { openBytes } from '../../src/tensor/byteSource.ts';
import { Random } from '../../src/tensor/random.ts';
import { shownName } from '../../src/tensor/shown.ts';
import { StudioError } from '../../src/tensor/studioError.ts';
import { TARGETS } from '../fuzz/targets.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const open = (bytes: Uint8Array): Promise<StoredTensors> => openSafetensors(openBytes(bytes));

/** A safetensors file with this text for its header. */
function safetensors(header: string, body = 0): Uint8Array {
  const text = encode(header);
  const out = new Uint8Array(8 + text.length + body);
  new DataView(out.buffer).setBigUint64(0, BigInt(text.length), true);
  out.set(text, 8);
  return out;
}

describe('damaged files: a typed error in bounded time, for every parser', () => {
  test.each(TARGETS.map((target) => [target.name, target] as const))('%s', async (_, { good, make, run, slow }) => {
    for (const bytes of good) expect(await run(bytes).then(() => 'read')).toBe('read');
    for (let number = 0; number < (slow === true ? 3 : 250); number++)
      await run(make(new Random(1000 + number))).catch((error: unknown) => {
        if (!(error instanceof StudioError)) throw error;
        expect(error.message.length).toBeLessThan(2000);
      });
  });
});

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

describe('zips', () => {
  const good = zipSync({ 'a/config.json': encode('{}'), 'a/vocab.txt': encode('[PAD]\n'.repeat(50)) });
  const directoryAt = new DataView(good.buffer, good.byteOffset).getUint32(good.length - 6, true);
  const changed = (at: number, value: number): Uint8Array => {
    const bytes = good.slice();
    new DataView(bytes.buffer).setUint32(at, value, true);
    return bytes;
  };

  test.each([['../a'], ['/a'], ['C:\\a'], ['a/../../b'], ['a\\..\\..\\b']])('the path %s', async (path) => {
    await expect(openZip(openBytes(zipSync({ [path]: encode('x') })))).rejects.toThrow(/expected a path inside the zip/);
  });

  test.each([
    ['a directory outside', changed(good.length - 6, 0xfffffff0), /expected a directory within/],
    ['a size that lies', changed(directoryAt + 24, 0xfffffff), /expected at most 200 times its packed size|stored in/],
    ['files that overlap', changed(directoryAt + 20, directoryAt), /expected to end before byte/],
    ['a file behind the end', changed(directoryAt + 42, 0x7fffffff), /expected to end before byte/],
    ['a bomb', zipSync({ a: new Uint8Array(20_000_000) }), /at most 200 times its packed size/],
    ['a part of a zip', good.slice(0, -30), /expected a zip with a directory at its end/],
  ])('%s', async (_, bytes, message) => {
    await expect(openZip(openBytes(bytes))).rejects.toThrow(message);
  });

  test('a file with another sum than its own is not given out', async () => {
    const [, vocabulary] = [...(await openZip(openBytes(changed(directoryAt + 46 + 'a/config.json'.length + 16, 7)))).values()];
    await expect(vocabulary?.read(0, 1)).rejects.toThrow(/expected 300 bytes as they were packed, got others/);
  });

  test('a bomb that claims to be small stops where it was to end', async () => {
    const bomb = zipSync({ a: new Uint8Array(20_000_000) });
    const view = new DataView(bomb.buffer, bomb.byteOffset);
    view.setUint32(view.getUint32(bomb.length - 6, true) + 24, 1000, true);
    const file = (await openZip(openBytes(bomb))).get('a');
    await expect(file?.read(0, 1000)).rejects.toThrow(/expected 1000 bytes as they were packed, got more/);
  });

  test('a zip in a zip is no folder', async () => {
    const inner = zipSync({ 'config.json': readFileSync(new URL('../golden/checkpoints/safetensors/config.json', import.meta.url)) });
    await expect(readTeacher('x', [{ path: 'a.zip', bytes: zipSync({ 'b.zip': inner }) }])).rejects.toThrow(
      /expected config\.json, got no files/,
    );
  });
});

describe('configurations', () => {
  const base = { model_type: 'bert', hidden_size: 32, num_attention_heads: 4 };
  test.each([
    ['a billion layers', { num_hidden_layers: 1e9 }, /num_hidden_layers — expected a whole number from 1 to 1000, got 1000000000/],
    ['no layers', { num_hidden_layers: 0 }, /from 1 to 1000, got 0/],
    ['a width of 2^40', { hidden_size: 2 ** 40 }, /hidden_size — expected/],
    [
      'a nested value',
      { vocab_size: JSON.parse('['.repeat(50_000) + ']'.repeat(50_000)) as unknown },
      /vocab_size — expected .* got a list of 1/,
    ],
    ['RoBERTa', { model_type: 'roberta' }, /got "roberta"\. RoBERTa counts positions from 2.*Supported are BERT encoders/],
    ['DeBERTa', { model_type: 'deberta-v2' }, /DeBERTa attends by relative positions/],
    ['a family without a reason', { model_type: 'x\nmodel' }, /got "x\?model"\. Supported are/],
    [
      'relative positions',
      { position_embedding_type: 'relative_key_query' },
      /expected "absolute", got "relative_key_query"\. Relative positions/,
    ],
    ['a decoder', { is_decoder: true }, /is_decoder — expected false, got true\. A decoder reads/],
    ['another activation', { hidden_act: 'silu' }, /hidden_act — expected one of gelu, gelu_new, gelu_pytorch_tanh, relu, got "silu"/],
  ])('%s', (_, change, message) => {
    expect(() => parseConfig({ ...base, ...change })).toThrow(message);
  });
});

describe('tensors that are not those of the configuration', () => {
  const config = parseConfig({
    hidden_size: 4,
    num_attention_heads: 2,
    num_hidden_layers: 1,
    intermediate_size: 6,
    vocab_size: 8,
    max_position_embeddings: 5,
  });
  const whole = new Map([...mapped().sources.keys()].map((name) => [name, found(name)] as const));

  function found(name: string): { shape: readonly number[]; dtype: string; floating: boolean } {
    const use = mapped().uses.find((one) => one.as === name);
    return { shape: use?.shape ?? [], dtype: 'F32', floating: true };
  }

  /** A whole model of this configuration, by its own list of what is missing. */
  function mapped(): ReturnType<typeof mapTensors> {
    const d = 4;
    const dense = (name: string, out: number, into: number): [string, number[]][] => [
      [`${name}.weight`, [out, into]],
      [`${name}.bias`, [out]],
    ];
    const norm = (name: string): [string, number[]][] => [
      [`${name}.weight`, [d]],
      [`${name}.bias`, [d]],
    ];
    const layer = 'bert.encoder.layer.0';
    const shapes: [string, number[]][] = [
      ['bert.embeddings.word_embeddings.weight', [8, d]],
      ['bert.embeddings.position_embeddings.weight', [5, d]],
      ['bert.embeddings.token_type_embeddings.weight', [2, d]],
      ...norm('bert.embeddings.LayerNorm'),
      ...['query', 'key', 'value'].flatMap((part) => dense(`${layer}.attention.self.${part}`, d, d)),
      ...dense(`${layer}.attention.output.dense`, d, d),
      ...norm(`${layer}.attention.output.LayerNorm`),
      ...dense(`${layer}.intermediate.dense`, 6, d),
      ...dense(`${layer}.output.dense`, d, 6),
      ...norm(`${layer}.output.LayerNorm`),
      ...dense('cls.predictions.transform.dense', d, d),
      ...norm('cls.predictions.transform.LayerNorm'),
      ['cls.predictions.bias', [8]],
    ];
    return mapTensors(config, new Map(shapes.map(([name, shape]) => [name, { shape, dtype: 'F32', floating: true }])));
  }

  const query = 'bert.encoder.layer.0.attention.self.query.weight';
  const weight = { shape: [4, 4], dtype: 'F32', floating: true };

  test.each([
    ['another shape', [[query, { ...weight, shape: [4, 3] }]], /query\.weight — expected \[4, 4\] from config\.json, got \[4, 3\]/],
    ['whole numbers', [[query, { ...weight, dtype: 'I8', floating: false }]], /expected floating-point numbers, got I8\. Quantised/],
    ['a layer too many', [['bert.encoder.layer.1.output.dense.weight', weight]], /expected layers 0 to 0 from config\.json, got layer 1/],
    [
      'relative positions',
      [['bert.encoder.layer.0.attention.self.distance_embedding.weight', weight]],
      /It attends by relative positions\. Supported/,
    ],
    ['a decoder', [['bert.encoder.layer.0.crossattention.self.query.weight', weight]], /It is a decoder\. Supported/],
    [
      'the same twice',
      [
        ['module.bert.x', weight],
        ['bert.embeddings.LayerNorm.gamma', { ...weight, shape: [4] }],
      ],
      /expected once, got it as bert\.embeddings\.LayerNorm\.weight and as bert\.embeddings\.LayerNorm\.gamma/,
    ],
    ['names of RoBERTa', [['roberta.embeddings.word_embeddings.weight', weight]], /expected tensors of a BERT, got others\. RoBERTa/],
  ] as const)('%s', (_, more, message) => {
    expect(() => mapTensors(config, new Map([...whole, ...more]))).toThrow(message);
  });

  test('a part of the head', () => {
    const rest = new Map([...whole].filter(([name]) => name !== 'cls.predictions.bias'));
    expect(() => mapTensors(config, rest)).toThrow(
      /cls\.predictions\.bias — expected \[8\], got nothing; 1 tensors are missing\. A head .* is used whole or not at all/,
    );
  });

  test('a wrapper around the model, and two encoders in one file', () => {
    const wrapped = new Map([...whole].map(([name, tensor]) => [`module.${name}`, tensor]));
    expect([...mapTensors(config, wrapped).sources.keys()]).toEqual([...whole.keys()]);
    const two = new Map(
      [...whole].flatMap(
        ([name, tensor]) =>
          [
            [`a.${name}`, tensor],
            [`b.${name}`, tensor],
          ] as const,
      ),
    );
    expect(() => mapTensors(config, two)).toThrow(/expected one encoder, got 2: a\.bert\., b\.bert\./);
  });

  test('a table under the name of its decoder, and the bias under the name of its copy', () => {
    const renamed = new Map(
      [...whole].map(([name, tensor]) => [
        name
          .replace('bert.embeddings.word_embeddings.weight', 'cls.predictions.decoder.weight')
          .replace('cls.predictions.bias', 'cls.predictions.decoder.bias'),
        tensor,
      ]),
    );
    expect(new Set(mapTensors(config, renamed).sources.keys())).toEqual(new Set(whole.keys()));
  });
});

describe('names on their way out', () => {
  test('shown names hold nothing that moves the cursor or the reading direction, and have an end', () => {
    expect(shownName('a\u0007\u001B[31m\nb\u202Ec\u2066')).toBe('a??[31m?b?c?');
    expect(shownName('x'.repeat(1e6)).length).toBeLessThanOrEqual(120);
    assertStrings((name) => expect(shownName(name)).not.toMatch(/(?![\u200C\u200D])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u));
  });

  test('paths of a zip stay inside it', async () => {
    const names: [string, string][] = [
      ['../../etc/passwd', '../x'],
      ['C:/a', 'a\u0000b'],
      ['ok', 'con./trail. '],
    ];
    for (const [folder, path] of names) {
      const { zip } = await streamZip(folder, one(path));
      const [entry] = [...(await openZip(openBytes(zip))).keys()];
      expect(entry).toMatch(/^[^/\\:]+(?:\/[^/\\:]+)*$/);
      expect(entry?.split('/')).not.toContain('..');
    }
    expect(cleanPath('..\\..\\a/./b ')).toBe('a/b');
    expect(() => cleanPath('../..')).toThrow(/expected a name for a file/);
  });

  async function* one(path: string): AsyncGenerator<{ path: string; pieces: Uint8Array[] }> {
    yield await Promise.resolve({ path, pieces: [encode('x')] });
  }

  function assertStrings(check: (name: string) => void): void {
    for (let code = 0; code < 0x3000; code++) check(String.fromCodePoint(code));
  }
});

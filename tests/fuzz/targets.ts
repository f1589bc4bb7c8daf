import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { zipSync } from 'fflate';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { parseConfig } from '../../src/models/config.ts';
import { openOnnx } from '../../src/formats/onnx/onnxCheckpoint.ts';
import { openPytorchLegacy, openPytorchZip } from '../../src/formats/pytorchCheckpoint.ts';
import { openSafetensors, readSafetensors, writeSafetensors } from '../../src/formats/safetensors.ts';
import type { StoredTensors } from '../../src/formats/storedTensor.ts';
import { openZip } from '../../src/formats/zip.ts';
import { readJson } from '../../src/studio/teacher/checkpointFolder.ts';
import { HubClient } from '../../src/studio/hub/hubClient.ts';
import { decodeCheckpoint } from '../../src/studio/runs/checkpointFile.ts';
import { defaultRecipe } from '../../src/studio/recipe/recipe.ts';
import { readTeacher } from '../../src/studio/teacher/teacher.ts';
import { openBytes } from '../../src/tensor/byteSource.ts';
import type { Random } from '../../src/tensor/random.ts';
import { createTokenizer } from '../../src/text/tokenizer.ts';
import { gather, given } from '../text/gather.ts';
import { mutated } from './mutate.ts';

/** A parser under fire. */
export interface FuzzTarget {
  readonly name: string;
  /** Inputs that are read without an error. */
  readonly good: readonly Uint8Array[];
  /** Takes so long that it has its turn once in a hundred. */
  readonly slow?: true;
  /** A damaged input. */
  readonly make: (random: Random) => Uint8Array;
  /** Reads it; may reject with a StudioError and with nothing else. */
  readonly run: (bytes: Uint8Array) => Promise<unknown>;
}

const CHECKPOINTS = new URL('../golden/checkpoints/', import.meta.url);
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const golden = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(path, CHECKPOINTS)));

function pick<T>(random: Random, list: readonly T[]): T {
  const found = list[random.integer(list.length)];
  if (found === undefined) throw new Error('fuzz: a target without seeds');
  return found;
}

function target(name: string, seeds: readonly Uint8Array[], run: FuzzTarget['run']): FuzzTarget {
  return { name, good: seeds, make: (random) => mutated(random, pick(random, seeds)), run };
}

async function readAll(tensors: StoredTensors): Promise<void> {
  for (const { read } of tensors.values()) await read?.();
}

/** A safetensors file whose header alone is damaged, and its length right: the damage gets past the first check. */
function headerMutant(random: Random): Uint8Array {
  const seed = golden('safetensors/model.safetensors');
  const length = Number(new DataView(seed.buffer).getBigUint64(0, true));
  const header = mutated(random, seed.slice(8, 8 + length));
  const out = new Uint8Array(8 + header.length + seed.length - 8 - length);
  new DataView(out.buffer).setBigUint64(0, BigInt(header.length), true);
  out.set(header, 8);
  out.set(seed.subarray(8 + length), 8 + header.length);
  return out;
}

const torchEntries = async (bytes: Uint8Array): Promise<Map<string, Uint8Array>> => {
  const entries = new Map<string, Uint8Array>();
  for (const [name, source] of await openZip(openBytes(bytes))) entries.set(name, await source.read(0, source.size));
  return entries;
};
const torch = await torchEntries(golden('pytorch-zip/pytorch_model.bin'));
const pickleName = [...torch.keys()].find((name) => name.endsWith('data.pkl')) ?? '';

const FOLDERS = readdirSync(CHECKPOINTS).map((name) => ({
  name,
  files: readdirSync(new URL(`${name}/`, CHECKPOINTS)).map((path) => ({ path, bytes: golden(`${name}/${path}`) })),
}));
/** Which file of which folder a mutant replaces travels in its first two bytes, so that a case is one byte string. */
const folders: FuzzTarget = {
  name: 'checkpoint folder',
  good: FOLDERS.map(({ files }, folder) => Uint8Array.from([folder, 0, ...(files[0]?.bytes ?? [])])),
  make(random) {
    const folder = random.integer(FOLDERS.length);
    const files = FOLDERS[folder]?.files ?? [];
    const victim = random.integer(files.length);
    return Uint8Array.from([folder, victim, ...mutated(random, files[victim]?.bytes ?? new Uint8Array())]);
  },
  run(bytes) {
    const { name, files } = FOLDERS[bytes[0] ?? 0] ?? { name: '', files: [] };
    return readTeacher(
      name,
      files.map((file, i) => ({ path: file.path, bytes: i === bytes[1] ? bytes.slice(2) : file.bytes })),
    );
  },
};

const zips = [
  zipSync({ 'a/config.json': [golden('safetensors/config.json'), { level: 9 }], 'a/vocab.txt': golden('safetensors/vocab.txt') }),
  zipSync({ 'a.txt': [encode('text '.repeat(400)), { level: 6 }] }, { level: 0 }),
];
/** A wheel is the one zip whose zips are opened. */
const wheels = [
  zipSync({
    'pkg-1.0.dist-info/WHEEL': encode('x'),
    'pkg/model.zip': [
      zipSync(Object.fromEntries((FOLDERS.find(({ name }) => name === 'safetensors')?.files ?? []).map((file) => [file.path, file.bytes]))),
      { level: 0 },
    ],
  }),
];
const tokenizerJson = readFileSync(new URL('../../public/demo/teacher/tokenizer.json', import.meta.url));
const small = shrunk(JSON.parse(tokenizerJson.toString('utf8')));
const smallTokenizer = encode(JSON.stringify(small));
/** The same with an expression of its own. */
const splitTokenizer = encode(
  JSON.stringify({
    ...small,
    pre_tokenizer: { type: 'Split', pattern: { Regex: '\\[[^\\]]+\\]|(?:ab)+|\\p{L}{1,3}|.' }, behavior: 'Isolated', invert: false },
  }),
);

/** The demo's tokenizer with a vocabulary that a mutation is likely to hit around, not in. */
function shrunk(json: unknown): object {
  if (typeof json !== 'object' || json === null) throw new Error('fuzz: the tokenizer of the demo is no object');
  const { model, ...rest } = { model: {}, ...json };
  const vocabulary = Object.fromEntries(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', '##b'].map((token, id) => [token, id]));
  return { ...rest, model: { ...model, vocab: vocabulary } };
}

const parquet = new Uint8Array(
  parquetWriteBuffer({ columnData: [{ name: 'text', data: Array.from({ length: 50 }, (_, i) => `document ${i % 7}`), type: 'STRING' }] }),
);
const nestedParquet = new Uint8Array(
  parquetWriteBuffer({
    columnData: [
      { name: 'id', data: Array.from({ length: 50 }, (_, i) => `a${i}`) },
      { name: 'data', data: Array.from({ length: 50 }, (_, i) => ({ text: `document ${i % 7}`, tokens: ['one', 'two'] })) },
    ],
    schema: [
      { name: 'root', num_children: 2 },
      { name: 'id', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
      { name: 'data', num_children: 2, repetition_type: 'OPTIONAL' },
      { name: 'text', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
      { name: 'tokens', num_children: 1, converted_type: 'LIST', repetition_type: 'OPTIONAL' },
      { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
      { name: 'element', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
    ],
  }),
);
const texts: readonly (readonly [string, Uint8Array])[] = [
  ['a.txt', encode('plain text\nwith lines, é and 中文\n')],
  ['a.csv', encode('id,text\n1,"quoted, ""text"""\n2,plain\n')],
  ['a.jsonl', encode('{"text":"one","n":[1,{"a":2}]}\n{"text":"two"}\n')],
  ['a.json', encode('[{"text":"one"},{"text":"two"}]')],
  ['.nested.jsonl', encode('{"id":"a1","data":{"t":["the","cat"]},"chat":[{"role":"x","content":"one two"}]}\n'.repeat(3))],
  ['.unquoted.tsv', encode('id\tlabel\ttext\n1\t0\tone two\n2\t1\t"three four\n3\t0\tfive "six"\n')],
];

const listing = encode(
  JSON.stringify({
    sha: 'abc123',
    siblings: [
      { rfilename: 'config.json', size: 12 },
      { rfilename: 'a/b.bin', size: 5 },
    ],
  }),
);

const runBody = writeSafetensors(new Map([['w', { shape: [2], data: Float32Array.of(1, 2) }]]), {
  state: JSON.stringify({
    recipe: defaultRecipe({
      shape: { layers: 2, hiddenSize: 8, heads: 2, headSize: 4, intermediateSize: 16 },
      maxPositions: 16,
      tiedDecoder: true,
    }),
    stream: {},
    fingerprints: {},
    savedAt: 1,
    steps: 3,
  }),
});

/** A run's checkpoint whose digest is right, so that the damage gets past it. */
function signed(body: Uint8Array): Uint8Array {
  const digest = createHash('sha256').update(body).digest();
  return Uint8Array.from([...encode('WIDCKPT1'), ...digest, ...body]);
}

/** Every parser of files that come from outside. */
export const TARGETS: readonly FuzzTarget[] = [
  target('safetensors', [golden('safetensors/model.safetensors'), golden('safetensors-bf16/model.safetensors')], async (bytes) => {
    await readAll(await openSafetensors(openBytes(bytes)));
    readSafetensors(bytes);
  }),
  {
    name: 'safetensors header',
    good: [golden('safetensors/model.safetensors')],
    make: headerMutant,
    run: async (bytes) => readAll(await openSafetensors(openBytes(bytes))),
  },
  target('zip', zips, async (bytes) => {
    for (const source of (await openZip(openBytes(bytes))).values()) await source.read(0, source.size);
  }),
  target('wheel', wheels, (bytes) => readTeacher('wheel', [{ path: 'pkg-1.0-py3-none-any.whl', bytes }])),
  target('pytorch zip', [golden('pytorch-zip/pytorch_model.bin')], async (bytes) =>
    readAll(await openPytorchZip(await openZip(openBytes(bytes)))),
  ),
  target('pickle in a zip', [torch.get(pickleName) ?? new Uint8Array()], async (bytes) =>
    readAll(await openPytorchZip(new Map([...torch, [pickleName, bytes] as const].map(([name, content]) => [name, openBytes(content)])))),
  ),
  target('pytorch legacy', [golden('pytorch-legacy-gamma/pytorch_model.bin')], async (bytes) =>
    readAll(await openPytorchLegacy(openBytes(bytes))),
  ),
  target(
    'onnx',
    [golden('onnx-torchscript/model.onnx'), golden('onnx-dynamo/model.onnx'), golden('../onnx-merged/model.onnx')],
    async (bytes) => readAll(await openOnnx(openBytes(bytes), () => openBytes(golden('onnx-dynamo/model.onnx.data')))),
  ),
  target('config.json', [golden('safetensors/config.json')], async (bytes) => parseConfig(await readJson('config.json', openBytes(bytes)))),
  folders,
  target('tokenizer.json', [smallTokenizer, splitTokenizer], async (bytes) =>
    createTokenizer({ tokenizerJson: new TextDecoder().decode(bytes) }).encode('a b ab[a]a'.repeat(40)),
  ),
  target('vocab.txt', [golden('safetensors/vocab.txt')], async (bytes) =>
    createTokenizer({ vocabulary: new TextDecoder().decode(bytes) }).encode('the ab'),
  ),
  target(
    'tokenizer files',
    [encode('{"do_lower_case":false,"mask_token":{"content":"[MASK]"},"added_tokens_decoder":{"40":{"content":"[E1]"}}}')],
    async (bytes) => {
      const text = new TextDecoder().decode(bytes);
      const tokenizerJson = new TextDecoder().decode(smallTokenizer);
      createTokenizer({ tokenizerJson, tokenizerConfig: text, specialTokensMap: text, addedTokens: '{"[E2]":41}' }).encode('a [E1] b [E2]');
    },
  ),
  target("a hub's list", [listing], (bytes) => {
    const answer = (): Promise<Response> => Promise.resolve(new Response(new Uint8Array(bytes)));
    return new HubClient('https://hub.example', undefined, answer).list('a/b', 'main', new AbortController().signal);
  }),
  {
    name: 'run checkpoint',
    good: [signed(runBody)],
    make: (random) => signed(mutated(random, runBody)),
    run: (bytes) => decodeCheckpoint('run', bytes),
  },
  ...texts.map(([path, seed]) => target(`text ${path.slice(1)}`, [seed], (bytes) => gather(given(path, bytes)))),
  { ...target('text .parquet', [parquet, nestedParquet], (bytes) => gather(given('a.parquet', bytes))), slow: true },
];

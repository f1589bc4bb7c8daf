// Whether documents lie apart or joined follows from which of the two the teacher predicts better, and can be set.
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { expect, test } from 'vitest';
import { ReferenceEngine } from '../../../src/engines/reference/referenceEngine.ts';
import { WasmEngine } from '../../../src/engines/wasm/wasmEngine.ts';
import { configFile, weightsFile } from '../../../src/export/checkpointFiles.ts';
import { blueprintOf } from '../../../src/models/blueprint.ts';
import { freshModel } from '../../../src/models/freshModel.ts';
import type { BertModel } from '../../../src/models/model.ts';
import type { GivenFile } from '../../../src/studio/api/files.ts';
import type { StudioApi } from '../../../src/studio/studioApi.ts';
import { folderFiles } from '../../../src/studio/runs/folderFiles.ts';
import { lockFiles } from '../../../src/studio/runs/lockFiles.ts';
import { RunStore } from '../../../src/studio/runs/runStore.ts';
import { createSession } from '../../../src/studio/session.ts';
import { compareForms } from '../../../src/studio/texts/documentsApart.ts';
import { createTokenizer } from '../../../src/text/tokenizer.ts';
import { RunBench, stopAfter } from '../runs/runBench.ts';

const bench = new RunBench();
const WORDS = Array.from({ length: 16 }, (_, i) => `w${i}`);
const VOCABULARY = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...WORDS].join('\n');
const FIRST = 5;
const tokenizer = createTokenizer({ vocabulary: VOCABULARY });

/** A teacher that predicts by position alone: the first word of a document is always w1, and so on. */
function positional(): BertModel {
  const model = freshModel(
    {
      vocabSize: FIRST + WORDS.length,
      hiddenSize: 16,
      layers: 2,
      heads: 2,
      intermediateSize: 24,
      hiddenAct: 'gelu',
      maxPositions: 32,
      typeVocabSize: 2,
      layerNormEps: 1e-12,
      padTokenId: 0,
      tieWordEmbeddings: false,
      initializerRange: 0.02,
      hiddenDropout: 0,
      attentionDropout: 0,
    },
    1,
  );
  const blueprint = blueprintOf(model.config);
  const unit = (rows: number, rowOf: (column: number) => number): Float32Array => {
    const data = new Float32Array(rows * 16);
    for (let column = 0; column < 16; column++) data[rowOf(column) * 16 + column] = 8;
    return data;
  };
  const changed = new Map(model.tensors);
  const set = (name: string, data: Float32Array): void => {
    const shape = changed.get(name)?.shape ?? [];
    changed.set(name, { shape, data });
  };
  set(
    blueprint.module('positions').weight,
    unit(32, (column) => column),
  );
  set(
    blueprint.module('transform').weight,
    unit(16, (column) => column),
  );
  set(
    blueprint.module('decoder').weight,
    unit(FIRST + WORDS.length, (column) => FIRST + column),
  );
  return { ...model, tensors: changed };
}

/** Documents of 3 to 9 words, which begin with w1 and go on in order. */
const documents = Array.from({ length: 300 }, (_, i) => WORDS.slice(1, 4 + ((7 * i) % 7)).join(' '));
const TEXT: GivenFile[] = [{ path: 'lines.txt', bytes: new TextEncoder().encode(documents.join('\n')) }];

async function open(folder: string, wish: 'auto' | 'apart' | 'joined' = 'auto'): Promise<StudioApi> {
  const place = join(bench.scratch, folder);
  const session = createSession(new RunStore(folderFiles(place), lockFiles(place)), { keepRate: Infinity });
  await session.engine('cpu', 1);
  const model = positional();
  const files = [configFile(model, []), weightsFile(model, 'fp32')];
  const given: GivenFile[] = [];
  for (const { path, pieces } of files) {
    const parts: Uint8Array[] = [];
    for await (const piece of pieces) parts.push(piece);
    given.push({ path, bytes: new Uint8Array(Buffer.concat(parts)) });
  }
  await session.loadTeacher('positional', [...given, { path: 'vocab.txt', bytes: new TextEncoder().encode(VOCABULARY) }]);
  await session.loadText('lines', TEXT, { sequence: 32, seed: 1, documents: wish });
  return session;
}

test.each([
  ['reference', () => Promise.resolve(new ReferenceEngine())],
  ['cpu', () => WasmEngine.create(1)],
])('the same masked tokens are predicted in both forms, on the %s engine', async (_, create) => {
  const engine = await create();
  const given = documents.slice(0, 60).map((text) => Int32Array.from(tokenizer.encode(text)));
  const calls: number[] = [];
  const measured = await compareForms(engine, positional(), tokenizer, given, 32, 3, (done, total) => void calls.push(done / total));
  // Every word is told by its position in its document; in running text, by chance where a row begins with a document.
  const tokens = given.reduce((sum, { length }) => sum + length, 0);
  expect(measured).toMatchObject({ answers: Math.round(0.15 * tokens), apart: 1, better: 'apart' });
  expect(measured?.joined).toBeLessThan(0.5);
  expect(calls.at(-1)).toBe(1);
  // Documents that fill rows are the same in both forms: a tie leaves running text.
  const long = Array.from({ length: 9 }, (__, i) => new Int32Array(30).fill(FIRST + i));
  const tie = await compareForms(engine, positional(), tokenizer, long, 32, 3, () => {});
  expect(tie).toMatchObject({ answers: 41, better: 'joined' });
  expect(tie?.apart).toBe(tie?.joined);
  expect(await compareForms(engine, positional(), tokenizer, long.slice(1, 2), 32, 3, () => {})).toBeUndefined();
  engine.dispose();
});

test('a run lays documents as the teacher predicts better, records it, and goes on with it', async () => {
  const first = await open('auto');
  const recipe = { ...(await first.defaults()), steps: 6, batch: 4, sequence: 32, calibrationTokens: 500, evaluateEvery: 4 };
  expect(recipe.documents).toBe('auto');
  await first.start(recipe, stopAfter(first, 3));
  const [waiting] = await first.unfinished();
  expect(waiting?.recipe.documents).toBe('apart');

  const later = await open('auto');
  const resumed = await later.resumeRun(waiting?.run ?? '', () => {});
  const whole = await open('whole', 'apart');
  const wanted = await whole.start({ ...recipe, documents: 'apart' }, () => {});
  expect({ ...resumed, seconds: 0 }).toEqual({ ...wanted, seconds: 0 });
  // The teacher sees held-out documents as it is used: each alone.
  expect(wanted.teacher.accuracy).toBe(1);

  // Exported files know padding alone: they are judged one document a sequence, and see what the engine saw.
  const exported = await whole.exportStudent('student', () => {}, { fp16: true });
  expect(exported.largestDifference).toBeLessThan(1e-3);
  const half = exported.onnx.find(({ path }) => path.endsWith('model_fp16.onnx'))?.heldOut;
  expect(half?.tokens).toBeGreaterThan(5);
  expect(Math.abs((half?.accuracy ?? 0) - (half?.engineAccuracy ?? 1))).toBeLessThan(0.1);
  const card = unzipSync(new Uint8Array(await exported.zip.arrayBuffer()))['student/README.md'];
  expect(new TextDecoder().decode(card)).toContain('of the tokens of documents that lie apart in their sequences');

  const joined = await open('joined', 'joined');
  await expect(joined.start({ ...recipe, documents: 'apart' }, () => {})).rejects.toThrow(
    'session: the documents of the text are joined, the recipe asks for apart. Load the text again.',
  );
  expect((await joined.start({ ...recipe, documents: 'joined' }, () => {})).teacher.accuracy).toBeLessThan(0.5);
});

test('the report says how documents lie and why', async () => {
  const session = await open('report');
  const load = async (documents: 'auto' | 'apart' | 'joined' | undefined) =>
    (await session.loadText('lines', TEXT, { sequence: 32, seed: 1, ...(documents === undefined ? {} : { documents }) })).packing;
  expect(await load('auto')).toMatchObject({ documents: 'apart', wish: 'auto', measured: { better: 'apart' } });
  expect(await load('joined')).toEqual({ documents: 'joined', wish: 'joined', measured: null });
  expect(await load('apart')).toEqual({ documents: 'apart', wish: 'apart', measured: null });
  expect(await load(undefined)).toMatchObject({ documents: 'joined' });
});

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { env, pipeline } from '@huggingface/transformers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { blueprintOf } from '../../src/models/blueprint.ts';
import { familyIds, familyOf } from '../../src/models/families/registry.ts';
import { sentenceIds } from '../../src/studio/comparison/sentenceCompare.ts';
import { exportTeacher } from '../../src/studio/exporting/studentExport.ts';
import { readTeacher, type Teacher } from '../../src/studio/teacher/teacher.ts';
import { engineLogits } from '../../src/studio/verification/engineAnswer.ts';
import { familyGolden, FOLDERS, parsed, recordOf } from '../models/families/familyGolden.ts';
import { Shelf } from './folders.ts';

const SCRIPT = fileURLToPath(new URL('check_folder.py', import.meta.url));
/** `WID_PYTHON` names an interpreter that has the libraries, such as a virtual environment's. */
const PYTHON = process.env['WID_PYTHON'] ?? 'python3';
const probe = spawnSync(PYTHON, ['-c', 'import torch, transformers, onnx, onnxruntime'], { encoding: 'utf8' });
const missing = probe.status === 0 ? undefined : (probe.stderr ?? '').trim().split('\n').at(-1) || String(probe.error ?? 'it does not run');
if (missing !== undefined)
  console.warn(`SKIPPED: Python's transformers did not load the relatives of BERT, since ${PYTHON} says: ${missing}`);

const shelf = new Shelf();
const engine = await WasmEngine.create(1);
beforeAll(() => {
  env.localModelPath = shelf.path;
  env.allowRemoteModels = false;
});
afterAll(() => {
  engine.dispose();
  shelf.remove();
});

const SENTENCE = 'the cat [MASK] running.';

/** The golden teacher of a family, whole or as an encoder alone. */
async function teacherOf(folder: string, headless: boolean): Promise<Teacher> {
  const teacher = await readTeacher(folder, familyGolden(folder).files);
  if (!headless) return teacher;
  const { config, tensors } = teacher.model;
  const blueprint = blueprintOf(config);
  return {
    ...teacher,
    head: 'none',
    model: { config, tensors: new Map([...tensors].filter(([name]) => blueprint.owner(name)?.part !== 'head')) },
  };
}

async function exported(folder: string, headless: boolean): Promise<string> {
  const name = headless ? `${folder}-encoder` : folder;
  const done = await exportTeacher(engine, await teacherOf(folder, headless), name, () => undefined, { latency: false, fp16: true });
  expect(done.onnx.map(({ withheld }) => withheld)).toEqual([null, null, null]);
  return shelf.put(done);
}

test('every family but the first has golden numbers', () => {
  const families = FOLDERS.map((folder) => String(recordOf(parsed(bytesOf(folder)))['model_type']));
  expect(new Set(['bert', ...families])).toEqual(new Set(familyIds()));
});

function bytesOf(folder: string): Uint8Array {
  const found = familyGolden(folder).files.find(({ path }) => path === 'config.json')?.bytes;
  return found instanceof Uint8Array ? found : new Uint8Array();
}

test.each(FOLDERS)('transformers.js fills masks with a %s as the engine does, and gives its hidden states', async (folder) => {
  await exported(folder, false);
  const { model, tokenizer } = await teacherOf(folder, false);
  const ids = sentenceIds(SENTENCE, tokenizer, 30);
  const logits = await engineLogits(engine, model, ids, new Uint8Array(ids.length).fill(1), 1, ids.length);
  const { vocabSize } = model.config;
  const row = [...logits.subarray(ids.indexOf(tokenizer.special.mask) * vocabSize, (ids.indexOf(tokenizer.special.mask) + 1) * vocabSize)];
  const total = row.reduce((sum, logit) => sum + Math.exp(logit), 0);
  const fill = await pipeline('fill-mask', folder, { dtype: 'fp32', local_files_only: true });
  const found: unknown = await fill(SENTENCE);
  await fill.dispose();
  if (!Array.isArray(found)) throw new TypeError('fill-mask: expected a list of guesses');
  const best = row.map((logit, token) => ({ token, score: Math.exp(logit) / total })).toSorted((a, b) => b.score - a.score);
  expect(found).toHaveLength(5);
  for (const [i, guess] of found.entries()) {
    expect(guess).toMatchObject({ token: best[i]?.token });
    expect(guess).toHaveProperty('score', expect.closeTo(best[i]?.score ?? 0, 4));
  }
  await exported(folder, true);
  const extract = await pipeline('feature-extraction', `${folder}-encoder`, { dtype: 'fp32', local_files_only: true });
  const { dims } = await extract(SENTENCE);
  await extract.dispose();
  expect(dims).toEqual([1, ids.length, model.config.hiddenSize]);
});

test.skipIf(missing !== undefined)("Python's transformers and onnxruntime load every family's folder, and agree", async () => {
  const folders: string[] = [];
  for (const folder of FOLDERS) folders.push(await exported(folder, false), await exported(folder, true));
  const ran = spawnSync(PYTHON, [SCRIPT, ...folders], { encoding: 'utf8' });
  expect(ran.status, ran.stderr).toBe(0);
  const found = ran.stdout
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  expect(found).toHaveLength(folders.length);
  for (const [i, folder] of FOLDERS.entries())
    for (const of of [found[2 * i], found[2 * i + 1]]) {
      const { model } = await teacherOf(folder, false);
      const { ids, mask, segments } = familyOf(model.config.family).onnxInputs;
      expect(of).toMatchObject({ unexpected: [], tied: true, maskToken: '[MASK]' });
      const { files, missing: lacking } = recordOf(of);
      // transformers makes a pooler of its own where a checkpoint has none.
      expect((Array.isArray(lacking) ? lacking.map(String) : ['a list']).filter((name) => !name.startsWith('pooler.'))).toEqual([]);
      const inputs = [ids, mask, ...(segments === undefined ? [] : [segments])];
      const form = ['tensor(int64)', ['batch_size', 'sequence_length']];
      expect(files).toMatchObject({ 'model.onnx': { inputs: inputs.map((name) => [name, ...form]) } });
      for (const [name, file] of Object.entries(recordOf(files))) {
        const most = name === 'model_quantized.onnx' ? 0.5 : name === 'model_fp16.onnx' ? 5e-2 : 1e-4;
        expect(recordOf(file)['relative'], `${folder} ${name}`).toBeLessThan(most);
      }
    }
});

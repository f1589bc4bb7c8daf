import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { env, pipeline } from '@huggingface/transformers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { blueprintOf } from '../../src/models/blueprint.ts';
import { familyOf } from '../../src/models/families/registry.ts';
import type { BertModel } from '../../src/models/model.ts';
import { sentenceIds } from '../../src/studio/comparison/sentenceCompare.ts';
import { exportStudent } from '../../src/studio/exporting/studentExport.ts';
import { defaultRecipe } from '../../src/studio/recipe/recipe.ts';
import { readTeacher, type Teacher } from '../../src/studio/teacher/teacher.ts';
import { engineLogits } from '../../src/studio/verification/engineAnswer.ts';
import { mergeStudent } from '../../src/training/mergeStudent.ts';
import { keepHeads } from '../../src/wid/keepHeads.ts';
import { spacesOf, spaceTable } from '../../src/wid/spaces.ts';
import { familyGolden, FOLDERS, milder, parsed, recordOf } from '../models/families/familyGolden.ts';
import { finishedWith } from '../studio/exporting/exportFixture.ts';
import { Shelf } from './folders.ts';

const SCRIPT = fileURLToPath(new URL('check_folder.py', import.meta.url));
/** `WID_PYTHON` names an interpreter that has the libraries, such as a virtual environment's. */
const PYTHON = process.env['WID_PYTHON'] ?? 'python3';
const probe = spawnSync(PYTHON, ['-c', 'import torch, transformers, onnx, onnxruntime'], { encoding: 'utf8' });
const missing = probe.status === 0 ? undefined : (probe.stderr ?? '').trim().split('\n').at(-1) || String(probe.error ?? 'it does not run');
if (missing !== undefined)
  console.warn(`SKIPPED: students of BERT's relatives were not loaded in Python, since ${PYTHON} says: ${missing}`);

const SENTENCE = 'the cat [MASK] running.';
/** Optimum loads them too: `WID_OPTIMUM` names an interpreter that has optimum-onnx, whose libraries are of other versions. */
const OPTIMUM = process.env['WID_OPTIMUM'];

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

/** The golden student of a folder, exported. @returns where, and what it was made of */
async function exported(folder: string): Promise<{ readonly path: string; readonly teacher: Teacher; readonly student: BertModel }> {
  const { files, under, student: sizes, heads } = familyGolden(folder);
  const teacher = await readTeacher(folder, files);
  const { config, tensors } = teacher.model;
  const spaces = spacesOf(config);
  const kept = keepHeads(blueprintOf(config), tensors, spaces.headSize, heads);
  const table = spaceTable(spaces, sizes, false, 'last');
  const student = milder(await mergeStudent(engine, teacher.model, kept, table, under('compactor.')));
  const run = { ...finishedWith(student), recipe: defaultRecipe(teacher.report) };
  const given = await exportStudent(engine, teacher, run, folder, () => undefined, { latency: false });
  expect(
    given.onnx.map(({ withheld }) => withheld),
    folder,
  ).toEqual([null, null]);
  return { path: await shelf.put(given), teacher, student };
}

// One after the other: onnxruntime-web, which judges the files, is not for two at a time.
const students = new Map<string, Awaited<ReturnType<typeof exported>>>();
for (const folder of FOLDERS) students.set(folder, await exported(folder));

/** Probabilities of all words for the first [MASK]. */
async function probabilities({ tokenizer }: Teacher, student: BertModel): Promise<{ ids: Int32Array; words: number[] }> {
  const ids = sentenceIds(SENTENCE, tokenizer, student.config.maxPositions);
  const at = ids.indexOf(tokenizer.special.mask);
  const logits = await engineLogits(engine, student, ids, new Uint8Array(ids.length).fill(1), 1, ids.length);
  const row = logits.subarray(at * student.config.vocabSize, (at + 1) * student.config.vocabSize);
  const sum = row.reduce((total, logit) => total + Math.exp(logit), 0);
  return { ids, words: Array.from(row, (logit) => Math.exp(logit) / sum) };
}

test.each(FOLDERS)('transformers.js fills masks with a student of %s as the engine does', async (folder) => {
  const { teacher, student } = students.get(folder) ?? fail(folder);
  const { words } = await probabilities(teacher, student);
  const fill = await pipeline('fill-mask', folder, { dtype: 'fp32', local_files_only: true });
  const found: unknown = await fill(SENTENCE);
  await fill.dispose();
  if (!Array.isArray(found)) throw new TypeError('fill-mask: expected a list of guesses');
  expect(found).toHaveLength(5);
  for (const guess of found) {
    const { token, score } = recordOf(guess);
    expect(Math.abs(Number(score) - (words[Number(token)] ?? Number.NaN)), folder).toBeLessThan(1e-4);
  }
  const best = words.indexOf(Math.max(...words));
  expect(Number(recordOf(found[0])['token'])).toBe(best);
});

test.skipIf(missing !== undefined)(
  "Python's transformers and onnxruntime load students of every family, and agree",
  () => {
    const ran = spawnSync(PYTHON, [SCRIPT, ...[...students.values()].map(({ path }) => path)], { encoding: 'utf8' });
    expect(ran.status, ran.stderr).toBe(0);
    const lines = ran.stdout.trim().split('\n');
    expect(lines).toHaveLength(FOLDERS.length);
    for (const [i, folder] of FOLDERS.entries()) {
      const found = recordOf(parsed(new TextEncoder().encode(lines[i])));
      expect(found, folder).toMatchObject({ missing: [], unexpected: [], tied: false, maskToken: '[MASK]' });
      const files = recordOf(found['files']);
      expect(Object.keys(files)).toEqual(['model.onnx', 'model_quantized.onnx']);
      const { onnxInputs } = familyOf(students.get(folder)?.student.config.family);
      const exact = recordOf(files['model.onnx']);
      expect(Number(exact['relative']), folder).toBeLessThan(1e-4);
      expect(exact['inputs'], folder).toEqual(
        Object.values<string>({ ...onnxInputs }).map((input) => [input, 'tensor(int64)', ['batch_size', 'sequence_length']]),
      );
      // Single logits of bytes may be off by a lot; the export has judged the file by their root mean square.
      expect(Number(recordOf(files['model_quantized.onnx'])['relative']), folder).toBeGreaterThan(0);
    }
  },
  120_000,
);

/** What a user of Optimum writes; says the classes and the largest relative difference from the class in PyTorch. */
const WITH_OPTIMUM = `
import json, sys, torch
from optimum.onnxruntime import ORTModelForMaskedLM
from transformers import AutoModelForMaskedLM, AutoTokenizer
for folder in sys.argv[1:]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    given = tokenizer(['${SENTENCE}', 'a [MASK] b c'], return_tensors='pt', padding=True)
    theirs = AutoModelForMaskedLM.from_pretrained(folder).eval()
    ours = ORTModelForMaskedLM.from_pretrained(folder, subfolder='onnx', file_name='model.onnx')
    with torch.no_grad(): a, b = theirs(**given).logits, ours(**given).logits
    real = given['attention_mask'].bool()
    print(json.dumps([type(theirs).__name__, type(ours).__name__, float(((a - b).abs() / a.abs().clamp(min=1))[real].max())]))
`;

if (OPTIMUM === undefined) console.warn('SKIPPED: Optimum was not tested, since WID_OPTIMUM names no interpreter that has it');
test.skipIf(OPTIMUM === undefined)(
  'Optimum loads students of every family, and agrees with PyTorch',
  () => {
    const ran = spawnSync(OPTIMUM ?? '', ['-c', WITH_OPTIMUM, ...[...students.values()].map(({ path }) => path)], {
      encoding: 'utf8',
      env: { ...process.env, HF_HUB_OFFLINE: '1' },
    });
    expect(ran.status, ran.stderr).toBe(0);
    const lines = ran.stdout.trim().split('\n').slice(-FOLDERS.length);
    for (const [i, folder] of FOLDERS.entries()) {
      const found: unknown = parsed(new TextEncoder().encode(lines[i]));
      const [theirs, ours, relative] = Array.isArray(found) ? found.map(String) : [];
      expect([theirs, ours], folder).toEqual([expect.stringMatching(/ForMaskedLM$/), 'ORTModelForMaskedLM']);
      expect(Number(relative), folder).toBeLessThan(1e-4);
    }
  },
  300_000,
);

function fail(name: string): never {
  throw new Error(`there is no student of ${name}`);
}

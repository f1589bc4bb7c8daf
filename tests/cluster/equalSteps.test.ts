import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import type { Recipe } from '../../src/studio/api/recipe.ts';
import { defaultRecipe } from '../../src/studio/recipe/recipe.ts';
import { readTeacher, type Teacher } from '../../src/studio/teacher/teacher.ts';
import { buildCorpus } from '../../src/text/corpus.ts';
import { CHECKPOINT } from '../cli/terminal.ts';
import { TEACHER, TEXT } from '../studio/runs/runBench.ts';
import { largestDifference, lossesOf, studentOf, studioRun, writeBatches, writeJob } from './jobBench.ts';
import { PYTHON, trainJob } from './python.ts';

const STEPS = 20;
let engine: WasmEngine;
let teacher: Teacher;
let scratch: string;

beforeAll(async () => {
  engine = await WasmEngine.create(1);
  teacher = await readTeacher('golden', TEACHER);
  scratch = mkdtempSync(join(tmpdir(), 'wid-studio-job-'));
});

afterAll(() => {
  engine.dispose();
  rmSync(scratch, { recursive: true, force: true });
});

/** Every setting that a phase reads, in a few recipes. */
const CASES: readonly (readonly [name: string, Partial<Recipe>])[] = [
  ['calibrated', { teacherLearningRate: 2e-4, guidance: 0.5, compactorShare: 0.6, predicted: 0.4, decay: 'cosine', accumulation: 2 }],
  [
    'calibrated mixtures of fewer layers and heads, tied, of documents that lie apart',
    {
      student: { layers: 2, hiddenSize: 16, heads: 2, headSize: 8, intermediateSize: 24 },
      depth: 'mixture',
      tied: true,
      documents: 'apart',
      teacherLearningRate: 1e-4,
      guidance: 0,
    },
  ],
  ['calibrated of low rank, and the teacher’s image', { rank: 4, teacherLearningRate: 2e-4, guidance: 0.5, compactorShare: 0.7 }],
  ['calibrated of rank 0, tied', { rank: 0, teacherLearningRate: 0, guidance: 0, tied: true }],
  ['distil', { mode: 'distil', distillationShare: 0.7, distillationTemperature: 2, distillationHidden: 0.5, start: 'selection' }],
  ['paper', { mode: 'paper', paper: paperSettings(5e-4, 1e-4, 3) }],
  ['paper with frozen weights, whole heads that go', { mode: 'paper', paper: paperSettings(5e-4, 0, 5), student: fewHeads() }],
  ['prune', { mode: 'prune', wholeWords: true, masking: 0.25, calibration: 'one-pass' }],
  ['scratch', { mode: 'scratch', tied: true }],
];

function paperSettings(compactorLearningRate: number, weightLearningRate: number, maskEvery: number): Recipe['paper'] {
  return { compactorLearningRate, weightLearningRate, maskEvery, penalty: 20, warmup: 0.01, weightDecay: 0.01 };
}

function fewHeads(): Recipe['student'] {
  return { layers: 3, hiddenSize: 8, heads: 2, headSize: 4, intermediateSize: 24 };
}

test.skipIf(PYTHON === undefined).each(CASES)('%s: %j gives the studio’s losses and student', async (name, settings) => {
  const sizes = { steps: STEPS, batch: 4, sequence: 16, calibrationTokens: 300, evaluateEvery: 100, documents: 'joined' } as const;
  const recipe: Recipe = { ...defaultRecipe(teacher.report), ...sizes, ...settings };
  const text = TEXT.map(({ path, bytes }) => ({
    name: path,
    text: new TextDecoder().decode(bytes instanceof Uint8Array ? bytes : undefined),
  }));
  const corpus = await buildCorpus(text, teacher.tokenizer, { sequence: 16, seed: 1, apart: recipe.documents === 'apart' });
  const job = join(scratch, name.replaceAll(/\W+/g, '-'));
  await writeJob(engine, teacher, corpus, recipe, job);
  const studio = await studioRun(engine, teacher, corpus, recipe);
  const batches = `${job}.batches.safetensors`;
  writeBatches(batches, studio.batches, recipe);

  const { code, stderr } = await trainJob(job, ['--teacher', CHECKPOINT, '--batches', batches]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  const losses = lossesOf(job);
  expect(losses).toHaveLength(STEPS);
  const apart = Math.max(...losses.map((loss, step) => Math.abs(loss - (studio.losses[step] ?? Number.NaN))));
  const student = await studentOf(job);
  const differs = largestDifference(studio.made.model.tensors, student.model.tensors);
  console.log(`${name}: losses differ by at most ${apart.toExponential(1)}, the student by ${differs.toExponential(1)}`);
  expect(apart).toBeLessThan(1e-4);
  expect(differs).toBeLessThan(1e-3);
  expect(student.model.config).toEqual(studio.made.model.config);
  // From an entry whose gradient is nothing but rounding, AdamW makes steps of the full rate.
  expect(largestDifference(studio.made.compactors, student.compactors)).toBeLessThan(5e-3);
});

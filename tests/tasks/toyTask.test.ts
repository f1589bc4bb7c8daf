import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Evaluator } from '../../src/analysis/evaluation.ts';
import { WasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { compress } from '../../src/studio/compression/compression.ts';
import { exportStudent } from '../../src/studio/exporting/studentExport.ts';
import { defaultRecipe, stepShape, trainingStream } from '../../src/studio/recipe/recipe.ts';
import { readTeacher, type Teacher } from '../../src/studio/teacher/teacher.ts';
import type { Recipe } from '../../src/studio/api/recipe.ts';
import type { StudioEvent } from '../../src/studio/api/run.ts';
import { maskedWords } from '../../src/tasks/maskedWords.ts';
import { taskNamed, TASKS } from '../../src/tasks/registry.ts';
import { buildCorpus, type Corpus } from '../../src/text/corpus.ts';
import { engineLogits } from '../../src/studio/verification/engineAnswer.ts';
import { TEACHER, TEXT } from '../studio/runs/runBench.ts';
import { tokenBefore } from './toyTask.ts';

const SEQUENCE = 16;

let engine: WasmEngine;
let teacher: Teacher;
let corpus: Corpus;
let recipe: Recipe;

beforeAll(async () => {
  engine = await WasmEngine.create(1);
  teacher = { ...(await readTeacher('golden', TEACHER)), task: tokenBefore };
  const [file] = TEXT;
  const text = new TextDecoder().decode(file?.bytes instanceof Uint8Array ? file.bytes : new Uint8Array());
  corpus = await buildCorpus([{ name: 'a1', text }], teacher.tokenizer, { sequence: SEQUENCE, seed: 1 });
  recipe = { ...defaultRecipe(teacher.report), steps: 24, batch: 8, sequence: SEQUENCE, calibrationTokens: 500, evaluateEvery: 12 };
});

afterAll(() => engine.dispose());

async function runOf(change: Partial<Recipe>): Promise<{ run: Awaited<ReturnType<typeof compress>>; events: StudioEvent[] }> {
  const events: StudioEvent[] = [];
  const control = { proceed: () => Promise.resolve(true) };
  const run = await compress(engine, teacher, corpus, { ...recipe, ...change }, control, (event) => events.push(event));
  return { run, events };
}

describe('a task of one file', () => {
  test.each([
    ['calibrated, guided by the teacher', { guidance: 0.1 }],
    ['calibrated, in micro-batches', { guidance: 0, accumulation: 2 }],
    ['distilled', { mode: 'distil', distillationShare: 0.1 }],
    ['paper', { mode: 'paper' }],
    ['progressive', { mode: 'progressive' }],
  ] satisfies [string, Partial<Recipe>][])(
    '%s: trains on its own batches, and judges by its own numbers',
    async (_, change: Partial<Recipe>) => {
      const { run, events } = await runOf({ ...change, polishLearningRate: 3e-3, compactorLearningRate: 3e-3, teacherLearningRate: 3e-3 });
      const { result } = run;
      expect(result).toMatchObject({ stepsDone: 24, fault: null });
      const losses = events.flatMap((event) => (event.kind === 'step' ? [event.loss] : []));
      expect(losses.at(-1)).toBeLessThan(losses[0] ?? 0);
      // [CLS] stands before the first token of every sequence: half of the answers are learned at once, by whoever is asked.
      if (change.mode !== 'paper') expect(result.trained.accuracy).toBeGreaterThanOrEqual(0.5);
      expect(result.teacher.agreement).toBe(1);
    },
  );

  test('held-out numbers are those of the logits, summed up by hand', async () => {
    const [batch] = tokenBefore.heldOut({ sequences: corpus.heldOut, sequence: SEQUENCE, tokenizer: teacher.tokenizer }, 3, 1, 1);
    if (batch === undefined) throw new Error('no batch');
    const size = { batch: 3, sequence: SEQUENCE };
    const evaluator = await Evaluator.create(engine, teacher.model, { task: tokenBefore, ...size, slots: tokenBefore.slots(size) });
    const found = await evaluator.evaluate([batch]);
    evaluator.dispose();
    const logits = await engineLogits(engine, teacher.model, batch.inputIds, batch.attention, 3, SEQUENCE);
    const classes = logits.length / batch.inputIds.length;
    const asked = [...(batch.inputs.get('asked') ?? [])];
    const losses = asked.map((at) => {
      const row = [...logits.subarray(at * classes, (at + 1) * classes)];
      const most = Math.max(...row);
      const sum = row.reduce((total, x) => total + Math.exp(x - most), 0);
      return Math.log(sum) + most - (row[batch.inputIds[at - 1] ?? 0] ?? 0);
    });
    expect(asked).toHaveLength(6);
    expect(found.loss).toBeCloseTo(losses.reduce((sum, x) => sum + x, 0) / losses.length, 4);
    expect(tokenBefore.judgeOutputs?.(batch, logits)).toEqual({ answers: 6, right: Math.round(6 * found.accuracy) });
  });

  test('a stream that is restored goes on with the same batches', () => {
    const stream = trainingStream(teacher, corpus, recipe);
    stream.next();
    const state = stream.state();
    const wanted = [stream.next(), stream.next()];
    const other = trainingStream(teacher, corpus, recipe);
    other.restore(state);
    expect([other.next(), other.next()]).toEqual(wanted);
    expect(stepShape(tokenBefore, recipe).slots).toBe(16);
  });

  test("a student's card and files speak of it", async () => {
    const { run } = await runOf({ steps: 2 });
    const finished = { ...run, recipe: { ...recipe, steps: 2 } };
    const { onnx, zip } = await exportStudent(
      engine,
      teacher,
      finished,
      'toy',
      () => {},
      { int8: false, fp16: true, latency: false },
      corpus,
    );
    const half = onnx.find(({ path }) => path.includes('fp16'));
    expect(half?.withheld).toBeNull();
    expect((half?.heldOut?.tokens ?? 1) % 2).toBe(0);
    expect(half?.heldOut?.accuracy).toBeCloseTo(half?.heldOut?.engineAccuracy ?? 2, 1);
    const card = new TextDecoder().decode(unzipSync(new Uint8Array(await zip.arrayBuffer()))['toy/README.md']);
    expect(card).toContain(tokenBefore.words.limits);
    // Of the start if two steps did not help.
    expect(card).toContain(`Tokens before of held-out text after ${run.result.studentStep ?? 2} of 2 steps`);
  });
});

describe('the name of a task in a file', () => {
  test('finds the task', () => {
    expect(taskNamed('run.json', 'maskedWords')).toBe(maskedWords);
    expect(taskNamed('run.json', 'tokenBefore', [...TASKS, tokenBefore])).toBe(tokenBefore);
  });

  test.each([['tokenBefore'], [7], [undefined]])('%s: is refused, with the tasks of this build', (name) => {
    expect(() => taskNamed('run.json', name)).toThrow(
      /^run\.json: task — expected one of maskedWords, sentenceEmbedding, got .*newer one\.$/,
    );
  });
});

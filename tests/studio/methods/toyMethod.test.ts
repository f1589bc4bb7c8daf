import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WasmEngine } from '../../../src/engines/wasm/wasmEngine.ts';
import type { Recipe } from '../../../src/studio/api/recipe.ts';
import type { StudioEvent } from '../../../src/studio/api/run.ts';
import { compress } from '../../../src/studio/compression/compression.ts';
import { methodOf, METHODS } from '../../../src/studio/methods/registry.ts';
import { stepCosts } from '../../../src/studio/methods/stepCost.ts';
import { defaultRecipe, recipeTable, stepShape } from '../../../src/studio/recipe/recipe.ts';
import type { RunState } from '../../../src/studio/runs/runState.ts';
import { readTeacher, type Teacher } from '../../../src/studio/teacher/teacher.ts';
import { buildCorpus, type Corpus } from '../../../src/text/corpus.ts';
import { TEACHER, TEXT } from '../runs/runBench.ts';
import { halfGuided, untrained } from './toyMethod.ts';

let engine: WasmEngine;
let teacher: Teacher;
let corpus: Corpus;
let recipe: Recipe;
const known = [...METHODS, halfGuided, untrained];

beforeAll(async () => {
  engine = await WasmEngine.create(1);
  teacher = await readTeacher('golden', TEACHER);
  const [file] = TEXT;
  const text = new TextDecoder().decode(file?.bytes instanceof Uint8Array ? file.bytes : new Uint8Array());
  corpus = await buildCorpus([{ name: 'a1', text }], teacher.tokenizer, { sequence: 16, seed: 1 });
  const sizes = { steps: 6, batch: 4, sequence: 16, calibrationTokens: 300, evaluateEvery: 3, polishLearningRate: 1e-3 };
  recipe = { ...defaultRecipe(teacher.report), ...sizes, mode: halfGuided.name };
});

afterAll(() => engine.dispose());

describe('a method of one file', () => {
  test('is run from its start through its phases, kept on the way, and goes on from there with the same numbers', async () => {
    const kept: RunState[] = [];
    const losses = (events: readonly StudioEvent[]): number[] => events.flatMap((event) => (event.kind === 'step' ? [event.loss] : []));
    const whole: StudioEvent[] = [];
    const control = {
      proceed: () => Promise.resolve(true),
      wantsState: (step: number) => Promise.resolve(step === 4),
      keep: (state: RunState) => {
        kept.push(state);
        return Promise.resolve();
      },
    };
    const run = await compress(engine, teacher, corpus, recipe, control, (event) => whole.push(event), undefined, known);
    expect(run.result).toMatchObject({ stepsDone: 6, fault: null });
    expect(run.result.trained.loss).toBeLessThan(run.result.untrained.loss);
    expect(run.compactors.size).toBeGreaterThan(0);

    const rest: StudioEvent[] = [];
    const plain = { proceed: () => Promise.resolve(true) };
    await compress(engine, teacher, corpus, recipe, plain, (event) => rest.push(event), kept[0], known);
    expect(losses(whole)).toHaveLength(6);
    expect(losses(rest)).toEqual(losses(whole).slice(4));
  });

  test('one that merges nothing leaves nothing beside its student', async () => {
    const mode = untrained.name;
    const student = { ...teacher.report.shape, layers: 2 };
    const plain = { proceed: () => Promise.resolve(true) };
    const run = await compress(engine, teacher, corpus, { ...recipe, mode, student, tied: true }, plain, () => {}, undefined, known);
    expect(run.compactors.size).toBe(0);
    expect(run.model.config.layers).toBe(2);
  });

  test('is refused by name in a build that lacks it', () => {
    expect(() => methodOf(recipe)).toThrow(
      'recipe: mode — expected calibrated, paper, progressive, prune, distil, scratch, got halfGuided. Choose one of them.',
    );
    expect(() => stepCosts(teacher, recipe)).toThrow(/^recipe: mode — expected calibrated, .* got halfGuided\.$/);
  });
});

describe('what a step costs', () => {
  test.each(METHODS.map(({ name }) => [name]))('%s: is told by the phases that a run goes through', (mode) => {
    const asked = { ...recipe, mode, tied: false, steps: 40, compactorShare: 0.5, rampShare: 0.5 };
    const method = methodOf(asked);
    const context = { teacher, table: recipeTable(teacher, asked), recipe: asked, shape: stepShape(teacher.task, asked), heads: new Map() };
    const phases = method.phases(context).filter(({ schedule }) => schedule.last > schedule.first);
    const costs = stepCosts(teacher, asked);
    expect(costs.map(({ phase }) => phase)).toEqual(phases.map(({ name }) => name));
    expect(costs.reduce((sum, { steps }) => sum + steps, 0)).toBe(40);
  });
});

import { assert, constantFrom, double, integer, property, record } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { forecast, speedOf } from '../../src/state/forecast.ts';
import { choose, legalValues, recipeFromHash, recipeToHash, withSize, withStudent } from '../../src/state/recipeChoices.ts';
import { CHOICE_NAMES, NUMBER_NAMES, PAPER_NAMES, SETTINGS, SWITCH_NAMES, withChoice, withNumber } from '../../src/state/recipeFields.ts';
import { defaultRecipe } from '../../src/studio/recipe/recipe.ts';
import type { StepCost } from '../../src/studio/api/cost.ts';
import type { ModelShape } from '../../src/studio/api/recipe.ts';

const TEACHER: ModelShape = { layers: 12, hiddenSize: 768, heads: 12, headSize: 64, intermediateSize: 3072 };
const POSITIONS = 512;
const TRAITS = { shape: TEACHER, maxPositions: POSITIONS, tiedDecoder: true };
const RECIPE = defaultRecipe(TRAITS);
const BY_SHAPE = { onlyShallower: defaultRecipe(TRAITS, { ...TEACHER, layers: 6 }), narrower: RECIPE };

describe('a recipe in the address', () => {
  test('comes back as it was, every part of it', () => {
    const choices = record({
      mode: constantFrom('calibrated', 'paper', 'progressive', 'prune', 'distil', 'scratch'),
      calibration: constantFrom('sequential', 'one-pass'),
      depth: constantFrom('first', 'even', 'mixture'),
      documents: constantFrom('auto', 'apart', 'joined'),
      decay: constantFrom('linear', 'cosine'),
      start: constantFrom('selection', 'calibrated'),
      tied: constantFrom(true, false),
      wholeWords: constantFrom(true, false),
      vocabulary: integer({ min: 0, max: 300_000 }),
      vocabularyText: constantFrom(true, false),
      steps: integer({ min: 0, max: 100_000 }),
      seed: integer({ min: 1, max: 2 ** 31 - 1 }),
      compactorLearningRate: double({ min: 1e-7, max: 0.1, noNaN: true }),
      warmupSteps: integer({ min: 1, max: 1000 }),
      rank: integer({ min: 0, max: 65_536 }),
      tableRank: integer({ min: 1, max: 65_536 }),
      beta2: double({ min: 0, max: 0.9999, noNaN: true }),
      predicted: double({ min: 0, max: 1, noNaN: true }),
      sentences: integer({ min: 1, max: 4096 }),
      likeness: double({ min: 0, max: 1000, noNaN: true }),
      keptStates: double({ min: 0, max: 1000, noNaN: true }),
      masking: double({ min: 0.01, max: 0.5, noNaN: true }),
    });
    assert(
      property(choices, (part) => {
        const recipe = { ...RECIPE, ...part };
        const stepless = ['calibrated', 'prune', 'distil'].includes(recipe.mode);
        const steps = stepless ? recipe.steps : Math.max(1, recipe.steps);
        for (const mode of [RECIPE.mode, 'paper'])
          expect(recipeFromHash(`#${recipeToHash(recipe)}`, { ...RECIPE, mode }, TRAITS, BY_SHAPE)).toEqual({ ...recipe, steps });
      }),
    );
  });

  test('names every number and choice that a recipe has, so that none is lost', () => {
    const hash = new URLSearchParams(recipeToHash({ ...RECIPE, mode: 'paper' }));
    const flat = Object.entries(RECIPE).flatMap(([name, value]) => (typeof value === 'object' ? [] : [name]));
    for (const name of flat) expect(hash.has(name), name).toBe(true);
    for (const name of Object.keys(RECIPE.paper)) expect(hash.has(`paper.${name}`), name).toBe(true);
  });

  test('is brought into its legal range, and what is no value is left alone', () => {
    const hash = '#layers=13&heads=4&headSize=16&sequence=9999&mode=nonsense&steps=-4&batch=6&accumulation=4&seed=x&warmup=7';
    const read = recipeFromHash(hash, RECIPE, TRAITS, BY_SHAPE);
    expect(read.student).toMatchObject({ layers: RECIPE.student.layers, heads: 4, headSize: 16, hiddenSize: 64 });
    expect(read).toMatchObject({
      sequence: POSITIONS,
      mode: RECIPE.mode,
      steps: 0,
      batch: 6,
      accumulation: 3,
      seed: RECIPE.seed,
      warmup: 1,
    });
  });

  test('has a step where the method makes no student without one', () => {
    const none = withNumber(RECIPE, 'steps', 0, POSITIONS);
    expect(none.steps).toBe(0);
    for (const mode of ['paper', 'progressive', 'scratch']) expect(withChoice(none, 'mode', mode)).toMatchObject({ mode, steps: 1 });
    for (const mode of ['prune', 'distil']) expect(withChoice(none, 'mode', mode)).toMatchObject({ mode, steps: 0 });
    expect(withNumber({ ...RECIPE, mode: 'scratch' }, 'steps', 0, POSITIONS).steps).toBe(1);
  });

  test('takes micro-batches that divide the batch, whatever is typed', () => {
    assert(
      property(integer({ min: 1, max: 200 }), integer({ min: 1, max: 200 }), (batch, parts) => {
        const recipe = withNumber(withNumber(RECIPE, 'batch', batch, POSITIONS), 'accumulation', parts, POSITIONS);
        expect(recipe.batch % recipe.accumulation).toBe(0);
      }),
    );
  });
});

test('every option has a name of its own, and words for each of its values', () => {
  const names = [...NUMBER_NAMES, ...CHOICE_NAMES, ...SWITCH_NAMES];
  expect(names.toSorted()).toEqual(Object.keys(SETTINGS).toSorted());
  expect(new Set(PAPER_NAMES)).toEqual(new Set(Object.keys(RECIPE.paper)));
  expect(new Set(Object.values(SETTINGS).map(({ label }) => label)).size).toBe(names.length);
  for (const name of CHOICE_NAMES) {
    const words = Object.values(SETTINGS[name].words);
    expect(new Set(words).size).toBe(words.length);
  }
});

test('a slider moves to legal students only: width = heads x head size, at most the teacher', () => {
  const controls = ['hiddenSize', 'layers', 'heads', 'headSize', 'intermediateSize'] as const;
  assert(
    property(constantFrom(...controls), double({ min: -10, max: 5000, noNaN: true }), (control, wanted) => {
      const student = withSize(TEACHER, RECIPE.student, control, wanted);
      expect(student.hiddenSize).toBe(student.heads * student.headSize);
      for (const name of controls) expect(student[name]).toBeLessThanOrEqual(TEACHER[name]);
      expect(legalValues(control, TEACHER, student)).toContain(student[control]);
    }),
  );
});

describe('the forecast', () => {
  const costs: StepCost[] = [
    { phase: 'compactors', steps: 30, bytes: 5e6, flops: 2e9, checkpointBytes: 1 },
    { phase: 'polish', steps: 10, bytes: 3e6, flops: 1e9, checkpointBytes: 1 },
  ];

  test('is counted work over measured speed', () => {
    expect(forecast(costs, 1e10)).toEqual({ secondsPerStep: 0.2, seconds: 7, bytes: 5e6 });
    expect(forecast(costs, undefined).seconds).toBeNaN();
  });

  test('reads the speed off a run', () => {
    const recipe = { ...RECIPE, batch: 4, sequence: 100 };
    // A step of 400 tokens in half a second.
    expect(speedOf(costs, 'compactors', recipe, 800)).toBe(4e9);
    expect(speedOf(costs, 'gates', recipe, 800)).toBeUndefined();
    expect(speedOf(costs, 'polish', recipe, 0)).toBeUndefined();
  });
});

test('what depends on the shape follows it, and stays where the user set it', () => {
  const teacher: ModelShape = { layers: 4, hiddenSize: 64, heads: 4, headSize: 16, intermediateSize: 256 };
  const traits = { shape: teacher, maxPositions: POSITIONS, tiedDecoder: true };
  const shallow = { ...teacher, layers: 2 };
  const narrow = defaultRecipe(traits);
  const byShape = { onlyShallower: defaultRecipe(traits, shallow), narrower: narrow };
  expect(byShape).toMatchObject({
    onlyShallower: { guidance: 0.5, distillationShare: 0.5, tied: true },
    narrower: { guidance: 1, distillationShare: 1, tied: false },
  });

  const moved = withStudent(narrow, shallow, teacher, byShape);
  expect(moved).toEqual(defaultRecipe(traits, shallow));
  expect(withStudent(moved, narrow.student, teacher, byShape)).toEqual(narrow);
  const narrowed = withStudent(moved, { ...shallow, intermediateSize: 128 }, teacher, byShape);
  expect(narrowed).toMatchObject({ guidance: 1, tied: false });

  const own = withStudent({ ...narrow, guidance: 0.3, tied: true }, shallow, teacher, byShape);
  expect(own).toMatchObject({ student: shallow, guidance: 0.3, tied: true });
  expect(withStudent({ ...own, tied: false }, narrow.student, teacher, byShape).tied).toBe(false);

  const published = choose(moved, 'mode', 'paper', teacher, byShape);
  expect(published).toMatchObject({ mode: 'paper', tied: false });
  expect(choose(published, 'mode', 'calibrated', teacher, byShape)).toEqual(moved);
  expect(choose({ ...own, tied: false }, 'mode', 'prune', teacher, byShape).tied).toBe(false);
  expect(withStudent(withChoice(narrow, 'mode', 'paper'), shallow, teacher, byShape).tied).toBe(false);
});

test('an address that names sizes alone gets what suits them, and one that names all keeps all', () => {
  const teacher: ModelShape = { layers: 4, hiddenSize: 64, heads: 4, headSize: 16, intermediateSize: 256 };
  const traits = { shape: teacher, maxPositions: POSITIONS, tiedDecoder: true };
  const narrower = defaultRecipe(traits);
  const byShape = { onlyShallower: defaultRecipe(traits, { ...teacher, layers: 2 }), narrower };
  const sizes = '#layers=2&heads=4&headSize=16&intermediateSize=256';
  expect(recipeFromHash(sizes, narrower, traits, byShape)).toEqual(byShape.onlyShallower);
  expect(recipeFromHash(`${sizes}&guidance=1&tied=false`, narrower, traits, byShape)).toMatchObject({ guidance: 1, tied: false });
  expect(recipeFromHash(`${sizes}&mode=paper`, narrower, traits, byShape).tied).toBe(false);
});

test('a large teacher guides no student, and one with a decoder of its own ties none', () => {
  const shallow = { ...TEACHER, layers: 6 };
  expect(defaultRecipe({ shape: TEACHER, maxPositions: POSITIONS, tiedDecoder: true }, shallow)).toMatchObject({ guidance: 0, tied: true });
  expect(defaultRecipe({ shape: TEACHER, maxPositions: POSITIONS, tiedDecoder: false }, shallow)).toMatchObject({
    guidance: 0,
    tied: false,
  });
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { recipeFrom } from '../../../src/cli/recipe.ts';
import { notedRun } from '../../../src/studio/comparison/notedRun.ts';
import { defaultRecipe, recipeLayers } from '../../../src/studio/recipe/recipe.ts';
import { recipeFrom as storedRecipe } from '../../../src/studio/runs/recipeVersions.ts';
import { createSession } from '../../../src/studio/session.ts';
import type { GivenFile } from '../../../src/studio/api/files.ts';
import type { Recipe } from '../../../src/studio/api/recipe.ts';
import { TEACHER } from '../runs/runBench.ts';

const SHAPE = { layers: 4, hiddenSize: 32, heads: 4, headSize: 8, intermediateSize: 48 };
const today = defaultRecipe({ shape: SHAPE, maxPositions: 64, tiedDecoder: true });
/** As the first builds wrote it. */
const early = Object.fromEntries(
  Object.entries(today).filter(([field]) => !['depth', 'teacherLearningRate', 'guidance', 'decay', 'paper', 'rampShare'].includes(field)),
);

const runJson = (content: unknown): GivenFile[] => [{ path: 'student/run.json', bytes: new TextEncoder().encode(JSON.stringify(content)) }];

test('a run.json without depth is of a student whose layers end at the last, one that names depth is believed', async () => {
  expect((await notedRun(runJson({ recipe: early }))).depth).toEqual({ depth: 'even' });
  for (const depth of ['first', 'even', 'mixture'] as const)
    expect((await notedRun(runJson({ recipe: { ...today, depth } }))).depth).toEqual({ depth });
});

test('notes that say nothing of layers are as good as none', async () => {
  expect((await notedRun([])).depth).toBeUndefined();
  for (const damaged of [{}, { recipe: null }, { recipe: {} }, { recipe: { ...today, depth: 'odd' } }, { recipe: { ...today, warp: 9 } }])
    expect((await notedRun(runJson(damaged))).depth, JSON.stringify(damaged)).toBeUndefined();
});

test('mixtures begin at the layers of the default', () => {
  const layers = (depth: Recipe['depth']): number[] => recipeLayers(SHAPE, { student: { ...SHAPE, layers: 2 }, depth });
  expect(layers('mixture')).toEqual([0, 2]);
  expect(layers('mixture')).toEqual(layers('first'));
  expect(layers('even')).toEqual([1, 3]);
});

test("--recipe takes what an early run.json lacks from that build, what a user's own file lacks from today", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wid-studio-recipe-'));
  const session = createSession();
  try {
    await session.loadTeacher('golden', TEACHER);
    const file = join(folder, 'run.json');
    writeFileSync(file, JSON.stringify({ recipe: early }));
    expect(await recipeFrom(session, { recipe: file })).toMatchObject({ depth: 'even', teacherLearningRate: 0, guidance: 0 });
    writeFileSync(file, JSON.stringify({ steps: 7 }));
    expect(await recipeFrom(session, { recipe: file })).toMatchObject({ depth: 'first', steps: 7 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a recipe that was stored before there was a table of settings is read as it is, and starts the same run', async () => {
  // Written by the terminal of that build, `plan --json` on the golden teacher.
  const stored: unknown = JSON.parse(readFileSync(new URL('storedRecipe.json', import.meta.url), 'utf8'));
  if (typeof stored !== 'object' || stored === null) throw new Error('storedRecipe.json holds no recipe.');
  const recipe = storedRecipe('kept', stored);
  // What was not known then is what was done then.
  expect(recipe).toEqual({
    ...stored,
    documents: 'joined',
    predicted: 0,
    beta2: 0.98,
    rank: 65_536,
    tableRank: 65_536,
    vocabulary: 0,
    vocabularyText: false,
    warmupSteps: 1,
    sentences: 64,
    likeness: 0,
    keptStates: 0,
  });
  const session = createSession();
  await session.loadTeacher('golden', TEACHER);
  expect((await session.stepCosts(recipe)).map(({ phase, steps }) => [phase, steps])).toEqual([['compactors', 4]]);
  expect(await session.defaults()).toMatchObject({
    ...recipe,
    documents: 'auto',
    warmupSteps: 10,
    steps: 100,
    batch: 16,
    sequence: 40,
    calibrationTokens: 4096,
  });
});

import { Command } from 'commander';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { recipeFrom as recipeOfTerminal } from '../../../src/cli/recipe.ts';
import { trainingOptions } from '../../../src/cli/settingOptions.ts';
import { recipeFromHash, recipeToHash } from '../../../src/state/recipeChoices.ts';
import { NUMBER_NAMES, SETTINGS } from '../../../src/state/recipeFields.ts';
import { recipeFrom as recipeOfRun } from '../../../src/studio/runs/recipeVersions.ts';
import { recipeDifferences } from '../../../src/studio/runs/recipeWords.ts';
import type { Recipe } from '../../../src/studio/api/recipe.ts';
import type { Setting } from '../../../src/studio/settings/setting.ts';
import type * as Table from '../../../src/studio/settings/settings.ts';
import { RunBench, TEACHER } from '../runs/runBench.ts';

// The one row of docs/adding-a-setting.md. All that reads the table is the real thing.
vi.mock('../../../src/studio/settings/settings.ts', async (original) => {
  const real = await original<typeof Table>();
  const swing: Setting = {
    kind: 'number',
    label: 'Swing',
    noun: 'swing of the pendulum',
    least: 0,
    above: true,
    most: 3,
    default: ({ shape }, student) => student.layers / shape.layers,
    earlier: 2.5,
    option: '--swing <n>',
    help: 'how far it swings',
  };
  return { ...real, SETTINGS: { ...real.SETTINGS, swing } };
});

const bench = new RunBench();
const swingOf = (recipe: object): unknown => Reflect.get(recipe, 'swing');
const withSwing = (recipe: Recipe, swing: unknown): Recipe => {
  const toy = { swing };
  return { ...recipe, ...toy };
};
const WORDS = 'expected a number above 0 to 3, got 4';

function parsed(...given: string[]): object {
  const command = trainingOptions(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  command.parse(given, { from: 'user' });
  return command.opts();
}

test('one row: the default, and what the session refuses', async () => {
  const { session, recipe } = await bench.open('toy');
  const { layers } = (await session.defaults()).student;
  expect(swingOf(await session.defaults())).toBe(1);
  expect(swingOf(await session.defaults({ ...recipe.student, layers: 1 }))).toBe(1 / layers);
  await expect(session.start(withSwing(recipe, 4), () => {})).rejects.toThrow(`recipe: swing of the pendulum — ${WORDS}.`);
  await expect(session.stepCosts(withSwing(recipe, 'far'))).rejects.toThrow('got far.');
});

test('one row: an option of the terminal, its help, and what it and a recipe file refuse', async () => {
  const { session } = await bench.open('toy');
  expect(trainingOptions(new Command()).helpInformation()).toMatch(/--swing <n>\s+how far it swings/);
  expect(swingOf(await recipeOfTerminal(session, parsed('--swing', '0.5')))).toBe(0.5);
  expect(() => parsed('--swing', '4')).toThrow(WORDS.replace('e', 'E'));
  const folder = mkdtempSync(join(tmpdir(), 'wid-studio-toy-'));
  try {
    const file = join(folder, 'recipe.json');
    writeFileSync(file, '{"swing": 4}');
    await expect(recipeOfTerminal(session, { recipe: file })).rejects.toThrow(`recipe.json.swing: ${WORDS}. Correct it.`);
    writeFileSync(file, '{"swing": 3}');
    expect(swingOf(await recipeOfTerminal(session, { recipe: file }))).toBe(3);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('one row: a field of the page, and a part of the address', async () => {
  const { session, recipe } = await bench.open('toy');
  expect(NUMBER_NAMES.map(String)).toContain('swing');
  const row = Object.entries<Setting>(SETTINGS).find(([name]) => name === 'swing')?.[1];
  expect(row?.label).toBe('Swing');
  const teacher = await session.loadTeacher('golden', TEACHER);
  const byShape = { onlyShallower: recipe, narrower: recipe };
  const read = (hash: string): unknown => swingOf(recipeFromHash(hash, withSwing(recipe, 1), teacher, byShape));
  expect(read(recipeToHash(withSwing(recipe, 0.25)))).toBe(0.25);
  expect(read('#swing=4')).toBe(3);
  expect(read('#swing=0')).toBe(1);
});

test('one row: what differs from the run before, and a run that was stored before', async () => {
  const { recipe } = await bench.open('toy');
  expect(recipeDifferences(withSwing(recipe, 1), withSwing(recipe, 2))).toEqual(['swing of the pendulum 1 -> 2']);
  const before = Object.fromEntries(Object.entries(recipe).filter(([name]) => name !== 'swing'));
  expect(swingOf(recipeOfRun('kept', before))).toBe(2.5);
});

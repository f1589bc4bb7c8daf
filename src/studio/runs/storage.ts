import { parameterShapes } from '../../models/model.ts';
import { sizeInWords } from '../../tensor/bytes.ts';
import { StudioError } from '../../tensor/studioError.ts';
import { MOST_BINS } from '../../wid/norms.ts';
import { studentConfig } from '../../wid/spaces.ts';
import { recipeTable } from '../recipe/recipe.ts';
import { compactorsKept, stepCosts, storedBytes } from '../methods/stepCost.ts';
import type { StorageReport } from '../api/history.ts';
import type { Recipe } from '../api/recipe.ts';
import type { Teacher } from '../teacher/teacher.ts';
import { COLUMNS } from './runMetrics.ts';
import { KEPT, type RunStore } from './runStore.ts';

/** A number of many digits and its comma, as JSON. */
const NUMBER_BYTES = 21;
/** Recipe, hashes, names and results as JSON. */
const WORDS_BYTES = 6000;

/** What a run has on the disk at most at any one time, in bytes. @param sequences of the text's training part */
function bytesOf(teacher: Teacher, recipe: Recipe, sequences: number, resumed: boolean): number {
  const { layers, heads } = recipe.student;
  // Norms of three spaces a layer and of two for all; similarity and origin of every head.
  const each = NUMBER_BYTES * (MOST_BINS * (3 * layers + 2) + 2 * layers * heads + 20);
  const said = WORDS_BYTES + (recipe.steps / recipe.evaluateEvery + 3) * each + 4 * COLUMNS * recipe.steps;
  const order = sequences * (String(sequences).length + 1);
  const checkpoint = stepCosts(teacher, recipe).reduce((most, { checkpointBytes }) => Math.max(most, checkpointBytes), 0) + said + order;
  const shapes = parameterShapes(studentConfig(teacher.model.config, recipeTable(teacher, recipe)));
  const student = storedBytes([...shapes.values(), ...compactorsKept(teacher, recipe)]) + WORDS_BYTES;
  // A file that is replaced is still there while the new one is written: the third checkpoint, or at the end the student,
  // of which a run that was stopped before has one already.
  const before = resumed ? student : 0;
  return Math.ceil(Math.max((KEPT + 1) * checkpoint, KEPT * checkpoint + student) + before + 2 * said);
}

/**
 * What a run needs on the disk at most, and what there is.
 * @param sequences of the text's training part   @param run that goes on: what it has is not needed again
 * @param insist throw where there is not enough, after emptying the bin
 * @throws StudioError `storage`
 */
export async function storageFor(
  store: RunStore,
  teacher: Teacher,
  recipe: Recipe,
  sequences: number,
  { run, insist = false }: { readonly run?: string; readonly insist?: boolean } = {},
): Promise<StorageReport> {
  const there = run === undefined ? 0 : await store.bytesOf(run);
  const needed = Math.max(0, bytesOf(teacher, recipe, sequences, there > 0) - there);
  let free = await store.free(needed);
  if (insist && free !== null && free < needed && (await store.emptyBin(0)) > 0) free = await store.free(needed);
  if (insist && free !== null && free < needed)
    throw new StudioError(
      'storage',
      `storage: room for checkpoints — expected ${sizeInWords(needed)}, got ${sizeInWords(free)}. Delete old runs, or free room on the disk, and start again.`,
      { needed, free },
    );
  return { needed, free };
}

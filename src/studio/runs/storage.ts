import { countParameters } from '../../bert/model.ts';
import { StudioError } from '../../tensor/studioError.ts';
import { studentConfig } from '../../wid/spaces.ts';
import { recipeTable } from '../recipe/recipe.ts';
import { stepCosts } from '../recipe/stepCost.ts';
import type { Recipe, StorageReport } from '../studioApi.ts';
import type { Teacher } from '../teacher/teacher.ts';
import { KEPT, type RunStore } from './runStore.ts';

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/**
 * What a run needs on the disk at most, and what there is. While a checkpoint is written those before it are still there.
 * @param insist throw where there is not enough, after emptying the bin
 * @throws StudioError `storage`
 */
export async function storageFor(store: RunStore, teacher: Teacher, recipe: Recipe, insist = false): Promise<StorageReport> {
  const checkpoint = stepCosts(teacher, recipe).reduce((most, { checkpointBytes }) => Math.max(most, checkpointBytes), 0);
  const student = 4 * countParameters(studentConfig(teacher.model.config, recipeTable(teacher, recipe)));
  // A third of a checkpoint are the trained numbers, which are kept beside the student.
  const needed = Math.ceil((KEPT + 1 + 1 / 3) * checkpoint + student);
  let free = await store.free();
  if (insist && free !== null && free < needed && (await store.emptyBin(0)) > 0) free = await store.free();
  if (insist && free !== null && free < needed)
    throw new StudioError(
      'storage',
      `storage: room for checkpoints — expected ${mebibytes(needed)}, got ${mebibytes(free)}. Delete old runs, or free room on the disk, and start again.`,
      { needed, free },
    );
  return { needed, free };
}

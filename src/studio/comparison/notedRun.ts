import { openBytes } from '../../tensor/byteSource.ts';
import { recipeFrom } from '../runs/recipeVersions.ts';
import type { GivenFile } from '../api/files.ts';
import type { Recipe } from '../api/recipe.ts';
import { readJson } from '../teacher/checkpointFolder.ts';

/**
 * What `run.json` says of where a student's layers and heads come from: by which rule layers were left out, and which
 * heads stayed. Other students are taken to keep all heads in order, and layers by today's default.
 */
export async function notedRun(files: readonly GivenFile[]): Promise<{
  readonly depth: Pick<Recipe, 'depth'> | undefined;
  readonly origins: readonly (readonly number[])[] | undefined;
}> {
  const file = files.find(({ path }) => path.split('/').at(-1) === 'run.json');
  let run: unknown;
  try {
    if (file !== undefined) run = await readJson(file.path, openBytes(file.bytes));
  } catch {
    // Damaged notes are as good as none.
  }
  const kept = within(run, 'recipe');
  const origins = within(run, 'result', 'similarity', 'origins');
  return {
    depth: typeof kept === 'object' && kept !== null ? notedDepth(kept) : undefined,
    origins: isListOfLists(origins) ? origins : undefined,
  };
}

/** Runs of builds that had no choice of depth did what `even` does. */
function notedDepth(kept: object): Pick<Recipe, 'depth'> | undefined {
  try {
    const { depth } = recipeFrom('run.json', kept);
    return ['first', 'even', 'mixture'].includes(depth) ? { depth } : undefined;
  } catch {
    // A recipe of another program, or of a newer build.
    return undefined;
  }
}

function within(value: unknown, ...keys: readonly string[]): unknown {
  let found = value;
  for (const key of keys)
    found = typeof found === 'object' && found !== null ? new Map<string, unknown>(Object.entries(found)).get(key) : undefined;
  return found;
}

function isListOfLists(value: unknown): value is readonly (readonly number[])[] {
  return Array.isArray(value) && value.every((row) => Array.isArray(row) && row.every((n) => Number.isInteger(n) && n >= 0));
}

import { StudioError } from '../../tensor/studioError.ts';
import { calibrated } from './calibrated.ts';
import { distil } from './distil.ts';
import type { Method } from './method.ts';
import { paper } from './paper.ts';
import { progressive } from './progressive.ts';
import { prune } from './prune.ts';
import { scratch } from './scratch.ts';

/** Every method of this build; `settings/modes.ts` has a row for each. */
export const METHODS: readonly Method[] = [calibrated, paper, progressive, prune, distil, scratch];

/** The method of a recipe. @param known the methods to look among   @throws StudioError if there is none of this name */
export function methodOf({ mode }: { readonly mode: string }, known: readonly Method[] = METHODS): Method {
  const method = known.find(({ name }) => name === mode);
  if (method === undefined)
    throw new StudioError(
      'recipe',
      `recipe: mode — expected ${known.map(({ name }) => name).join(', ')}, got ${mode}. Choose one of them.`,
    );
  return method;
}

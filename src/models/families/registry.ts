import { StudioError } from '../../tensor/studioError.ts';
import type { Family } from '../family.ts';
import { bert } from './bert.ts';
import { distilbert } from './distilbert.ts';
import { electra } from './electra.ts';
import { modernbert } from './modernbert.ts';
import { camembert, roberta, xlmRoberta } from './roberta.ts';
import { refusedFamily } from './unsupported.ts';

/** What a configuration without a family is: there was no other when it was written. */
const FIRST = bert;

/** Every family that models may be of, a row each. */
const families = new Map<string, Family>(
  [bert, distilbert, roberta, xlmRoberta, camembert, electra, modernbert].map((family) => [family.id, family]),
);

/** Adds a family. @throws StudioError if there is another one of its identifier */
export function addFamily(family: Family): void {
  const known = families.get(family.id);
  if (known !== undefined && known !== family)
    throw new StudioError('config', `family ${family.id} — expected an identifier of its own, got one that is there. Choose another.`);
  families.set(family.id, family);
}

/** `Family.id` of every family of this build. */
export function familyIds(): readonly string[] {
  return [...families.keys()];
}

/** The family of a configuration that was checked, or read from a stored file. @throws StudioError if it is unknown here */
export function familyOf(id: string | undefined): Family {
  const family = id === undefined ? FIRST : families.get(id);
  if (family === undefined) throw refusedFamily([...families.keys()], id);
  return family;
}

/** The family of a `config.json`'s `model_type`. @throws StudioError naming why it is not supported */
export function supportedFamily(type: unknown): Family {
  const found = typeof type === 'string' ? families.get(type) : (type ?? undefined) === undefined ? FIRST : undefined;
  if (found === undefined) throw refusedFamily([...families.keys()], type);
  return found;
}

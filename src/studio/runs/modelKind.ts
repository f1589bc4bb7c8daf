import { familyIds, familyOf } from '../../models/families/registry.ts';
import { FIRST_TASK, TASKS } from '../../tasks/registry.ts';
import { shownValue } from '../../tensor/shown.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { Teacher } from '../teacher/teacher.ts';
import { STUDIO_VERSION } from '../version.ts';

/** What a kept model is, and what it is trained for: `Family.id` and `Task.name`. */
export interface ModelKind {
  readonly family: string;
  readonly task: string;
}

/** What files mean that were written before there was a choice. */
const FIRST_KIND: ModelKind = { family: familyOf(undefined).id, task: FIRST_TASK };

export function kindOfTeacher({ model, task }: Pick<Teacher, 'model' | 'task'>): ModelKind {
  return { family: familyOf(model.config.family).id, task: task.name };
}

/** Fields of a kept file that say what it holds, and which version of the studio can read it. */
export function kindFields({ family, task }: ModelKind): ModelKind & { readonly studio: string } {
  return { family, task, studio: STUDIO_VERSION };
}

/**
 * What a kept file holds.
 * @param name the file, for the message   @param plain all of it that is no tensor
 * @throws StudioError naming family, task and version if this version of the studio does not know one of the former
 */
export function keptKind(name: string, plain: object): ModelKind {
  const { family, task, studio }: { family?: unknown; task?: unknown; studio?: unknown } = { ...FIRST_KIND, ...plain };
  if (typeof family === 'string' && familyIds().includes(family) && TASKS.some((known) => known.name === task))
    return { family, task: String(task) };
  const of = (families: readonly unknown[], tasks: readonly unknown[]): string =>
    `a model of family ${families.map(shownValue).join(' or ')} for the task ${tasks.map(shownValue).join(' or ')}`;
  const known = of(
    familyIds(),
    TASKS.map((one) => one.name),
  );
  const writer = studio === undefined ? 'a newer WID Studio' : `WID Studio ${shownValue(studio)}`;
  throw new StudioError(
    'checkpoint',
    `${name}: expected ${known}, got ${of([family], [task])}, written by ${writer}. Open it with that version or a newer one; this is ${STUDIO_VERSION}.`,
    { name },
  );
}

import { shownValue } from '../tensor/shown.ts';
import { StudioError } from '../tensor/studioError.ts';
import { maskedWords } from './maskedWords.ts';
import { sentenceEmbedding } from './sentenceEmbedding.ts';
import type { Task } from './task.ts';

/** The task of every file that was written before there was a choice. */
export const FIRST_TASK = maskedWords.name;

/** Every task of this build. */
export const TASKS: readonly Task[] = [maskedWords, sentenceEmbedding];

/**
 * The task of this name, as a file records it.
 * @param where the file, for the message   @param known the tasks to look among
 * @throws StudioError if this build has no such task
 */
export function taskNamed(where: string, name: unknown, known: readonly Task[] = TASKS): Task {
  const task = known.find((one) => one.name === name);
  if (task === undefined)
    throw new StudioError(
      'task',
      `${where}: task — expected one of ${known.map((one) => one.name).join(', ')}, got ${shownValue(name)}. Open it with the version of the studio that wrote it, or a newer one.`,
    );
  return task;
}

import { filesOf, readJson, textsOf } from './files.ts';
import type { TeacherOptions } from './options.ts';
import { checkFolder } from './outFolder.ts';
import { hubRequest } from './teacherPlace.ts';
import { UsageError } from './usage.ts';

interface GivenPaths extends TeacherOptions {
  readonly text?: readonly string[];
  readonly student?: string;
  readonly recipe?: string;
  readonly out?: string;
}

/**
 * Looks at every path of the command line before any work: a wrong one is not to cost the reading, or the fetching, of a
 * teacher first.
 * @param work whether a text is needed
 * @throws UsageError
 */
export function checkPaths(options: GivenPaths, work: { readonly text: boolean }): void {
  const { demo, teacher, text, student, recipe, out } = options;
  if (demo === true && teacher !== undefined)
    throw new UsageError('teacher: expected --demo or --teacher, got both. Leave one of them out.');
  if (demo !== true && teacher === undefined)
    throw new UsageError('teacher: expected --teacher PATH or --demo, got neither. --demo takes the bundled teacher and prose.');
  if (teacher !== undefined && hubRequest(teacher, options) === undefined) filesOf(teacher);
  if (work.text && text === undefined && demo !== true)
    throw new UsageError('text: expected --text PATH, got none. Give one or more text files, or folders of them.');
  for (const path of text ?? []) textsOf(path);
  if (student !== undefined) filesOf(student);
  if (recipe !== undefined) readJson(recipe);
  if (out !== undefined) checkFolder(out);
}

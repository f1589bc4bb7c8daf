import { StudioError } from '../../tensor/studioError.ts';
import type { GivenFile } from '../api/files.ts';
import type { GivenText } from '../api/opening.ts';
import { holdRun } from '../runs/runArchive.ts';
import { sortGiven } from '../sortGiven.ts';
import type { StudioApi } from '../studioApi.ts';
import { beginningsOf } from './recipeVerbs.ts';
import type { SessionState } from './sessionState.ts';

/** The files with paths relative to the folder that holds all of them, and its name. */
function underFolder(files: readonly GivenFile[], fallback: string): { readonly name: string; readonly files: readonly GivenFile[] } {
  const folder = files[0]?.path.split('/').slice(0, -1) ?? [];
  while (folder.length > 0 && !files.every(({ path }) => path.startsWith(`${folder.join('/')}/`))) folder.pop();
  const cut = folder.length === 0 ? 0 : folder.join('/').length + 1;
  const [only] = files.length === 1 ? files : [];
  const name = folder.at(-1) ?? (only === undefined ? fallback : only.path.slice(cut).replace(/\.[a-z]+$/i, ''));
  return { name, files: files.map((file) => ({ path: file.path.slice(cut), bytes: file.bytes })) };
}

/** Whatever was dropped, by the verbs that read a teacher, a text and a run. */
export function openVerb(
  state: SessionState,
  { loadTeacher, loadText, importRun }: Pick<StudioApi, 'loadTeacher' | 'loadText' | 'importRun'>,
): Pick<StudioApi, 'open'> {
  return {
    async open(files, wishFor, listen, again) {
      if (holdRun(files)) return { teacher: null, text: null, run: await importRun(files) };
      const at = (indices: readonly number[]): GivenFile[] => indices.flatMap((index) => files[index] ?? []);
      const places = await sortGiven(files);
      if (places.teacher.length === 0 && places.text.length === 0)
        throw new StudioError(
          'drop',
          'drop: these files — expected a BERT (config.json, weights, vocabulary) or text (.txt, .jsonl, .csv, .tsv, .parquet), got neither. Drop the model folder or text files.',
        );
      const folder = places.teacher.length === 0 ? undefined : underFolder(at(places.teacher), 'teacher');
      const fresh: GivenText | undefined = places.text.length > 0 ? underFolder(at(places.text), 'Your text') : undefined;
      const text = fresh ?? (folder === undefined ? undefined : again);
      const report = folder === undefined ? undefined : await loadTeacher(folder.name, folder.files, listen);
      const teacher = report === undefined ? null : { report, beginnings: beginningsOf(report) };
      const wish = await wishFor({ teacher, readsText: text !== undefined });
      if (text === undefined) return { teacher, text: null };
      if (state.teacher === undefined || wish === undefined)
        throw new StudioError('drop', 'drop: text alone — expected a teacher first, got none. Choose a BERT checkpoint, or try the demo.');
      const column = text.column === undefined ? {} : { column: text.column };
      return { teacher, text: { ...text, report: await loadText(text.name, text.files, { ...wish, ...column }, listen) } };
    },
  };
}

import { sizeInWords } from '../../tensor/bytes.ts';
import type { HubRequest, TeacherReport } from '../../studio/api/teacher.ts';
import type { StudioListener } from '../../studio/api/run.ts';
import type { TextReport } from '../../studio/api/text.ts';
import { demoFiles, underFolder, type GivenFile } from '../givenFiles.ts';
import { recipeFromHash } from '../recipeChoices.ts';
import { useSetup } from '../setupStore.ts';
import { whileReading } from '../whileReading.ts';
import type { Desk } from './desk.ts';
import { recost, replan } from './recipeActions.ts';

export interface InputActions {
  /** Sorts files into a teacher and text, and reads them. */
  open(files: Promise<readonly GivenFile[]>): Promise<void>;
  /** Reads the text again, from another column of its tables. */
  chooseColumn(column: string): Promise<void>;
  /** Loads a teacher from Hugging Face. */
  fetchTeacher(request: HubRequest): Promise<void>;
  /** Gives up fetching; what has arrived is kept for the next try. */
  cancelFetch(): Promise<void>;
  /** Finds out how much is kept of fetched repositories. */
  measureFetched(): Promise<void>;
  /** Deletes what is kept of fetched repositories; a teacher that is loaded stays loaded. */
  deleteFetched(): Promise<void>;
  /** Gives up reading a text; the one before stays. */
  cancelText(): Promise<void>;
}

export const DEMO_NAME = 'demo-teacher';

async function measureFetched(desk: Desk): Promise<void> {
  try {
    useSetup.setState({ fetchedBytes: await desk.api.hubCacheSize() });
  } catch {
    // Where storage is refused, nothing is kept, and nobody asked.
    useSetup.setState({ fetchedBytes: 0 });
  }
}

export function loadTeacher(desk: Desk, name: string, files: readonly GivenFile[]): Promise<void> {
  const loading = readTeacher(desk, name, files);
  desk.loadingTeacher = loading.catch(() => undefined);
  return loading;
}

/** How far the bytes of a teacher are read. */
function bytesTold(say: (words: string) => void): StudioListener {
  return (event) => {
    if (event.kind === 'progress') say(`${event.stage}, ${sizeInWords(event.done)} of ${sizeInWords(event.total)}`);
  };
}

function readTeacher(desk: Desk, name: string, files: readonly GivenFile[]): Promise<void> {
  return whileReading(`Reading ${name}`, async (say) => takeTeacher(desk, await desk.api.loadTeacher(name, files, bytesTold(say))));
}

/** Shows a teacher that the session has. */
export async function takeTeacher(desk: Desk, teacher: TeacherReport): Promise<void> {
  const narrower = await desk.api.defaults();
  const byShape = { onlyShallower: await desk.api.defaults(teacher.shape), narrower };
  const recipe = recipeFromHash(location.hash, narrower, teacher, byShape);
  useSetup.setState({
    teacher,
    recipe,
    byShape,
    presets: await desk.api.presets(),
    text: undefined,
    plan: undefined,
    costs: undefined,
  });
  desk.dropResult();
  await replan(desk);
}

/** A text that came back with its run is packed, and cannot be read again otherwise. @param cure besides giving its files */
function packedAlready(desk: Desk, { name, sequence }: TextReport, wanted: string, cure = ''): Error {
  const files = desk.recalledFrom.length === 0 ? 'its files' : desk.recalledFrom.join(', ');
  return new Error(
    `text: ${name} — expected its files, to ${wanted}, got it as its run kept it, packed to ${sequence} tokens. Drop ${files} on this page${cure}.`,
  );
}

/** @throws Error where the text came back with its run and the recipe asks for another length */
export async function loadText(desk: Desk): Promise<void> {
  const { recipe, text: shown } = useSetup.getState();
  const { text } = desk;
  if (recipe === undefined) return;
  if (text === undefined) {
    if (shown === undefined || shown.sequence === recipe.sequence) return;
    throw packedAlready(desk, shown, `pack it to ${recipe.sequence}`, `, or set the sequence length to ${shown.sequence}`);
  }
  const wish = { sequence: recipe.sequence, seed: recipe.seed, ...(text.column === undefined ? {} : { column: text.column }) };
  useSetup.setState({ readingText: true });
  try {
    await whileReading('Reading the text', async (say) => {
      const report = await desk.api.loadText(text.name, text.files, wish, (event) => {
        if (event.kind === 'progress') say(`Reading the text, ${Math.round((100 * event.done) / Math.max(1, event.total))} %`);
      });
      useSetup.setState({ text: report });
    });
  } finally {
    useSetup.setState({ readingText: false });
  }
}

export function loadDemo(desk: Desk): Promise<void> {
  return whileReading('Fetching the demo', async () => {
    const demo = await demoFiles(desk.base);
    await loadTeacher(desk, DEMO_NAME, demo.teacher);
    desk.text = { name: 'Demo prose', files: demo.prose };
  });
}

export function inputActions(desk: Desk): InputActions {
  return {
    async open(files) {
      const opening = async (): Promise<void> => {
        const given = await files;
        const places = await desk.api.sortFiles(given);
        const at = (indices: readonly number[]): GivenFile[] => indices.flatMap((index) => given[index] ?? []);
        if (places.teacher.length === 0 && places.text.length === 0)
          throw new Error(
            'drop: these files — expected a BERT (config.json, weights, vocabulary) or text (.txt, .jsonl, .csv, .tsv, .parquet), got neither. Drop the model folder or text files.',
          );
        if (places.teacher.length === 0) await desk.loadingTeacher;
        if (places.teacher.length === 0 && useSetup.getState().teacher === undefined)
          throw new Error('drop: text alone — expected a teacher first, got none. Choose a BERT checkpoint, or try the demo.');
        if (places.teacher.length > 0) {
          const folder = underFolder(at(places.teacher), 'teacher');
          await loadTeacher(desk, folder.name, folder.files);
        }
        const before = desk.text;
        if (places.text.length > 0) desk.text = underFolder(at(places.text), 'Your text');
        try {
          await loadText(desk);
        } catch (error) {
          desk.text = before;
          throw error;
        }
        await recost(desk);
      };
      await desk.guarded(() => whileReading('Looking at the files', opening));
    },
    async fetchTeacher(request) {
      useSetup.setState({ fetching: true });
      const fetching = async (say: (words: string) => void): Promise<void> => {
        await takeTeacher(desk, await desk.api.loadHubTeacher(request, bytesTold(say)));
        await loadText(desk);
        await recost(desk);
      };
      await desk.guarded(() => whileReading(`Looking for ${request.repository}`, fetching));
      useSetup.setState({ fetching: false });
      await measureFetched(desk);
    },
    measureFetched: () => measureFetched(desk),
    async deleteFetched() {
      await desk.asked(() => desk.api.clearHubCache());
      await measureFetched(desk);
    },
    async cancelFetch() {
      await desk.asked(() => desk.api.cancelTeacher());
    },
    async chooseColumn(column) {
      const before = desk.text;
      const { text } = useSetup.getState();
      if (before === undefined) {
        await desk.guarded(() =>
          text === undefined ? Promise.resolve() : Promise.reject(packedAlready(desk, text, 'read another column')),
        );
        return;
      }
      desk.text = { ...before, column };
      if (!(await desk.guarded(() => loadText(desk)))) desk.text = before;
    },
    async cancelText() {
      await desk.asked(() => desk.api.cancelText());
    },
  };
}

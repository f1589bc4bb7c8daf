import { sizeInWords } from '../../tensor/bytes.ts';
import type { OpenedTeacher, WishFor } from '../../studio/api/opening.ts';
import type { HubRequest, TeacherReport } from '../../studio/api/teacher.ts';
import type { StudioListener } from '../../studio/api/run.ts';
import type { Recipe } from '../../studio/api/recipe.ts';
import type { DocumentsForm, TextReport } from '../../studio/api/text.ts';
import { demoFiles, type GivenFile } from '../givenFiles.ts';
import { recipeFromHash } from '../recipeChoices.ts';
import { useSetup } from '../setupStore.ts';
import { whileReading } from '../whileReading.ts';
import type { Desk } from './desk.ts';
import { layBeside, lookForRuns } from './historyLooks.ts';
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

/** How far the bytes of a teacher are read. */
function bytesTold(say: (words: string) => void): StudioListener {
  return (event) => {
    if (event.kind === 'progress') say(`${event.stage}, ${sizeInWords(event.done)} of ${sizeInWords(event.total)}`);
  };
}

/** How far a text is read. */
function shareTold(say: (words: string) => void): StudioListener {
  return (event) => {
    if (event.kind === 'progress') say(`Reading the text, ${Math.round((100 * event.done) / Math.max(1, event.total))} %`);
  };
}

/** Shows a teacher that the session has. */
export async function takeTeacher(desk: Desk, teacher: TeacherReport): Promise<void> {
  await showTeacher(desk, { report: teacher, beginnings: await desk.api.beginnings() });
}

async function showTeacher(desk: Desk, { report: teacher, beginnings: { presets, byShape } }: OpenedTeacher): Promise<void> {
  const recipe = recipeFromHash(location.hash, byShape.narrower, teacher, byShape);
  useSetup.setState({ teacher, recipe, byShape, presets, text: undefined, plan: undefined, costs: undefined });
  desk.dropResult();
  await replan(desk);
}

/** Does work that may bring a teacher: {@link Desk.loadingTeacher} waits until it has called `arrived`, or has ended. */
async function whileLoading(desk: Desk, work: (earlier: Promise<void>, arrived: () => void) => Promise<void>): Promise<void> {
  const earlier = desk.loadingTeacher;
  let arrived = (): void => {};
  desk.loadingTeacher = new Promise((resolve) => {
    arrived = resolve;
  });
  try {
    await work(earlier, arrived);
  } finally {
    arrived();
  }
}

/** A text that came back with its run is packed, and cannot be read again otherwise. @param cure besides giving its files */
function packedAlready(desk: Desk, { name, sequence }: TextReport, wanted: string, cure = ''): Error {
  const files = desk.recalledFrom.length === 0 ? 'its files' : desk.recalledFrom.join(', ');
  return new Error(
    `text: ${name} — expected its files, to ${wanted}, got it as its run kept it, packed to ${sequence} tokens. Drop ${files} on this page${cure}.`,
  );
}

/** How the documents of a text lie; builds that did not say joined them. */
function formOf({ packing }: TextReport): DocumentsForm {
  return packing?.documents ?? 'joined';
}

/** Whether a text is packed as a recipe asks for. */
export function isPackedFor(text: TextReport, { sequence, documents }: Pick<Recipe, 'sequence' | 'documents'>): boolean {
  return text.sequence === sequence && (documents === 'auto' ? text.packing?.wish === 'auto' : formOf(text) === documents);
}

/** @throws Error where the text came back with its run and the recipe asks for another length */
export async function loadText(desk: Desk): Promise<void> {
  const { recipe, text: shown } = useSetup.getState();
  const { text } = desk;
  if (recipe === undefined) return;
  if (text === undefined) {
    if (shown === undefined || isPackedFor(shown, recipe)) return;
    // It was chosen, or measured, when its run began.
    if (shown.sequence === recipe.sequence && recipe.documents === 'auto') return;
    if (shown.sequence === recipe.sequence)
      throw packedAlready(desk, shown, 'pack its documents otherwise', `, or choose that documents are ${formOf(shown)}`);
    throw packedAlready(desk, shown, `pack it to ${recipe.sequence}`, `, or set the sequence length to ${shown.sequence}`);
  }
  const { sequence, seed, documents } = recipe;
  const wish = { sequence, seed, documents, ...(text.column === undefined ? {} : { column: text.column }) };
  useSetup.setState({ readingText: true });
  try {
    await whileReading('Reading the text', async (say) => {
      useSetup.setState({ text: await desk.api.loadText(text.name, text.files, wish, shareTold(say)) });
    });
  } finally {
    useSetup.setState({ readingText: false });
  }
}

export function loadDemo(desk: Desk): Promise<void> {
  return whileReading('Fetching the demo', async (say) => {
    const demo = await demoFiles(desk.base);
    say(`Reading ${DEMO_NAME}`);
    await whileLoading(desk, async () => takeTeacher(desk, await desk.api.loadTeacher(DEMO_NAME, demo.teacher, bytesTold(say))));
    desk.text = { name: 'Demo prose', files: demo.prose };
  });
}

/** Opens what was dropped, by one verb of the session; `say` tells how far it is. */
async function openFiles(desk: Desk, files: readonly GivenFile[], say: (words: string) => void): Promise<void> {
  const [bytes, share] = [bytesTold(say), shareTold(say)];
  const listen: StudioListener = (event) => {
    (useSetup.getState().readingText ? share : bytes)(event);
  };
  await whileLoading(desk, async (earlier, arrived) => {
    const wishFor: WishFor = async ({ teacher, readsText }) => {
      await (teacher === null ? earlier : showTeacher(desk, teacher));
      arrived();
      if (readsText) {
        say('Reading the text');
        useSetup.setState({ readingText: true });
      }
      const { recipe } = useSetup.getState();
      return recipe === undefined ? undefined : { sequence: recipe.sequence, seed: recipe.seed, documents: recipe.documents };
    };
    try {
      const { text, run } = await desk.api.open(files, wishFor, listen, desk.text);
      if (run !== undefined) {
        await lookForRuns(desk);
        await layBeside(desk, run);
      }
      if (text === null) return;
      const { report, ...given } = text;
      desk.text = given;
      useSetup.setState({ text: report });
    } finally {
      useSetup.setState({ readingText: false });
    }
  });
  await recost(desk);
}

export function inputActions(desk: Desk): InputActions {
  return {
    async open(files) {
      await desk.guarded(() => whileReading('Looking at the files', async (say) => openFiles(desk, await files, say)));
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

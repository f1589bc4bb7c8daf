import { sizeInWords } from '../../tensor/bytes.ts';
import type { OpenedTeacher, WishFor } from '../../studio/api/opening.ts';
import type { HubRequest, TeacherReport } from '../../studio/api/teacher.ts';
import type { StudioListener } from '../../studio/api/run.ts';
import { demoFiles, type GivenFile } from '../givenFiles.ts';
import { recipeFromHash } from '../recipeChoices.ts';
import { useSetup } from '../setupStore.ts';
import { withinVocabulary } from '../vocabularyChoice.ts';
import { whileReading } from '../whileReading.ts';
import type { Desk } from './desk.ts';
import { layBeside, lookForRuns } from './historyLooks.ts';
import { recost, replan } from './recipeActions.ts';
import { loadText, packedAlready, shareTold, wishOf } from './textReading.ts';

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

/** Shows a teacher that the session has. */
export async function takeTeacher(desk: Desk, teacher: TeacherReport): Promise<void> {
  await showTeacher(desk, { report: teacher, beginnings: await desk.api.beginnings() });
}

async function showTeacher(desk: Desk, { report: teacher, beginnings: { presets, byShape } }: OpenedTeacher): Promise<void> {
  const recipe = withinVocabulary(recipeFromHash(location.hash, byShape.narrower, teacher, byShape), teacher);
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
      return recipe === undefined ? undefined : wishOf(recipe);
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
  // Only now it is known what the text leaves of the vocabulary.
  if (useSetup.getState().text?.cut !== undefined) await replan(desk);
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

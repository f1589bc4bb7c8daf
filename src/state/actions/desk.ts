import type { StudioApi } from '../../studio/studioApi.ts';
import { toFault } from '../faults.ts';
import type { UnreadFile } from '../givenFiles.ts';
import { RunRecorder } from '../runRecorder.ts';
import { useRun } from '../runStore.ts';
import { useSetup } from '../setupStore.ts';

/** The verbs that the page needs. */
export type PageApi = Pick<
  StudioApi,
  | 'engine'
  | 'loadTeacher'
  | 'loadHubTeacher'
  | 'cancelTeacher'
  | 'clearHubCache'
  | 'loadText'
  | 'cancelText'
  | 'defaults'
  | 'presets'
  | 'student'
  | 'plan'
  | 'stepCosts'
  | 'start'
  | 'pause'
  | 'step'
  | 'resume'
  | 'stop'
  | 'attention'
  | 'fillMask'
  | 'unfinished'
  | 'resumeRun'
  | 'deleteRun'
  | 'exportStudent'
  | 'exportTeacher'
>;

/** What the groups of actions share. */
export class Desk {
  readonly api: PageApi;
  /** Address of the page, under which `demo/` lies. */
  readonly base: string;
  readonly recorder = new RunRecorder();
  /** The text as the user gave it, to be read again when the sequence length changes. */
  text: { readonly name: string; readonly files: readonly UnreadFile[] } | undefined;

  constructor(api: PageApi, base: string) {
    this.api = api;
    this.base = base;
  }

  /** Does work whose failure goes to the run store. @returns whether it succeeded */
  async guarded(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      useRun.setState({ fault: toFault(error) });
      return false;
    } finally {
      useSetup.setState({ reading: undefined });
    }
  }

  /** The answer to a question, or undefined where it failed: the fault goes to the run store. */
  async asked<T>(question: () => Promise<T>): Promise<T | undefined> {
    try {
      return await question();
    } catch (error) {
      useRun.setState({ fault: toFault(error) });
      return undefined;
    }
  }

  async needEngine(): Promise<void> {
    if (useSetup.getState().engine === undefined) useSetup.setState({ engine: await this.api.engine('auto') });
  }

  /** Forgets the result at hand, and gives the memory of its zip back. */
  dropResult(): void {
    const { download } = useRun.getState();
    if (download !== undefined) URL.revokeObjectURL(download.url);
    useRun.setState({ result: undefined, download: undefined });
  }
}

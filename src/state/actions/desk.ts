import type { EngineChoice } from '../../studio/api/engine.ts';
import type { GivenText } from '../../studio/api/opening.ts';
import type { StudioApi } from '../../studio/studioApi.ts';
import { engineFromAddress, engineSettingsFromAddress } from '../engineChoice.ts';
import { toFault } from '../faults.ts';
import { expectedSpeed } from '../forecast.ts';
import { RunRecorder } from '../runRecorder.ts';
import { useRun } from '../runStore.ts';
import { useSetup } from '../setupStore.ts';

/** What the groups of actions share. */
export class Desk {
  readonly api: StudioApi;
  /** Address of the page, under which `demo/` lies. */
  readonly base: string;
  readonly recorder = new RunRecorder();
  /** The text as the user gave it, to be read again when the sequence length or the column changes. */
  text: GivenText | undefined;

  /** Names of the files of a text that came back with its run, packed: {@link text} is undefined then. */
  recalledFrom: readonly string[] = [];

  /** The teacher that is being loaded; a text that is given meanwhile is read with it. */
  loadingTeacher: Promise<void> = Promise.resolve();

  #engine: Promise<void> | undefined;
  #engineWork: Promise<void> = Promise.resolve();

  constructor(api: StudioApi, base: string) {
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

  /** Work on the engine, one after another: a program must not begin while another runs. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#engineWork.then(work);
    this.#engineWork = mine.then(
      () => undefined,
      () => undefined,
    );
    return mine;
  }

  /** The engine that the address asks for, or the fastest; measured once, before anything else runs on it. */
  async needEngine(): Promise<void> {
    this.#engine ??= this.chooseEngine(engineFromAddress());
    try {
      await this.#engine;
    } catch (error) {
      this.#engine = undefined;
      throw error;
    }
  }

  async chooseEngine(choice: EngineChoice): Promise<void> {
    const before = useSetup.getState().engineChoice;
    // At once, so that the choice is seen to be heard; making an engine and measuring it takes a second.
    useSetup.setState({ engineChoice: choice });
    await this.exclusive(async () => {
      const engine = await this.api.engine(choice, undefined, engineSettingsFromAddress()).catch((error: unknown) => {
        useSetup.setState({ engineChoice: before });
        throw error;
      });
      useSetup.setState({ engine, speed: undefined, gflops: undefined });
      if (engine.wrongNumbers === true) useRun.setState({ fault: { code: 'wrong-numbers', message: engine.notWebGpu ?? '', details: {} } });
      const gflops = await this.api.engineSpeed();
      useSetup.setState({ gflops, speed: expectedSpeed(engine, gflops) });
    });
  }

  /** Gives the memory of the zip at hand back. */
  dropDownload(): void {
    const { download } = useRun.getState();
    if (download !== undefined) URL.revokeObjectURL(download.url);
    useRun.setState({ download: undefined });
  }

  /** Forgets the result at hand, and its zip. */
  dropResult(): void {
    this.dropDownload();
    useRun.setState({ result: undefined, checkedFiles: [] });
  }
}

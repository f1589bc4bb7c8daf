import type { UnfinishedRun } from '../../studio/api/history.ts';
import type { Recipe } from '../../studio/api/recipe.ts';
import type { RunResult, StudioEvent, StudioListener } from '../../studio/api/run.ts';
import { rememberSpeed, speedOf } from '../forecast.ts';
import { useHistory } from '../historyStore.ts';
import { isGoing, useRun } from '../runStore.ts';
import { useSetup } from '../setupStore.ts';
import { whileReading } from '../whileReading.ts';
import type { Desk } from './desk.ts';
import { lookForRuns } from './historyLooks.ts';
import { loadDemo } from './inputActions.ts';
import { recall } from './recall.ts';
import { recost, takeRecipe } from './recipeActions.ts';
import { isPackedFor, loadText } from './textReading.ts';

export interface RunActions {
  /** Loads the demo and starts at once. */
  tryDemo(): Promise<void>;
  start(): Promise<void>;
  /** Starts what was asked about: a step takes more memory than the GPU may have. */
  startBeyondMemory(): Promise<void>;
  pause(): Promise<void>;
  /** One step of a paused run. */
  step(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
  /** Goes on with a run that was cut off, on what is loaded, or on the demo where nothing is. */
  resumeUnfinished(unfinished: UnfinishedRun): Promise<void>;
  /** Deletes an unfinished run; the history's `undoDelete` brings it back. */
  forget(unfinished: UnfinishedRun): Promise<void>;
}

/** Brings a run's events to the stores. */
function follow(desk: Desk, recipe: Recipe): StudioListener {
  // The sliders may move on while the run goes by the costs that it began with.
  const { costs } = useSetup.getState();
  return (event) => {
    desk.recorder.hear(event);
    if (event.kind === 'step') {
      if (useRun.getState().status === 'preparing') useRun.setState({ status: 'running' });
      const flops = costs === undefined ? undefined : speedOf(costs, event.phase, recipe, event.tokensPerSecond);
      const { engine } = useSetup.getState();
      // The first steps hold compiling and warming up.
      if (flops !== undefined && engine !== undefined && event.step >= SETTLED) {
        useSetup.setState({ speed: { flops, from: 'as measured in this run' } });
        if (event.step % SETTLED === 0) rememberSpeed(engine, flops);
      }
    } else if (event.kind === 'begun') {
      useRun.setState({ name: event.name });
    } else if (event.kind === 'kept') {
      useRun.setState({ keptAt: event.step });
    } else if (event.kind === 'notKept') {
      useRun.setState({ fault: { code: 'storage', message: event.reason, details: {} }, ...(event.paused ? { status: 'paused' } : {}) });
    } else if (event.kind === 'engineDiffers') {
      useRun.setState({
        fault: { code: 'engine-differs', message: event.reason, details: { step: event.step, engine: event.engine.name } },
      });
    } else if (event.kind === 'engineChanged') {
      useSetup.setState({ engine: event.engine, speed: undefined });
      useRun.setState({ fault: { code: 'device-lost', message: event.reason, details: { step: event.step, engine: event.engine.name } } });
    }
  };
}

/** Steps after which the speed counts. */
const SETTLED = 5;

/** What a new run is called until the session has named it. */
const NEW_RUN = 'New run';

type RunVerb = (recipe: Recipe, listen: StudioListener) => Promise<RunResult>;

/** @param before what a run that goes on told up to the step that it goes on from */
async function run(
  desk: Desk,
  name: string,
  verb: RunVerb = (recipe, listen) => desk.api.start(recipe, listen),
  before: readonly StudioEvent[] = [],
): Promise<void> {
  const { recipe } = useSetup.getState();
  if (recipe === undefined || isGoing(useRun.getState().status)) return;
  desk.dropResult();
  desk.recorder.reset(name, recipe.steps);
  for (const event of before) desk.recorder.hear(event);
  useRun.setState(({ number }) => ({ status: 'preparing', number: number + 1, name, recipe, fault: undefined, keptAt: undefined }));
  const done = await desk.guarded(async () => {
    await desk.needEngine();
    const { text } = useSetup.getState();
    if (text === undefined || !isPackedFor(text, recipe)) await loadText(desk);
    const result = await desk.exclusive(() => verb(recipe, follow(desk, recipe)));
    useRun.setState({ result });
    if (result.fault !== null) useRun.setState({ fault: { code: 'diverged', message: result.fault, details: {} } });
  });
  desk.recorder.publish();
  useRun.setState({ status: done ? 'done' : 'failed' });
  await desk.guarded(() => lookForRuns(desk));
}

export function runActions(desk: Desk): RunActions {
  return {
    async tryDemo() {
      const ready = await desk.guarded(async () => {
        await loadDemo(desk);
        await loadText(desk);
        await recost(desk);
      });
      if (ready) await run(desk, NEW_RUN);
    },
    start: () => run(desk, NEW_RUN),
    startBeyondMemory: () => run(desk, NEW_RUN, (recipe, listen) => desk.api.start(recipe, listen, { beyondMemory: true })),
    async pause() {
      useRun.setState({ status: 'pausing' });
      await desk.guarded(() => desk.api.pause());
      useRun.setState(({ status }) => (status === 'pausing' ? { status: 'paused' } : {}));
    },
    step: async () => {
      await desk.guarded(() => desk.api.step());
    },
    async resume() {
      if (!(await desk.guarded(() => desk.api.resume()))) return;
      useRun.setState(({ status }) => (status === 'paused' ? { status: 'running' } : {}));
    },
    async stop() {
      useRun.setState({ status: 'stopping' });
      await desk.guarded(() => desk.api.stop());
    },
    async resumeUnfinished(unfinished) {
      if (useSetup.getState().reading !== undefined || isGoing(useRun.getState().status)) return;
      let before: readonly StudioEvent[] = [];
      const looking = async (): Promise<void> => {
        const told = await desk.api.runEvents(unfinished.run);
        before = told.filter((event) => !('step' in event) || event.step <= unfinished.done);
        const missing = await recall(desk, unfinished.run, unfinished.inputs.teacher);
        await takeRecipe(desk, unfinished.recipe);
        if (missing.includes('text')) await loadText(desk);
      };
      // At once, so that a second click finds it.
      const ready = await desk.guarded(() => whileReading('Looking for what the run began with', looking));
      const name = useHistory.getState().runs.find((known) => known.run === unfinished.run)?.name ?? 'Run';
      if (ready) await run(desk, name, (_recipe, listen) => desk.api.resumeRun(unfinished.run, listen), before);
    },
    async forget(unfinished) {
      await desk.guarded(async () => {
        const deleted = useHistory.getState().runs.find(({ run: known }) => known === unfinished.run);
        await desk.api.deleteRun(unfinished.run);
        useHistory.setState({ deleted });
        await lookForRuns(desk);
      });
    },
  };
}

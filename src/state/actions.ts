import type {
  AttentionComparison,
  FillComparison,
  ModelShape,
  Recipe,
  RunResult,
  StudioApi,
  StudioListener,
  UnfinishedRun,
} from '../studio/studioApi.ts';
import { CurveRecorder } from './curvesStore.ts';
import { toFault } from './faults.ts';
import { demoFiles, readAll, sortFiles, underFolder, type UnreadFile } from './givenFiles.ts';
import { recipeFromHash, recipeToHash } from './recipeChoices.ts';
import { isGoing, useRun } from './runStore.ts';
import { useSetup } from './setupStore.ts';

export type { AttentionComparison, FillComparison };

/** Everything that a user can make happen. None of them throws: faults go to the run store. */
export interface StudioActions {
  tryDemo(): Promise<void>;
  open(files: readonly UnreadFile[]): Promise<void>;
  change(part: Partial<Recipe>): void;
  changeStudent(student: ModelShape): void;
  /** The widest student whose fp32 weights fit, with the recipe's layers and heads. */
  fit(bytes: number): Promise<void>;
  start(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Goes on with a run that was cut off, on what is loaded, or on the demo where nothing is. */
  resumeUnfinished(unfinished: UnfinishedRun): Promise<void>;
  /** Deletes a run's checkpoints. */
  forget(unfinished: UnfinishedRun): Promise<void>;
  stop(): Promise<void>;
  exportStudent(): Promise<void>;
  /** @returns undefined if it failed; the fault is in the run store */
  attention(sentence: string, layer: number, head: number): Promise<AttentionComparison | undefined>;
  /** @returns undefined if it failed; the fault is in the run store */
  fillMask(sentence: string): Promise<FillComparison | undefined>;
  dismissFault(): void;
}

/** The verbs that the page needs. */
export type PageApi = Pick<
  StudioApi,
  | 'engine'
  | 'loadTeacher'
  | 'loadText'
  | 'cancelText'
  | 'defaults'
  | 'presets'
  | 'student'
  | 'plan'
  | 'start'
  | 'pause'
  | 'resume'
  | 'stop'
  | 'attention'
  | 'fillMask'
  | 'unfinished'
  | 'resumeRun'
  | 'deleteRun'
  | 'exportStudent'
>;

/** @param base address of the page, under which `demo/` lies */
export function createActions(api: PageApi, base: string): StudioActions {
  const recorder = new CurveRecorder();
  let text: { readonly name: string; readonly files: readonly UnreadFile[] } | undefined;
  let planTimer: ReturnType<typeof setTimeout> | undefined;

  const guarded = async (work: () => Promise<void>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      useRun.setState({ fault: toFault(error) });
      return false;
    } finally {
      useSetup.setState({ reading: undefined });
    }
  };
  const needEngine = async (): Promise<void> => {
    if (useSetup.getState().engine === undefined) useSetup.setState({ engine: await api.engine('auto') });
  };
  const loadTeacher = async (name: string, files: readonly UnreadFile[]): Promise<void> => {
    useSetup.setState({ reading: `Reading ${name}` });
    const teacher = await api.loadTeacher(name, await readAll(files));
    const recipe = recipeFromHash(location.hash, await api.defaults(), teacher.shape, teacher.maxPositions);
    useSetup.setState({ teacher, recipe, presets: await api.presets(), text: undefined, plan: undefined });
    dropResult();
    await replan();
  };
  const loadText = async (): Promise<void> => {
    const { recipe } = useSetup.getState();
    if (text === undefined || recipe === undefined) return;
    useSetup.setState({ reading: 'Reading the text' });
    useSetup.setState({ text: await api.loadText(text.name, await readAll(text.files), { sequence: recipe.sequence, seed: recipe.seed }) });
  };
  const loadDemo = async (): Promise<void> => {
    useSetup.setState({ reading: 'Fetching the demo' });
    const demo = await demoFiles(base);
    await loadTeacher('demo-teacher', demo.teacher);
    text = { name: 'Demo prose', files: demo.prose };
  };
  const dropResult = (): void => {
    const { download } = useRun.getState();
    if (download !== undefined) URL.revokeObjectURL(download.url);
    useRun.setState({ result: undefined, download: undefined });
  };
  const replan = async (): Promise<void> => {
    const { recipe } = useSetup.getState();
    if (recipe === undefined) return;
    const plan = await api.plan(recipe);
    if (useSetup.getState().recipe === recipe) useSetup.setState({ plan });
  };
  const change = (part: Partial<Recipe>): void => {
    const { recipe } = useSetup.getState();
    if (recipe === undefined) return;
    const changed = { ...recipe, ...part };
    useSetup.setState({ recipe: changed });
    clearTimeout(planTimer);
    planTimer = setTimeout(() => {
      history.replaceState(null, '', `#${recipeToHash(changed)}`);
      void guarded(replan);
    }, 80);
  };
  const lookForUnfinished = async (): Promise<void> => {
    useRun.setState({ unfinished: await api.unfinished() });
  };
  const run = async (verb = (recipe: Recipe, listen: StudioListener): Promise<RunResult> => api.start(recipe, listen)): Promise<void> => {
    const { recipe } = useSetup.getState();
    if (recipe === undefined || isGoing(useRun.getState().status)) return;
    dropResult();
    recorder.reset(recipe.steps);
    useRun.setState(({ number }) => ({ status: 'preparing', number: number + 1, recipe, fault: undefined }));
    const done = await guarded(async () => {
      await needEngine();
      if (useSetup.getState().text?.sequence !== recipe.sequence) await loadText();
      const result = await verb(recipe, (event) => {
        recorder.hear(event);
        if (event.kind === 'step' && useRun.getState().status === 'preparing') useRun.setState({ status: 'running' });
      });
      useRun.setState({ result });
      if (result.fault !== null) useRun.setState({ fault: { code: 'diverged', message: result.fault, details: {} } });
    });
    recorder.publish();
    useRun.setState({ status: done ? 'done' : 'failed' });
    await guarded(lookForUnfinished);
  };

  const asked = async <T>(question: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await question();
    } catch (error) {
      useRun.setState({ fault: toFault(error) });
      return undefined;
    }
  };

  void guarded(needEngine);
  void guarded(lookForUnfinished);

  return {
    async tryDemo() {
      const ready = await guarded(async () => {
        await loadDemo();
        await loadText();
      });
      if (ready) await run();
    },
    async resumeUnfinished(unfinished) {
      const ready = await guarded(async () => {
        if (useSetup.getState().teacher === undefined) await loadDemo();
        useSetup.setState({ recipe: unfinished.recipe });
        await loadText();
        await replan();
      });
      if (ready) await run((_recipe, listen) => api.resumeRun(unfinished.run, listen));
    },
    async forget(unfinished) {
      await guarded(async () => {
        await api.deleteRun(unfinished.run);
        await lookForUnfinished();
      });
    },
    async open(files) {
      await guarded(async () => {
        const { teacher, text: given } = sortFiles(files);
        if (teacher.length === 0 && given.length === 0)
          throw new Error(
            'drop: these files — expected a BERT (config.json, weights, vocabulary) or text (.txt, .jsonl, .csv, .tsv, .parquet), got neither. Drop the model folder or text files.',
          );
        if (teacher.length > 0) {
          const folder = underFolder(teacher, 'teacher');
          await loadTeacher(folder.name, folder.files);
        }
        if (given.length > 0) text = underFolder(given, 'Your text');
        await loadText();
      });
    },
    change,
    changeStudent: (student) => change({ student }),
    async fit(bytes) {
      const { recipe } = useSetup.getState();
      if (recipe === undefined) return;
      const { layers, heads } = recipe.student;
      await guarded(async () => change({ student: await api.student({ maxBytes: bytes, layers, heads }, recipe.tied) }));
    },
    start: () => run(),
    async pause() {
      useRun.setState({ status: 'pausing' });
      await guarded(() => api.pause());
      useRun.setState(({ status }) => (status === 'pausing' ? { status: 'paused' } : {}));
    },
    async resume() {
      await guarded(() => api.resume());
      useRun.setState(({ status }) => (status === 'paused' ? { status: 'running' } : {}));
    },
    async stop() {
      useRun.setState({ status: 'stopping' });
      await guarded(() => api.stop());
    },
    async exportStudent() {
      const { student } = useRun.getState().recipe ?? {};
      if (student === undefined) return;
      useRun.setState({ exporting: true, fault: undefined });
      await guarded(async () => {
        const name = `wid-bert-${student.layers}x${student.hiddenSize}`;
        const { zip, ...rest } = await api.exportStudent(name, recorder.hear);
        const url = URL.createObjectURL(new Blob([new Uint8Array(zip)], { type: 'application/zip' }));
        useRun.setState({ download: { ...rest, url, bytes: zip.length } });
      });
      useRun.setState({ exporting: false });
    },
    attention: (sentence, layer, head) => asked(() => api.attention(sentence, layer, head)),
    fillMask: (sentence) => asked(() => api.fillMask(sentence)),
    dismissFault: () => useRun.setState({ fault: undefined }),
  };
}

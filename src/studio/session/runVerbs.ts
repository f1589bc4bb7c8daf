import { StudioError } from '../../tensor/studioError.ts';
import { UNNOTED, type Checkpoint } from '../runs/checkpointFile.ts';
import { NO_METRICS } from '../runs/runMetrics.ts';
import { checkGivenStart } from '../methods/givenStart.ts';
import { recipeTable } from '../recipe/recipe.ts';
import { kindOfTeacher } from '../runs/modelKind.ts';
import type { RunRecord } from '../runs/runRecord.ts';
import type { GivenName } from '../api/history.ts';
import type { Recipe } from '../api/recipe.ts';
import type { GivenStart } from '../student.ts';
import type { StudioApi } from '../studioApi.ts';
import { needBudget } from './memoryBudget.ts';
import { recordsOf } from './records.ts';
import { attempt, type SessionState } from './sessionState.ts';
import { formOf, train } from './training.ts';
import { needCut } from './vocabularyCut.ts';

/** Training: start, go on, pause, step, stop. */
export function runVerbs(state: SessionState): Pick<StudioApi, 'start' | 'resumeRun' | 'pause' | 'step' | 'resume' | 'stop' | 'keep'> {
  return {
    start: async (recipe, listen, { beyondMemory = false, startFrom } = {}) => {
      // Before anything is read: two starts at once must not both find the session idle.
      state.needNoRun('starting another');
      const engine = await state.needEngine();
      if (!beyondMemory && engine.describe().name === 'webgpu')
        needBudget(state.needTeacher(), recipe, engine.planOptions, state.surroundings.gpuBudget());
      needCut(state, recipe);
      const given = startFrom === undefined ? undefined : await givenStart(state, recipe, startFrom);
      const record = { ...(await newRecord(state, recipe)), ...(given === undefined ? {} : { startedFrom: given.name }) };
      listen({ kind: 'begun', name: record.name });
      return train(state, record, listen, undefined, given);
    },
    async resumeRun(run, listen) {
      const checkpoint = await state.store?.load(run);
      if (checkpoint === undefined) throw new StudioError('checkpoint', `session: ${run} has no whole checkpoint. Start the run again.`);
      for (const kind of ['teacher', 'text'] as const)
        if (checkpoint.fingerprints[kind] !== state.fingerprints[kind])
          throw new StudioError(
            'checkpoint',
            `session: ${run} was trained with another ${kind}. Load the same ${kind}${named((await state.store?.record(run))?.files?.[kind])} and try again.`,
            { run, kind },
          );
      return train(state, await goneOn(state, run, checkpoint), listen, checkpoint.state);
    },
    pause: () => attempt(() => state.gate?.pause()),
    step: () => attempt(() => state.gate?.step()),
    async resume() {
      if ((await state.keeper?.retry()) === false)
        throw new StudioError('storage', 'run: there still is no room for its checkpoint. It stays paused; free some room and resume.');
      state.gate?.resume();
    },
    stop: () => attempt(() => state.gate?.stop()),
    keep: () => attempt(() => state.gate?.ask()),
  };
}

/** What a kept run left for another one to begin with. @throws StudioError if it left nothing, or it is of another teacher or student */
async function givenStart(state: SessionState, recipe: Recipe, run: string): Promise<GivenStart> {
  const [record, student] = [await state.store?.record(run), await state.store?.student(run)];
  if (record === undefined || student === undefined || record.result === null)
    throw new StudioError('run', `start from ${record?.name ?? run}: expected a run that left a student, got none. List the runs again.`);
  const { name } = record;
  if (record.fingerprints.teacher !== state.fingerprints.teacher)
    throw new StudioError('run', `start from ${name}: its teacher is ${record.teacher}, which is not loaded. Load it and try again.`);
  const table = recipeTable(state.needTeacher(), recipe);
  const { origins } = record.result.similarity;
  const whole = table.student.heads === table.teacher.heads;
  const heads = new Map(whole ? [] : table.layerMap.flatMap((from, layer) => [[from, origins[layer] ?? []] as const]));
  const given = { name, compactors: student.compactors, heads };
  checkGivenStart(table, recipe, given);
  return given;
}

/** `, a.txt and 2 more,` */
function named(files: readonly GivenName[] | undefined): string {
  const [first, ...more] = files ?? [];
  if (first === undefined) return '';
  return more.length === 0 ? ` (${first.path})` : ` (${first.path} and ${more.length} more)`;
}

async function newRecord(state: SessionState, recipe: Recipe): Promise<RunRecord> {
  const numbers = (await recordsOf(state)).map(({ record }) => Number(/^Run (?<number>\d+)$/.exec(record.name)?.groups?.['number'] ?? 0));
  const startedAt = Date.now();
  return {
    run: `run-${startedAt.toString(36)}-${Math.floor(Math.random() * 36 ** 4).toString(36)}`,
    name: `Run ${Math.max(0, ...numbers) + 1}`,
    ...kindOfTeacher(state.needTeacher()),
    // A run goes on with what was measured once.
    recipe: recipe.documents === 'auto' && state.corpus !== undefined ? { ...recipe, documents: formOf(state.corpus) } : recipe,
    fingerprints: { ...state.fingerprints },
    teacher: state.needTeacher().report.name,
    text: state.textReport?.name ?? '',
    files: { ...state.given },
    engine: '',
    ending: 'unfinished',
    done: 0,
    startedAt,
    savedAt: startedAt,
    result: null,
    metrics: NO_METRICS,
  };
}

/** The record of a run that goes on: what was said after its checkpoint is said again. */
async function goneOn(state: SessionState, run: string, { state: kept, metrics, engine, savedAt }: Checkpoint): Promise<RunRecord> {
  const record = await state.store?.record(run);
  return {
    ...(record ?? { ...(await newRecord(state, kept.recipe)), run, startedAt: savedAt }),
    engine: engine === UNNOTED ? '' : engine,
    ending: 'unfinished',
    result: null,
    done: kept.done,
    metrics,
  };
}

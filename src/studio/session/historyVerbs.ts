import { StudioError } from '../../tensor/studioError.ts';
import { recipeDifferences } from '../runs/recipeWords.ts';
import { exportRun, importRun } from '../runs/runArchive.ts';
import { eventsOf, sparklineOf } from '../runs/runMetrics.ts';
import { newestHeldOut, type RunRecord } from '../runs/runRecord.ts';
import type { RunStore } from '../runs/runStore.ts';
import type { MergedStudent } from '../student.ts';
import { cutInWords, isCutAs } from '../teacher/cutTeacher.ts';
import { storageFor } from '../runs/storage.ts';
import { compareStudents, type ComparedStudent } from '../comparison/studentsCompare.ts';
import type { HistoryApi, RunInputs, RunSummary, UnfinishedRun } from '../api/history.ts';
import type { StudioApi } from '../studioApi.ts';
import { recordsOf, type KnownRun } from './records.ts';
import type { SessionState } from './sessionState.ts';
import { heardBy } from './watchedEngine.ts';

/** A deleted run can be brought back for so long, in milliseconds. */
const BIN_KEEPS = 24 * 60 * 60 * 1000;

/** A name that no other run has: runs are chosen by their names. */
function freeName(name: string, taken: ReadonlySet<string>): string {
  for (let count = 2; ; count++) if (!taken.has(`${name} (${count})`)) return `${name} (${count})`;
}

/** Runs that outlived their session. */
export function historyVerbs(state: SessionState): Omit<HistoryApi, 'keep' | 'recallInputs'> & Pick<StudioApi, 'unfinished'> {
  let swept: Promise<void> | undefined;
  const needStore = (): RunStore => {
    if (state.store === undefined) throw new StudioError('order', 'session: this one keeps no runs.');
    return state.store;
  };
  const find = async (run: string): Promise<{ readonly known: readonly KnownRun[]; readonly at: number } & KnownRun> => {
    const known = await recordsOf(state);
    const at = known.findIndex(({ record }) => record.run === run);
    const found = known[at];
    if (found === undefined)
      throw new StudioError('run', `session: run ${run} — expected one of the history, got none. List the runs again.`);
    return { ...found, known, at };
  };
  const needIdle = async (run: string): Promise<void> => {
    if (await needStore().held(run)) throw new StudioError('run-busy', `run ${run}: it is being trained. Stop it there first.`, { run });
  };
  const studentOf = async (run: string): Promise<MergedStudent & ComparedStudent & { readonly record: RunRecord }> => {
    const { record } = await find(run);
    const stored = await needStore().student(run);
    if (stored === undefined || record.result === null)
      throw new StudioError('run', `run ${record.name}: it has no student yet. Go on with it until it ends or is stopped.`, { run });
    if (record.fingerprints.teacher !== state.fingerprints.teacher) {
      const vocabulary =
        state.teacher !== undefined && !isCutAs(state.teacher, record.recipe)
          ? ` with a vocabulary that is ${cutInWords(record.recipe)}`
          : '';
      throw new StudioError(
        'run',
        `run ${record.name}: its teacher is ${record.teacher}${vocabulary}, which is not loaded. Load it and try again.`,
        { run },
      );
    }
    return { ...stored, record, recipe: record.recipe, result: record.result };
  };
  const summariesOf = async (known: readonly KnownRun[]): Promise<RunSummary[]> => {
    const busy = await Promise.all(known.map(({ record }) => needStore().held(record.run)));
    return known.map(({ record, resumable, openable }, i): RunSummary => {
      const { run, name, recipe, teacher, text, startedFrom, engine, ending, done, startedAt, savedAt, result } = record;
      const before = known[i + 1]?.record.recipe;
      return {
        run,
        name,
        recipe,
        differences: before === undefined ? [] : recipeDifferences(before, recipe),
        teacher,
        text,
        ...(startedFrom === undefined ? {} : { startedFrom }),
        engine,
        ending,
        done,
        startedAt,
        savedAt,
        result,
        heldOut: newestHeldOut(record),
        sparkline: sparklineOf(record.metrics),
        resumable: resumable && ending !== 'done',
        openable,
        busy: busy[i] === true,
      };
    });
  };
  const summaries = async (): Promise<RunSummary[]> => summariesOf(await recordsOf(state));
  const inputsOf = async ({ teacher, text, fingerprints, files = { teacher: [], text: [] } }: RunRecord): Promise<RunInputs> => {
    const { inputs } = state.surroundings;
    const kept =
      inputs !== undefined && (await inputs.has('teacher', fingerprints.teacher)) && (await inputs.has('text', fingerprints.text));
    return { teacher, text, kept, files };
  };
  const tidy = async (store: RunStore): Promise<void> => {
    await store.sweep();
    await state.surroundings.inputs?.sweep(() => store.inUse());
  };
  const summaryOf = async (run: string): Promise<RunSummary> => {
    const found = (await summaries()).find((summary) => summary.run === run);
    if (found === undefined) throw new StudioError('run', `session: run ${run} is gone. List the runs again.`);
    return found;
  };

  return {
    async unfinished() {
      if (state.store === undefined) return [];
      const found: UnfinishedRun[] = [];
      const known = await recordsOf(state);
      for (const [i, { run, recipe, done, savedAt, resumable, busy }] of (await summariesOf(known)).entries()) {
        const record = known[i]?.record;
        if (record !== undefined && resumable && !busy) found.push({ run, recipe, inputs: await inputsOf(record), done, savedAt });
      }
      return found.toSorted((a, b) => b.done - a.done);
    },
    async runs() {
      if (state.store === undefined) return [];
      await state.store.emptyBin(Date.now() - BIN_KEEPS);
      // Tidying may fail, and the next page tidies again.
      await (swept ??= tidy(state.store).catch(() => undefined));
      return summaries();
    },
    async runEvents(run) {
      const { record } = await find(run);
      return eventsOf(record.metrics, record.recipe.steps);
    },
    async openRun(run) {
      state.needNoRun('opening another');
      const { record, model, compactors, result } = await studentOf(run);
      const corpus = record.fingerprints.text === state.fingerprints.text ? state.corpus : undefined;
      state.finished = { model, compactors, result, recipe: record.recipe, teacher: state.needTeacher(), corpus };
      return summaryOf(run);
    },
    async renameRun(run, name) {
      const given = name.trim();
      if (given === '') throw new StudioError('run', 'rename: expected a name, got none. Write one.');
      if ((await recordsOf(state)).some((other) => other.record.run !== run && other.record.name === given))
        throw new StudioError('run', `rename: ${given} — expected a name of its own, got that of another run. Choose another.`);
      if (state.keeper?.run === run) return state.keeper.rename(given);
      await needIdle(run);
      await needStore().saveRecord({ ...(await find(run)).record, name: given });
    },
    async deleteRun(run) {
      await needIdle(run);
      await needStore().bin((await find(run)).record.run, Date.now());
    },
    async restoreRun(run) {
      if (!(await needStore().restore(run)))
        throw new StudioError('run', `session: run ${run} is gone for good; it cannot be brought back.`);
    },
    exportRun: async (run) => exportRun(needStore(), (await find(run)).record),
    async importRun(given) {
      const run = await importRun(needStore(), given);
      const { known, at, record, ...rest } = await find(run);
      const names = new Set(known.toSpliced(at, 1).map((other) => other.record.name));
      const named = names.has(record.name) ? { ...record, name: freeName(record.name, names) } : record;
      if (named !== record) await needStore().saveRecord(named);
      const [summary] = await summariesOf([{ ...rest, record: named }, ...known.slice(at + 1, at + 2)]);
      if (summary === undefined) throw new StudioError('run', `session: run ${run} is gone. List the runs again.`);
      return summary;
    },
    async compareRuns(first, second, sentence, layer, head, listen) {
      const [a, b] = [await studentOf(first), await studentOf(second)];
      state.needNoRun('comparing students');
      return state.onEngine((engine) => compareStudents(heardBy(listen, engine), state.needTeacher(), a, b, sentence, layer, head));
    },
    whyNotKept: () => state.surroundings.whyNotKept(),
    storage: (recipe) =>
      storageFor(needStore(), state.needTeacher(), recipe, (state.corpus?.train.length ?? 0) / (state.corpus?.sequence ?? 1)),
  };
}

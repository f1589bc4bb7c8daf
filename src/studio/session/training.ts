import type { Engine } from '../../engines/engine.ts';
import { DeviceLostError } from '../../engines/deviceLost.ts';
import { OutOfMemoryError } from '../../engines/outOfMemory.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { Corpus } from '../../text/corpus.ts';
import { compress } from '../compression/compression.ts';
import type { Compressed } from '../compression/run.ts';
import { memoryAdvice } from '../methods/memorySavings.ts';
import { storageFor } from '../runs/storage.ts';
import { RunKeeper } from '../runs/runKeeper.ts';
import type { Lease } from '../runs/runLocks.ts';
import type { RunRecord } from '../runs/runRecord.ts';
import type { RunState } from '../runs/runState.ts';
import type { RunResult, StudioListener } from '../api/run.ts';
import type { DocumentsForm, TextReport } from '../api/text.ts';
import type { GivenStart } from '../student.ts';
import type { Teacher } from '../teacher/teacher.ts';
import { EngineWitness } from './engineWitness.ts';
import { Gate } from './gate.ts';
import type { SessionState } from './sessionState.ts';
import { teacherWithHead } from './teacherWithHead.ts';
import { watchedEngine } from './watchedEngine.ts';

/** After so many losses without a step kept in between, the CPU engine takes over. */
const PATIENCE = 2;
/** After so many, the engine is not to be trusted, whichever it is. */
const HOPELESS = 4;

/**
 * Trains what a record says, from a kept state or from the start, and keeps it on the way.
 * A lost device is replaced, and the run set back to what was kept last.
 * @param given compactors of an earlier run, which it begins with
 */
export async function train(
  state: SessionState,
  record: RunRecord,
  listen: StudioListener,
  from?: RunState,
  given?: GivenStart,
): Promise<RunResult> {
  state.needNoRun('starting another');
  const teacher = state.needTeacher();
  const corpus = state.needCorpus();
  const { textReport } = state;
  needSame(state, record);
  const { recipe, run } = record;
  const beganWith = given ?? (record.startedFrom === undefined ? undefined : null);
  const { store, surroundings } = state;
  if (corpus.sequence !== recipe.sequence)
    throw new StudioError(
      'order',
      `session: the text is packed to ${corpus.sequence} tokens, the recipe asks for ${recipe.sequence}. Load the text again.`,
    );
  const packed = formOf(corpus);
  if (packed !== recipe.documents)
    throw new StudioError(
      'order',
      `session: the documents of the text are ${packed}, the recipe asks for ${recipe.documents}. Load the text again.`,
    );
  const keeper = new RunKeeper(store, record, listen, () => gate.pause());
  const gate = new Gate(
    (kept) => {
      keeper.keep(kept);
      return Promise.resolve();
    },
    surroundings,
    surroundings.now,
    () => keeper.settled(),
  );
  state.gate = gate;
  state.keeper = keeper;
  let lease: Lease | undefined;
  try {
    lease = await store?.hold(run);
    const room =
      store === undefined
        ? undefined
        : await storageFor(store, teacher, recipe, corpus.train.length / corpus.sequence, { run, insist: true });
    await keeper.begin();
    // After the record, which says that they are in use.
    if (room !== undefined) await keepInputs(state, record, { teacher, corpus, textReport }, room.needed, keeper.hear);
    const witness = new EngineWitness(keeper, record);
    const made = await onEngines(state, keeper, witness, from, async (chosen, start) => {
      const engine = watchedEngine(chosen, keeper.hear, gate.stopping, () => witness.compiled(chosen));
      const headed = await teacherWithHead(state, engine, keeper.hear, gate);
      try {
        return await compress(engine, headed, corpus, recipe, gate, keeper.hear, start, undefined, beganWith);
      } catch (error) {
        if (!(error instanceof OutOfMemoryError)) throw error;
        // The engine knows what it has no room for, and the recipe what would take less.
        throw new OutOfMemoryError(`${error.message} ${memoryAdvice(teacher, recipe, engine.planOptions)}`, error.details);
      }
    });
    const { headed } = state;
    state.finished = {
      model: made.model,
      compactors: made.compactors,
      result: made.result,
      recipe,
      teacher: headed?.from === teacher ? headed.teacher : teacher,
      corpus,
    };
    await keeper.finish(made, made.result);
    return made.result;
  } catch (error) {
    // Without the lease it is another session's.
    if (lease !== undefined) await keeper.abandon();
    throw error;
  } finally {
    await keeper.settled();
    await lease?.release();
    state.gate = undefined;
    state.keeper = undefined;
  }
}

/** How the documents of a text lie. */
export function formOf({ apart }: Pick<Corpus, 'apart'>): DocumentsForm {
  return apart === undefined ? 'joined' : 'apart';
}

/** A record is made, or read, before the run takes teacher and text: others may have been loaded in between. */
function needSame({ fingerprints }: SessionState, { run, fingerprints: recorded }: RunRecord): void {
  for (const kind of ['teacher', 'text'] as const)
    if (recorded[kind] !== fingerprints[kind])
      throw new StudioError('order', `session: another ${kind} was loaded while the run was being started. Start it again.`, { run, kind });
}

/** Keeps what the run begins with beside it, where there is room. */
async function keepInputs(
  { surroundings: { inputs } }: SessionState,
  { fingerprints }: RunRecord,
  { teacher, corpus, textReport }: { teacher: Teacher; corpus: Corpus; textReport: TextReport | undefined },
  reserved: number,
  listen: StudioListener,
): Promise<void> {
  if (inputs === undefined || textReport === undefined) return;
  listen({ kind: 'progress', stage: 'Keeping teacher and text', done: 0, total: 1 });
  await inputs.keep(teacher, { corpus, report: textReport, fingerprint: fingerprints.text }, fingerprints, reserved);
}

/** Runs `work` on the session's engine, and again on another one whenever a device is lost. */
async function onEngines(
  state: SessionState,
  keeper: RunKeeper,
  witness: EngineWitness,
  from: RunState | undefined,
  work: (engine: Engine, from: RunState | undefined) => Promise<Compressed>,
): Promise<Compressed> {
  let engine = await state.needEngine();
  let start = from;
  let losses = 0;
  for (;;) {
    witness.runsOn(engine);
    try {
      return await work(engine, start);
    } catch (error) {
      if (!(error instanceof DeviceLostError)) throw error;
      const kept = (await keeper.setBack()) ?? from;
      losses = (kept?.done ?? 0) > (start?.done ?? 0) ? 1 : losses + 1;
      if (losses >= HOPELESS) throw error;
      engine = await state.replaceEngine(losses >= PATIENCE);
      start = kept;
      witness.replaced();
      keeper.hear({ kind: 'engineChanged', step: start?.done ?? 0, engine: engine.describe(), reason: error.message });
    }
  }
}

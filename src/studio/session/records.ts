import type { Checkpoint } from '../runs/checkpointFile.ts';
import type { RunRecord } from '../runs/runRecord.ts';
import type { RunStore } from '../runs/runStore.ts';
import type { SessionState } from './sessionState.ts';

export interface KnownRun {
  readonly record: RunRecord;
  readonly resumable: boolean;
  readonly openable: boolean;
}

/** Every run that is kept, the one that was started last first. */
export async function recordsOf({ store }: Pick<SessionState, 'store'>): Promise<KnownRun[]> {
  if (store === undefined) return [];
  const found: KnownRun[] = [];
  for (const { run, resumable, openable, kept } of await store.known()) {
    const record = (await store.record(run)) ?? (resumable ? await fromCheckpoint(store, run) : undefined);
    // The record is written after the checkpoint, and may have missed the last one.
    if (record !== undefined) found.push({ record: { ...record, done: Math.max(record.done, kept) }, resumable, openable });
  }
  return found.toSorted((a, b) => b.record.startedAt - a.record.startedAt);
}

/** What a checkpoint tells of a run whose record is lost, or that an older build kept without one. */
async function fromCheckpoint(store: RunStore, run: string): Promise<RunRecord | undefined> {
  const checkpoint = await store.load(run);
  return checkpoint === undefined ? undefined : recordFrom(run, checkpoint);
}

function recordFrom(run: string, { state, metrics, fingerprints, engine, savedAt, family, task }: Checkpoint): RunRecord {
  return {
    run,
    name: run,
    family,
    task,
    recipe: state.recipe,
    fingerprints,
    teacher: 'a teacher that was not noted',
    text: 'a text that was not noted',
    engine,
    ending: 'unfinished',
    done: state.done,
    startedAt: savedAt,
    savedAt,
    result: null,
    metrics,
  };
}

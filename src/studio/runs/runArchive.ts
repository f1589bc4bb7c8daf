import { openZip } from '../../formats/zip.ts';
import { streamZip, type ZipFile } from '../../formats/zipStream.ts';
import { openBytes, READ_AT_ONCE, type ByteContent, type ByteSource } from '../../tensor/byteSource.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { GivenFile } from '../api/files.ts';
import type { RunArchive } from '../api/history.ts';
import { decodeCheckpoint } from './checkpointFile.ts';
import { csvOf, eventsOf } from './runMetrics.ts';
import { decodeRecord, encodeRecord, type RunRecord } from './runRecord.ts';
import type { RunStore } from './runStore.ts';
import { decodeStudent } from './studentFile.ts';

const RECORD = 'run.record';
const CHECKPOINT = 'run.ckpt';
const STUDENT = 'run.student';

/** A run as a zip: for people `run.json`, `metrics.csv` and `metrics.json`; for another studio record, checkpoint and student. */
export async function exportRun(store: RunStore, record: RunRecord): Promise<RunArchive> {
  const { metrics, ...plain } = record;
  const folder = record.name.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replace(/^[.-]+/, '') || record.run;
  const text = (path: string, content: string): ZipFile => ({ path, pieces: [new TextEncoder().encode(content)] });
  const json = (path: string, value: unknown): ZipFile => text(path, `${JSON.stringify(value, null, 1)}\n`);
  const files = async function* (): AsyncGenerator<ZipFile> {
    yield json('run.json', plain);
    yield json('metrics.json', eventsOf(metrics, record.recipe.steps));
    yield text('metrics.csv', csvOf(metrics, record.recipe.steps));
    yield { path: RECORD, pieces: await encodeRecord(record) };
    const checkpoint = await store.checkpointContent(record.run);
    if (checkpoint !== undefined) yield { path: CHECKPOINT, pieces: piecesOf(checkpoint) };
    const student = await store.studentContent(record.run);
    if (student !== undefined) yield { path: STUDENT, pieces: piecesOf(student) };
  };
  return { name: `${folder}.zip`, zip: (await streamZip(folder, files())).zip };
}

async function* piecesOf(source: ByteSource): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < source.size; at += READ_AT_ONCE) yield source.read(at, Math.min(source.size, at + READ_AT_ONCE));
}

/** An exported run: its zip, or the files of a job's folder that PyTorch trained. */
export type GivenRun = ByteContent | readonly GivenFile[];

function isFiles(given: GivenRun): given is readonly GivenFile[] {
  return Array.isArray(given);
}

/** Files by their names, without folders. */
async function filesOf(given: GivenRun): Promise<(name: string) => ByteSource | undefined> {
  const files = isFiles(given) ? given.map(({ path, bytes }) => [path, openBytes(bytes)] as const) : [...(await openZip(openBytes(given)))];
  return (name) => files.find(([path]) => path.slice(path.lastIndexOf('/') + 1) === name)?.[1];
}

/** Whether files are those of a run that {@link importRun} takes in. */
export function holdRun(files: readonly GivenFile[]): boolean {
  return files.some(({ path }) => path.slice(path.lastIndexOf('/') + 1) === RECORD);
}

/**
 * Adds an exported run, or a job that PyTorch trained, to a store. Everything in it is checked before anything is written.
 * @returns the run's name in this store
 * @throws StudioError if there is no run in it, or one that is damaged or of a newer version
 */
export async function importRun(store: RunStore, given: GivenRun): Promise<string> {
  const find = await filesOf(given);
  const kept = find(RECORD);
  if (kept === undefined)
    throw new StudioError(
      'run',
      isFiles(given)
        ? `import: the folder — expected a job that PyTorch trained (${RECORD} in it), got none. Train it as its README.md says.`
        : `import: the zip — expected a run's (${RECORD} in it), got none. Give what "export run" wrote.`,
    );
  const record = await decodeRecord(RECORD, kept);
  const checkpointFile = find(CHECKPOINT);
  const checkpoint = checkpointFile === undefined ? undefined : await decodeCheckpoint(CHECKPOINT, checkpointFile);
  const studentFile = find(STUDENT);
  const student = studentFile === undefined ? undefined : await decodeStudent(STUDENT, studentFile);

  const present = await store.record(record.run);
  if (present !== undefined && present.savedAt === record.savedAt && present.done === record.done) {
    await store.restore(record.run);
    return record.run;
  }
  // Another state of a run that is here, as it went on elsewhere: both stay.
  const run = present === undefined ? record.run : `${record.run}-${Date.now().toString(36)}`;
  const lease = await store.hold(run);
  try {
    // The record last: what is cut off before it is a run without a name, never a name without a run.
    if (checkpoint !== undefined) await store.save(run, checkpoint);
    if (student !== undefined) await store.saveStudent(run, student);
    await store.saveRecord({ ...record, run });
  } finally {
    await lease.release();
  }
  return run;
}

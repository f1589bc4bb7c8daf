import type { ByteContent } from '../../tensor/byteSource.ts';
import type { GivenFiles, RunFacts } from '../api/history.ts';
import type { HeldOut } from '../api/run.ts';
import { metricsFrom, metricsTensor } from './checkpointFile.ts';
import type { Fingerprints } from './fingerprint.ts';
import { keptKind, kindFields, type ModelKind } from './modelKind.ts';
import { recipeFrom } from './recipeVersions.ts';
import type { RunMetrics } from './runMetrics.ts';
import { refusal, seal, unseal } from './sealedFile.ts';

/** What the history knows of a run without reading weights. */
export interface RunRecord extends RunFacts, ModelKind {
  readonly fingerprints: Fingerprints;
  /** Runs of older builds did not note them. */
  readonly files?: GivenFiles;
  /** `Engine.kernels` of its last steps, where kernels were measured. */
  readonly kernels?: Readonly<Record<string, string>>;
  readonly metrics: RunMetrics;
}

/** 2: a digest of stretches. */
const VERSION = 2;

type Plain = Omit<RunRecord, 'metrics' | keyof ModelKind> & { readonly metrics: Pick<RunMetrics, 'phases' | 'others'> };

export function encodeRecord(record: RunRecord): Promise<Iterable<Uint8Array>> {
  const { phases, others } = record.metrics;
  return seal(
    'WIDRUNR',
    VERSION,
    { ...record, ...kindFields(record), metrics: { phases, others } },
    new Map([metricsTensor(record.metrics)]),
  );
}

function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && 'recipe' in value && 'metrics' in value && 'ending' in value;
}

/** @throws StudioError if the file is of a newer version, cut short, or not what was written */
export async function decodeRecord(name: string, bytes: ByteContent): Promise<RunRecord> {
  const { plain, tensors } = await unseal(name, 'WIDRUNR', VERSION, bytes);
  if (!isPlain(plain)) throw refusal(name, 'the record of a run', 'none');
  const kind = keptKind(name, plain);
  const { studio: _, ...record }: Plain & { readonly studio?: unknown } = plain;
  return { ...record, ...kind, recipe: recipeFrom(name, plain.recipe), metrics: metricsFrom(plain.metrics, tensors) };
}

/** Newest held-out numbers of the student, or null before the first. */
export function newestHeldOut({ result, metrics }: RunRecord): HeldOut | null {
  if (result !== null) return result.trained;
  const last = metrics.others.findLast((event) => event.kind === 'heldOut' && event.model === 'student');
  return last?.kind === 'heldOut' ? last.value : null;
}

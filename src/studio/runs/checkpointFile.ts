import type { ByteContent } from '../../tensor/byteSource.ts';
import type { NamedTensors, Tensor } from '../../tensor/tensor.ts';
import { keptKind, kindFields, type ModelKind } from './modelKind.ts';
import { recipeFrom } from './recipeVersions.ts';
import { COLUMNS, NO_METRICS, type RunMetrics } from './runMetrics.ts';
import type { RunState } from './runState.ts';
import { checkSealed, refusal, seal, unseal, type Unsealed } from './sealedFile.ts';
import type { Fingerprints } from './fingerprint.ts';

export interface Checkpoint extends ModelKind {
  readonly state: RunState;
  readonly metrics: RunMetrics;
  readonly fingerprints: Fingerprints;
  /** Engine that the steps ran on, in words. */
  readonly engine: string;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
}

/** In place of an engine. */
export const UNNOTED = 'an engine that was not noted';

/** 2: metrics, engine and an earlier phase's compactors; 1 had none of them. 3: a digest of stretches. */
const VERSION = 3;
const STEPS = 'metrics/steps';
const TRAINED = 'trained/';
const COMPACTORS = 'compactors/';

function prefixed(prefix: string, tensors: NamedTensors): [string, Tensor][] {
  return [...tensors].map(([name, tensor]) => [prefix + name, tensor]);
}

export function under(prefix: string, tensors: NamedTensors): Map<string, Tensor> {
  return new Map([...tensors].flatMap(([name, tensor]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), tensor]] : [])));
}

export function metricsTensor({ steps }: RunMetrics): [string, Tensor] {
  return [STEPS, { shape: [steps.length / COLUMNS, COLUMNS], data: steps }];
}

export function metricsFrom(plain: Pick<RunMetrics, 'phases' | 'others'>, tensors: NamedTensors): RunMetrics {
  return { steps: tensors.get(STEPS)?.data ?? NO_METRICS.steps, phases: plain.phases, others: plain.others };
}

export function encodeCheckpoint({ state, metrics, fingerprints, engine, savedAt, ...kind }: Checkpoint): Promise<Iterable<Uint8Array>> {
  const { tensors, compactors, ...plain } = state;
  const { phases, others } = metrics;
  return seal(
    'WIDCKPT',
    VERSION,
    { ...plain, ...kindFields(kind), metrics: { phases, others }, fingerprints, engine, savedAt },
    new Map([...prefixed(TRAINED, tensors), ...prefixed(COMPACTORS, compactors), metricsTensor(metrics)]),
  );
}

type PlainOne = Omit<RunState, 'tensors' | 'compactors'> & Pick<Checkpoint, 'fingerprints' | 'savedAt'>;
type PlainTwo = PlainOne & { readonly family?: unknown; readonly task?: unknown; readonly studio?: unknown } & {
  readonly metrics: Pick<RunMetrics, 'phases' | 'others'>;
  readonly engine: string;
};

/** The digest has vouched for every byte that encodeCheckpoint wrote, so the names of its parts are enough. */
function isOne(value: unknown): value is PlainOne {
  return (
    typeof value === 'object' && value !== null && 'recipe' in value && 'stream' in value && 'fingerprints' in value && 'savedAt' in value
  );
}

function isTwo(value: unknown): value is PlainTwo {
  return isOne(value) && 'metrics' in value && 'engine' in value;
}

/** @throws StudioError if the file is of a newer version, cut short, or not what was written */
export async function decodeCheckpoint(name: string, bytes: ByteContent): Promise<Checkpoint> {
  const { version, plain, tensors } = await unseal(name, 'WIDCKPT', VERSION, bytes);
  return version === 1 ? versionOne(name, { plain, tensors }) : versionTwo(name, { plain, tensors });
}

/** Checks a file without reading its tensors. @throws StudioError as {@link decodeCheckpoint} */
export async function checkCheckpoint(name: string, content: ByteContent): Promise<void> {
  await checkSealed(name, 'WIDCKPT', VERSION, content);
}

function versionTwo(name: string, { plain, tensors }: Pick<Unsealed, 'plain' | 'tensors'>): Checkpoint {
  if (!isTwo(plain)) throw refusal(name, "a run's state", 'none');
  const kind = keptKind(name, plain);
  const { fingerprints, savedAt, engine, metrics, recipe, family: _family, task: _task, studio: _studio, ...state } = plain;
  return {
    ...kind,
    state: { ...state, recipe: recipeFrom(name, recipe), tensors: under(TRAINED, tensors), compactors: under(COMPACTORS, tensors) },
    metrics: metricsFrom(metrics, tensors),
    fingerprints,
    engine,
    savedAt,
  };
}

/** Trained tensors had no prefix; nothing was said of curves and engine. */
function versionOne(name: string, { plain, tensors }: Pick<Unsealed, 'plain' | 'tensors'>): Checkpoint {
  if (!isOne(plain)) throw refusal(name, "a run's state", 'none');
  const { fingerprints, savedAt, recipe, ...state } = plain;
  return {
    ...keptKind(name, plain),
    state: { ...state, recipe: recipeFrom(name, recipe), tensors, compactors: new Map() },
    metrics: NO_METRICS,
    fingerprints,
    engine: UNNOTED,
    savedAt,
  };
}

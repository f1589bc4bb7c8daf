import type { BertModel } from '../../src/models/model.ts';
import { plainRunnable } from '../../src/models/runnable.ts';
import type { ParameterLookup } from '../../src/models/encoder.ts';
import { positionIds } from '../../src/models/inputs.ts';
import type { Engine } from '../../src/engines/engine.ts';
import { differentiate } from '../../src/graph/differentiate.ts';
import { Graph } from '../../src/graph/graph.ts';
import { scaleBy } from '../../src/graph/ops/elementwise.ts';
import { plan } from '../../src/graph/plan.ts';
import type { Value } from '../../src/graph/value.ts';
import type { NamedTensors, Tensor } from '../../src/tensor/tensor.ts';
import { guided, guideParameters, guideStates, type Guidance } from '../../src/training/guide.ts';
import { frozenName, teacherStates } from '../../src/training/teacherStates.ts';
import type { StepParameters } from '../../src/training/lowRankTraining.ts';
import { mergedParameters } from '../../src/training/trainingGraph.ts';
import { compactorShapes } from '../../src/wid/compactors.ts';
import { metParameters, sitePlan, type Meeting } from '../../src/wid/meeting.ts';
import { studentConfig, type SpaceTable } from '../../src/wid/spaces.ts';
import { BATCH, SEQUENCE } from '../golden/batch.ts';
import { goldenBatch } from '../golden/load.ts';
import { blocksOf } from './blocks.ts';
import { maskedWords } from '../../src/tasks/maskedWords.ts';
import { laidAs } from '../../src/models/runnable.ts';

export interface FormResult {
  /** Of every position, [B T, V]. */
  readonly logits: Float32Array;
  /** What is minimised. */
  readonly loss: number;
  /** By name; the teacher's own under its frozen names. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

/**
 * Logits and all gradients of the golden batch with the compactors merged, applied to activations, or as counted.
 * @param guidance learns from the teacher's logits, by its `guide` tensors, which may be others than those that are merged
 */
export function runForm(
  engine: Engine,
  teacher: BertModel,
  table: SpaceTable,
  teacherTensors: NamedTensors,
  start: NamedTensors,
  meeting: Meeting,
  guidance?: Guide,
): Promise<FormResult> {
  const graph = new Graph();
  const { parameter, trained, frozen } = mergedParameters(graph, teacher.config, table);
  const chosen = sitePlan(meeting, teacher.config, table, { tokens: TOKENS, slots: TOKENS }, true);
  const met = metParameters(graph, teacher.config, table, chosen, parameter, lookup(frozen), lookup(trained));
  const all = new Map([...trained, ...[...frozen].map(([name, value]) => [frozenName(name), value] as const)]);
  const blocks = [...trained.keys()].map((name): [string, Tensor] => [
    name,
    blocksOf(start.get(name) ?? { shape: [], data: new Float32Array() }, compactorShapes(table).get(name) ?? []),
  ]);
  const states = new Map([...teacherStates(teacher.config, table, teacherTensors), ...blocks]);
  return runParameters(engine, teacher, table, graph, { met, learned: all }, states, guidance);
}

/** What is learned from besides the task. */
type Guide = Guidance & { readonly guide: NamedTensors };

const TOKENS = BATCH * SEQUENCE;

const lookup =
  (values: ReadonlyMap<string, Value>): ParameterLookup =>
  (name) => {
    const value = values.get(name);
    if (value === undefined) throw new Error(name);
    return value;
  };

/**
 * The same of parameters that a graph has already.
 * @param states what the graph's states hold, by name
 */
export async function runParameters(
  engine: Engine,
  teacher: BertModel,
  table: SpaceTable,
  graph: Graph,
  { met, learned: all }: Pick<StepParameters, 'met' | 'learned'>,
  states: NamedTensors,
  guidance?: Guide,
): Promise<FormResult> {
  const batch = goldenBatch();
  const tokens = TOKENS;
  const config = studentConfig(teacher.config, table);
  const part = maskedWords.part(graph, { batch: BATCH, sequence: SEQUENCE, slots: tokens }, 0);
  const model = part.model(laidAs(graph, config, met.parameter, met.options));
  graph.output('logits', model.answers);
  const guide = guidance === undefined ? undefined : guideParameters(graph, teacher.config);
  const target =
    guidance === undefined || guide === undefined
      ? model.lossSum
      : guided(graph, laidAs(graph, teacher.config, lookup(guide.values)), part, model, guidance).target;
  const weight = graph.input('weight', [1]);
  graph.output('loss', scaleBy(graph, target, weight));
  differentiate(graph, target, [...all.values()], weight).forEach((gradient, i) => graph.output(`d.${[...all.keys()][i] ?? ''}`, gradient));
  const program = await engine.compile(plan(graph, engine.planOptions));
  const given = new Map([...states, ...guideStates(guidance?.guide ?? new Map())]);
  for (const name of graph.states.keys()) program.write(name, given.get(name)?.data ?? new Float32Array());
  program.write('inputIds', batch.inputIds);
  program.write('typeIds', batch.typeIds);
  program.write('positionIds', positionIds({ batch: BATCH, sequence: SEQUENCE }));
  program.write('keyRanges', batch.keyRanges);
  program.write(
    'positions',
    Int32Array.from({ length: tokens }, (_, i) => i),
  );
  const labels = new Int32Array(tokens).fill(-1);
  batch.positions.forEach((position, i) => (labels[position] = batch.labels[i] ?? -1));
  program.write('labels', labels);
  program.write('weight', Float32Array.of(1 / batch.predicted));
  await program.run();
  const gradients = new Map<string, Float32Array>();
  for (const name of all.keys()) gradients.set(name, await program.read(`d.${name}`));
  const logits = await program.read('logits');
  const [loss = Number.NaN] = await program.read('loss');
  program.dispose();
  return { logits, loss, gradients };
}

/** Golden logits or ours, [B T, V], of the positions that are not padding. */
export function ofTokens(logits: Float32Array): Float32Array {
  const { attention } = goldenBatch();
  const width = logits.length / attention.length;
  return logits.filter((_, i) => attention[Math.floor(i / width)] !== 0);
}

/** Logits of every position of the golden batch, from an ordinary model. */
export async function plainLogits(engine: Engine, model: BertModel): Promise<Float32Array> {
  const batch = goldenBatch();
  const tokens = BATCH * SEQUENCE;
  const graph = new Graph();
  const part = maskedWords.part(graph, { batch: BATCH, sequence: SEQUENCE, slots: tokens }, 0);
  graph.output('logits', part.model(plainRunnable(model).lay(graph)).answers);
  const program = await engine.compile(plan(graph, engine.planOptions));
  for (const name of graph.states.keys()) program.write(name, model.tensors.get(name)?.data ?? new Float32Array());
  program.write('inputIds', batch.inputIds);
  program.write('typeIds', batch.typeIds);
  program.write('positionIds', positionIds({ batch: BATCH, sequence: SEQUENCE }));
  program.write('keyRanges', batch.keyRanges);
  program.write(
    'positions',
    Int32Array.from({ length: tokens }, (_, i) => i),
  );
  await program.run();
  const logits = await program.read('logits');
  program.dispose();
  return logits;
}

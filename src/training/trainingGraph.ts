import { maskedInputs, maskedModel, type BatchShape, type MaskedInputs, type MaskedModel } from '../bert/masked.ts';
import type { BertConfig } from '../bert/config.ts';
import type { ParameterLookup } from '../bert/encoder.ts';
import { decoderName, encoderShape, parameterShapes } from '../bert/model.ts';
import { embeddingNames, headNames } from '../bert/names.ts';
import { differentiate } from '../graph/differentiate.ts';
import { Graph } from '../graph/graph.ts';
import { ADAMW_SETTINGS } from '../graph/operation.ts';
import { adamw, globalNorm, type AdamwGroup } from '../graph/ops/optimiser.ts';
import { mul, reduceSum, scale } from '../graph/ops/elementwise.ts';
import { add } from '../graph/ops/layout.ts';
import { distillation } from '../graph/ops/loss.ts';
import type { Value } from '../graph/value.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { Shape } from '../tensor/shape.ts';
import type { NamedTensors } from '../tensor/tensor.ts';
import { compactorShapes, linearSites, normSites } from '../wid/compactors.ts';
import { mergeLinear } from '../wid/merge.ts';
import { studentConfig, type SpaceTable } from '../wid/spaces.ts';

/** A training step as a graph, and which of its states are trained or must be written beforehand. */
export interface TrainingGraph {
  readonly graph: Graph;
  /** Names of the trained states with their shapes. */
  readonly trained: ReadonlyMap<string, Shape>;
  /** Names of the states that stay as written. */
  readonly frozen: ReadonlyMap<string, Shape>;
  readonly student: MaskedModel;
}

/** State of the teacher's tensor, apart from student tensors of the same name. */
export function frozenName(name: string): string {
  return `teacher.${name}`;
}

/** Shapes of the teacher's tensors that the merge reads, after whole heads were left out. */
export function teacherShapes(config: BertConfig, table: SpaceTable): Map<string, Shape> {
  const shapes = new Map<string, Shape>();
  const all = parameterShapes(config);
  for (const site of linearSites(table))
    shapes.set(`${site.teacherName}.weight`, [site.output, site.input]).set(`${site.teacherName}.bias`, [site.output]);
  for (const name of [embeddingNames.word, embeddingNames.position, embeddingNames.type, headNames.bias, decoderName(config)]) {
    const shape = all.get(name);
    if (shape !== undefined) shapes.set(name, shape);
  }
  return shapes;
}

function lookup(values: ReadonlyMap<string, Value>): ParameterLookup {
  return (name) => {
    const value = values.get(name);
    if (value === undefined) throw new StudioError('graph', `training graph: there is no parameter ${name}.`);
    return value;
  };
}

/** The student's parameters as graph values: merged matrices and its own LayerNorms. */
export interface MergedParameters {
  readonly parameter: ParameterLookup;
  readonly trained: Map<string, Value>;
  readonly frozen: Map<string, Value>;
}

/** Declares teacher tensors, compactors and LayerNorms as states and merges them. */
export function mergedParameters(graph: Graph, teacher: BertConfig, table: SpaceTable): MergedParameters {
  const frozen = new Map([...teacherShapes(teacher, table)].map(([name, shape]) => [name, graph.state(frozenName(name), shape)]));
  const trained = new Map([...compactorShapes(table)].map(([name, shape]) => [name, graph.state(name, shape)]));
  const merged = mergeLinear(graph, table, lookup(frozen), lookup(trained), decoderName(teacher));
  for (const [, name] of normSites(table))
    for (const part of ['weight', 'bias']) {
      const state = graph.state(`${name}.${part}`, [table.student.residual]);
      trained.set(`${name}.${part}`, state);
      merged.set(`${name}.${part}`, state);
    }
  return { parameter: lookup(merged), trained, frozen };
}

/** One optimiser step on merged weights: the compactors and LayerNorms learn, the teacher's weights stay (wid.md section 3). */
export function compactorTraining(teacher: BertConfig, table: SpaceTable, shape: BatchShape): TrainingGraph {
  const graph = new Graph();
  const { parameter, trained, frozen } = mergedParameters(graph, teacher, table);
  const config = studentConfig(teacher, table);
  const student = maskedModel(graph, encoderShape(config), parameter, maskedInputs(graph, shape), parameter(decoderName(config)));
  addOptimiser(graph, student, student.lossSum, trained, () => 0);
  const shapes = (values: ReadonlyMap<string, Value>, rename: (name: string) => string): Map<string, Shape> =>
    new Map([...values].map(([name, value]) => [rename(name), value.shape]));
  return { graph, student, trained: shapes(trained, (name) => name), frozen: shapes(frozen, frozenName) };
}

/** One optimiser step on a BERT's own weights: polishing, baselines, and training from scratch. */
export function weightTraining(config: BertConfig, shape: BatchShape, weightDecay: number): TrainingGraph {
  const graph = new Graph();
  const { student, values } = ownModel(graph, config, maskedInputs(graph, shape));
  addOptimiser(graph, student, student.lossSum, values, decayOf(weightDecay));
  return { graph, student, trained: parameterShapes(config), frozen: new Map() };
}

/** What a distillation baseline learns from. */
export interface DistillationSettings {
  readonly temperature: number;
  /** Share of the loss, 0 to 1, that comes from the teacher's logits; the rest is the task's. */
  readonly share: number;
}

/** One optimiser step of logit distillation into a BERT's own weights (wid.md section 5, baselines). The teacher runs in the same graph. */
export function distillationTraining(
  teacher: BertConfig,
  config: BertConfig,
  shape: BatchShape,
  weightDecay: number,
  { temperature, share }: DistillationSettings,
): TrainingGraph {
  const graph = new Graph();
  const inputs = maskedInputs(graph, shape);
  const { student, values } = ownModel(graph, config, inputs);
  const frozen = new Map([...parameterShapes(teacher)].map(([name, dims]) => [name, graph.state(frozenName(name), dims)]));
  const theirs = lookup(frozen);
  const { head } = maskedModel(graph, encoderShape(teacher), theirs, inputs, theirs(decoderName(teacher)));
  const soft = reduceSum(graph, distillation(graph, student.head.logits, head.logits, inputs.labels, temperature));
  const target = add(graph, scale(graph, student.lossSum, 1 - share), scale(graph, soft, share));
  addOptimiser(graph, student, target, values, decayOf(weightDecay));
  const frozenShapes = new Map([...parameterShapes(teacher)].map(([name, dims]) => [frozenName(name), dims]));
  return { graph, student, trained: parameterShapes(config), frozen: frozenShapes };
}

function ownModel(graph: Graph, config: BertConfig, inputs: MaskedInputs): { student: MaskedModel; values: Map<string, Value> } {
  const values = new Map([...parameterShapes(config)].map(([name, dims]) => [name, graph.state(name, dims)]));
  const parameter = lookup(values);
  return { student: maskedModel(graph, encoderShape(config), parameter, inputs, parameter(decoderName(config))), values };
}

/** Weight decay for matrices only, as is usual for BERT. */
function decayOf(weightDecay: number): (name: string) => number {
  return (name) => (name.endsWith('bias') || name.includes('LayerNorm') ? 0 : weightDecay);
}

/** @param target what is minimised, [1]; the loss that is reported stays the task's own */
function addOptimiser(
  graph: Graph,
  student: MaskedModel,
  target: Value,
  trained: ReadonlyMap<string, Value>,
  decay: (name: string) => number,
): void {
  const weight = graph.input('lossWeight', [1]);
  const settings = graph.input('settings', [ADAMW_SETTINGS.length]);
  graph.output('loss', mul(graph, student.lossSum, weight));
  const names = [...trained.keys()];
  const gradients = differentiate(graph, target, [...trained.values()], weight);
  const norm = globalNorm(graph, gradients);
  graph.output('norm', norm);
  const groups = [...trained].map(([name, parameter], index): AdamwGroup => {
    const gradient = gradients[index];
    if (gradient === undefined) throw new StudioError('graph', `training graph: no gradient for ${names[index] ?? name}.`);
    return {
      parameter,
      gradient,
      firstMoment: graph.state(`first.${name}`, parameter.shape),
      secondMoment: graph.state(`second.${name}`, parameter.shape),
      decay: decay(name),
      rate: 1,
    };
  });
  adamw(graph, groups, settings, norm);
}

/** The merge alone, with every student tensor as an output under its Hugging Face name. */
export function mergeGraph(teacher: BertConfig, table: SpaceTable): { graph: Graph; names: string[] } {
  const graph = new Graph();
  const { parameter } = mergedParameters(graph, teacher, table);
  const names = [...parameterShapes(studentConfig(teacher, table)).keys()];
  for (const name of names) graph.output(`merged.${name}`, parameter(name));
  return { graph, names };
}

/** Student LayerNorms at the kept dimensions of the teacher's. */
export function keptNorms(
  teacher: NamedTensors,
  table: SpaceTable,
  residual: readonly number[],
): Map<string, { shape: Shape; data: Float32Array }> {
  const norms = new Map<string, { shape: Shape; data: Float32Array }>();
  for (const [from, to] of normSites(table))
    for (const part of ['weight', 'bias']) {
      const source = teacher.get(`${from}.${part}`);
      if (source === undefined) throw new StudioError('checkpoint', `teacher: ${from}.${part} is missing.`);
      norms.set(`${to}.${part}`, { shape: [residual.length], data: Float32Array.from(residual, (i) => source.data[i] ?? 0) });
    }
  return norms;
}

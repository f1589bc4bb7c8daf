import { blueprintOf, moduleShapes, parameterNames, parameterPairs, spaceWidths, type Blueprint } from '../models/blueprint.ts';
import type { BertConfig } from '../models/config.ts';
import type { ParameterLookup } from '../models/encoder.ts';
import { decoderName, parameterShapes } from '../models/model.ts';
import { laidAs, type LaidModel } from '../models/runnable.ts';
import type { StepShape } from '../tasks/task.ts';
import { Graph } from '../graph/graph.ts';
import { scale } from '../graph/ops/elementwise.ts';
import { add } from '../graph/ops/layout.ts';
import type { Value } from '../graph/value.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { Shape } from '../tensor/shape.ts';
import type { NamedTensors } from '../tensor/tensor.ts';
import { compactorShapes, normSites } from '../wid/compactors.ts';
import { isWhole } from '../wid/lowRank.ts';
import { metParameters, sitePlan, type Meeting } from '../wid/meeting.ts';
import { mergeLinear } from '../wid/merge.ts';
import type { StepRows } from '../wid/siteCost.ts';
import { studentConfig, vectorWidth, type SpaceTable } from '../wid/spaces.ts';
import { ownParameters } from './factorisedTables.ts';
import { guided, guideParameters, type Guidance } from './guide.ts';
import { hiddenLoss, KEPT_STATES, keptStatesLoss, PROJECTION } from './hiddenLoss.ts';
import { learnedName, lowRankParameters, type StepParameters } from './lowRankTraining.ts';
import { addOptimiser, decayOf, type PartLoss } from './optimiserNodes.ts';
import { frozenName, teacherShapes } from './teacherStates.ts';

/** A training step as a graph, and which of its states are trained or must be written beforehand. */
export interface TrainingGraph {
  readonly graph: Graph;
  /** Of the model that is trained: it says which positions and segments the host writes. */
  readonly blueprint: Blueprint;
  /** Names of the trained states with their shapes. */
  readonly trained: ReadonlyMap<string, Shape>;
  /** Names of the states that stay as written. */
  readonly frozen: ReadonlyMap<string, Shape>;
  /** Those of the frozen states that the host rewrites between steps, as masks: part of a run's state. */
  readonly rewritten?: ReadonlyMap<string, Shape>;
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

/**
 * Declares teacher tensors, compactors and LayerNorms as states and merges them.
 * @param exact whether the teacher's weights must be what they are, as where a student's final weights come from them
 */
export function mergedParameters(graph: Graph, teacher: BertConfig, table: SpaceTable, exact = false): MergedParameters {
  const declare = (name: string, shape: Shape): Value => (exact ? graph.state(name, shape) : graph.frozen(name, shape));
  const frozen = new Map([...teacherShapes(teacher, table)].map(([name, shape]) => [name, declare(frozenName(name), shape)]));
  const trained = new Map([...compactorShapes(table)].map(([name, shape]) => [name, graph.state(name, shape)]));
  const merged = mergeLinear(graph, table, lookup(frozen), lookup(trained), decoderName(teacher));
  for (const { ours } of normSites(table))
    for (const name of parameterNames(ours)) {
      const state = graph.state(name, [vectorWidth(table.student, ours.writes)]);
      trained.set(name, state);
      merged.set(name, state);
    }
  // What is behind pooling is the student's own: nothing of the teacher's is merged into it.
  const student = studentConfig(teacher, table);
  const dense = blueprintOf(student).find('sentenceDense');
  for (const [name, shape] of dense === undefined ? [] : moduleShapes(dense, spaceWidths(student))) {
    const state = graph.state(name, shape);
    trained.set(name, state);
    merged.set(name, state);
  }
  return { parameter: lookup(merged), trained, frozen };
}

/** What of WID a step trains beside compactors and LayerNorms, and where matrices meet their compactors. */
export interface CompactorSettings {
  /** Rate of the teacher's own weights as a share of the compactors'; 0 = frozen. */
  readonly teacherRate: number;
  /** Weight decay of the teacher's own matrices, where they are trained. */
  readonly teacherDecay: number;
  readonly meeting: Meeting;
  /** Of what training adds to a compactor ({@link rankOf}); whole compactors if left out. */
  readonly rank?: number;
  /** The teacher's logits are learned from as well; a share of 0 leaves its forward pass out. */
  readonly guidance: Guidance;
  /** Weight of the difference of hidden states at the kept dimensions; none if left out. */
  readonly keptStates?: number;
}

export const FROZEN_TEACHER: CompactorSettings = {
  teacherRate: 0,
  teacherDecay: 0,
  meeting: 'counted',
  guidance: { share: 0, temperature: 1 },
};

const shapesOf = (values: ReadonlyMap<string, Value>): Map<string, Shape> =>
  new Map([...values].map(([name, value]) => [name, value.shape]));

/**
 * One optimiser step of compactors and LayerNorms, and of the teacher's weights if they have a rate (docs/method.md section 3).
 * Learning from the teacher's logits is a departure: the paper has no loss but the task's.
 *
 * @param shape of one micro-batch   @param parts micro-batches in a step; they share one merge
 */
export function compactorTraining(
  teacher: BertConfig,
  table: SpaceTable,
  shape: StepShape,
  settings: CompactorSettings = FROZEN_TEACHER,
  parts = 1,
): TrainingGraph {
  const graph = new Graph();
  const config = studentConfig(teacher, table);
  const learns = settings.teacherRate > 0;
  const { keptStates = 0 } = settings;
  const kept = keptStates > 0 ? graph.state(KEPT_STATES, [teacher.hiddenSize, config.hiddenSize]) : undefined;
  const isGuided = settings.guidance.share > 0 || kept !== undefined;
  const rows = stepRows(shape, parts);
  const parameters =
    settings.rank === undefined || isWhole(table, settings.rank)
      ? wholeParameters(graph, teacher, table, settings.meeting, rows, learns)
      : lowRankParameters(graph, teacher, table, settings.rank, rows, learns, isGuided);
  const { met, learned } = parameters;
  const guide = isGuided ? guideParameters(graph, teacher, parameters.theirs) : undefined;
  const batch = (part: number): PartLoss => {
    const laid = shape.task.part(graph, shape, part);
    const student = laid.model(laidAs(graph, config, met.parameter, met.options));
    const { lossSum } = student;
    if (guide === undefined) return { lossSum, target: student.target ?? lossSum };
    const { target, encoder } = guided(graph, laidAs(graph, teacher, lookup(guide.values)), laid, student, settings.guidance);
    if (kept === undefined) return { lossSum, target };
    const apart = keptStatesLoss(graph, student.encoder, encoder, laid.positions, table.layerMap, kept);
    return { lossSum, target: add(graph, target, scale(graph, apart, keptStates * (laid.perPosition ?? 1))) };
  };
  const decay = decayOf(settings.teacherDecay, blueprintOf(teacher));
  addOptimiser(graph, learned, batches(parts, batch), (name) => {
    const own = name.startsWith(learnedName('')) ? name.slice(learnedName('').length) : name;
    return own !== name || name.startsWith(frozenName(''))
      ? { rate: settings.teacherRate, decay: decay(own).decay }
      : { rate: 1, decay: 0 };
  });
  return {
    graph,
    blueprint: blueprintOf(config),
    trained: shapesOf(learned),
    frozen: new Map([...shapesOf(parameters.still), ...shapesOf(guide?.own ?? new Map()), ...keptShapes(kept)]),
    rewritten: keptShapes(kept),
  };
}

/** Rows of activations of one optimiser step of so many micro-batches. */
export function stepRows({ batch, sequence, slots }: StepShape, parts: number): StepRows {
  return { tokens: parts * batch * sequence, slots: parts * slots };
}

/** Compactors that are trained whole, merged or applied as the meeting says. */
function wholeParameters(
  graph: Graph,
  teacher: BertConfig,
  table: SpaceTable,
  meeting: Meeting,
  rows: StepRows,
  learns: boolean,
): StepParameters {
  const { parameter, trained, frozen } = mergedParameters(graph, teacher, table);
  const plan = sitePlan(meeting, teacher, table, rows, learns);
  const met = metParameters(graph, teacher, table, plan, parameter, lookup(frozen), lookup(trained));
  const theirs = new Map([...frozen].map(([name, value]) => [frozenName(name), value]));
  return {
    met,
    learned: learns ? new Map([...trained, ...theirs]) : trained,
    still: learns ? new Map() : theirs,
    theirs: learns ? undefined : frozen,
  };
}

/** A state that no step changes and that a run keeps: which dimensions a student keeps is known to its start alone. */
function keptShapes(kept: Value | undefined): Map<string, Shape> {
  return new Map(kept === undefined ? [] : [[KEPT_STATES, kept.shape]]);
}

function batches(parts: number, batch: (part: number) => PartLoss): (() => PartLoss)[] {
  return Array.from({ length: parts }, (_, part) => () => batch(part));
}

/**
 * One optimiser step on a BERT's own weights: polishing, baselines, and training from scratch.
 * @param tableRank of tables of words that are trained as two factors; whole ones if left out
 */
export function weightTraining(
  config: BertConfig,
  shape: StepShape,
  weightDecay: number,
  parts = 1,
  tableRank = Number.POSITIVE_INFINITY,
): TrainingGraph {
  const graph = new Graph();
  const { trained, model } = ownModel(graph, config, tableRank);
  const batch = (part: number): PartLoss => {
    const { lossSum, target = lossSum } = shape.task.part(graph, shape, part).model(model);
    return { lossSum, target };
  };
  addOptimiser(graph, trained, batches(parts, batch), decayOf(weightDecay, blueprintOf(config)));
  return { graph, blueprint: blueprintOf(config), trained: shapesOf(trained), frozen: new Map() };
}

/** What a distillation baseline learns from. */
export interface DistillationSettings extends Guidance {
  /** Weight of the hidden-state loss that is added, through a learned projection; 0 = none. */
  readonly hidden: number;
  /** Weight of the difference of hidden states at the kept dimensions; none if left out. */
  readonly keptStates?: number;
  /** Teacher layer of every student layer. */
  readonly layerMap: readonly number[];
}

/**
 * One optimiser step of distillation into a BERT's own weights, by logits and, if wanted, hidden states (docs/method.md section 5,
 * baselines). The teacher runs in the same graph.
 * @param tableRank as of {@link weightTraining}
 */
export function distillationTraining(
  teacher: BertConfig,
  config: BertConfig,
  shape: StepShape,
  weightDecay: number,
  { hidden, keptStates = 0, layerMap, ...guidance }: DistillationSettings,
  parts = 1,
  tableRank = Number.POSITIVE_INFINITY,
): TrainingGraph {
  const graph = new Graph();
  const { trained, model } = ownModel(graph, config, tableRank);
  const guide = guideParameters(graph, teacher);
  const projection = hidden > 0 ? graph.state(PROJECTION, [config.hiddenSize, teacher.hiddenSize]) : undefined;
  if (projection !== undefined) trained.set(PROJECTION, projection);
  const kept = keptStates > 0 ? graph.state(KEPT_STATES, [teacher.hiddenSize, config.hiddenSize]) : undefined;
  const batch = (part: number): PartLoss => {
    const laid = shape.task.part(graph, shape, part);
    const student = laid.model(model);
    const { target, encoder } = guided(graph, laidAs(graph, teacher, lookup(guide.values)), laid, student, guidance);
    const each = laid.perPosition ?? 1;
    let sum = target;
    if (projection !== undefined) {
      const apart = hiddenLoss(graph, student.encoder, encoder, laid.positions, layerMap, projection);
      sum = add(graph, sum, scale(graph, apart, hidden * each));
    }
    if (kept !== undefined) {
      const apart = keptStatesLoss(graph, student.encoder, encoder, laid.positions, layerMap, kept);
      sum = add(graph, sum, scale(graph, apart, keptStates * each));
    }
    return { lossSum: student.lossSum, target: sum };
  };
  addOptimiser(graph, trained, batches(parts, batch), decayOf(weightDecay, blueprintOf(config)));
  return {
    graph,
    blueprint: blueprintOf(config),
    trained: shapesOf(trained),
    frozen: new Map([...shapesOf(guide.own), ...keptShapes(kept)]),
    rewritten: keptShapes(kept),
  };
}

function ownModel(graph: Graph, config: BertConfig, tableRank: number): { trained: Map<string, Value>; model: LaidModel } {
  const { trained, values } = ownParameters(graph, config, tableRank);
  return { trained, model: laidAs(graph, config, lookup(values)) };
}

/** The merge alone, with every student tensor as an output under its own name. */
export function mergeGraph(teacher: BertConfig, table: SpaceTable): { graph: Graph; names: string[] } {
  const graph = new Graph();
  const { parameter } = mergedParameters(graph, teacher, table, true);
  const names = [...parameterShapes(studentConfig(teacher, table)).keys()];
  for (const name of names) graph.output(`merged.${name}`, parameter(name));
  return { graph, names };
}

/**
 * Student LayerNorms at the kept dimensions of the teacher's.
 * @param embedding those of the tables, and of what the decoder reads, if they are in a space of their own
 */
export function keptNorms(
  teacher: NamedTensors,
  table: SpaceTable,
  residual: readonly number[],
  embedding: readonly number[] = residual,
): Map<string, { shape: Shape; data: Float32Array }> {
  const norms = new Map<string, { shape: Shape; data: Float32Array }>();
  for (const { theirs, ours } of normSites(table))
    for (const [from, to] of parameterPairs(theirs, ours)) {
      const source = teacher.get(from);
      if (source === undefined) throw new StudioError('checkpoint', `teacher: ${from} is missing.`);
      const kept = ours.writes === 'residual' ? residual : embedding;
      norms.set(to, { shape: [kept.length], data: Float32Array.from(kept, (i) => source.data[i] ?? 0) });
    }
  return norms;
}

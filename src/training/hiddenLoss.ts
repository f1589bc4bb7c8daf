import type { EncoderResult } from '../models/encoder.ts';
import type { Graph } from '../graph/graph.ts';
import { mul, reduceSum, scale } from '../graph/ops/elementwise.ts';
import { accumulate, add } from '../graph/ops/layout.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { gatherRows } from '../graph/ops/rows.ts';
import { GraphError, type Value } from '../graph/value.ts';
import { Random } from '../tensor/random.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** The learned projection from the student's width to the teacher's, [d', d]: trained along and thrown away. */
export const PROJECTION = 'distillation.projection';

/** Where the projection starts: normal(0, 1 / d'), so that it keeps the size of what it projects. */
export function freshProjection(student: number, teacher: number, seed: number): Tensor {
  const random = new Random(seed);
  const data = Float32Array.from({ length: student * teacher }, () => random.normal() / Math.sqrt(student));
  return { shape: [student, teacher] satisfies Shape, data };
}

/** What every layer gives to the next one. */
function outputs({ layers, hidden }: EncoderResult): Value[] {
  return [...layers.slice(1).map(({ read }) => read), hidden];
}

/**
 * Mean square difference per dimension between what every student layer gives and what its teacher layer gives, averaged over layers and
 * summed over the positions, as the other losses are.
 *
 * @param positions rows that are compared; unused ones count for nothing   @param layerMap teacher layer of every student layer
 * @param mine the student's rows as they are compared   @param aim the teacher's
 * @returns [1]
 */
function statesApart(
  graph: Graph,
  student: EncoderResult,
  teacher: EncoderResult,
  positions: Value,
  layerMap: readonly number[],
  mine: (rows: Value) => Value,
  aim: (rows: Value) => Value,
): Value {
  const [ours, theirs] = [outputs(student), outputs(teacher)];
  let sum: Value | null = null;
  let width = 1;
  for (const [layer, from] of layerMap.entries()) {
    const [given, wanted] = [ours[layer], theirs[from]];
    if (given === undefined || wanted === undefined) continue;
    const apart = add(graph, mine(gatherRows(graph, given, positions)), scale(graph, aim(gatherRows(graph, wanted, positions)), -1));
    width = apart.shape[1] ?? 1;
    sum = accumulate(graph, sum, reduceSum(graph, mul(graph, apart, apart)));
  }
  if (sum === null) throw new GraphError('statesApart', `expected layers to compare, got the map [${layerMap.join(', ')}].`);
  return scale(graph, sum, 1 / (width * layerMap.length));
}

/**
 * Hidden-state loss of a distillation baseline (docs/method.md section 5.4), through a learned projection. One projection serves all
 * layers, since all share the residual stream.
 *
 * @returns [1]
 */
export function hiddenLoss(
  graph: Graph,
  student: EncoderResult,
  teacher: EncoderResult,
  positions: Value,
  layerMap: readonly number[],
  projection: Value,
): Value {
  const project = (rows: Value): Value => matmul(graph, rows, projection);
  return statesApart(graph, student, teacher, positions, layerMap, project, (rows) => rows);
}

/** The dimensions of the teacher's stream that a student keeps, [d, d'], a 1 in every column. */
export const KEPT_STATES = 'kept.states';

/** @param kept ascending   @param width d */
export function keptStates(kept: readonly number[], width: number): Tensor {
  const data = new Float32Array(width * kept.length);
  kept.forEach((dimension, i) => (data[dimension * kept.length + i] = 1));
  return { shape: [width, kept.length] satisfies Shape, data };
}

/**
 * Hidden-state loss of a student that inherits: its stream is the teacher's at the kept dimensions, so that no projection is needed.
 *
 * @param kept as {@link keptStates} makes it
 * @returns [1]
 */
export function keptStatesLoss(
  graph: Graph,
  student: EncoderResult,
  teacher: EncoderResult,
  positions: Value,
  layerMap: readonly number[],
  kept: Value,
): Value {
  return statesApart(
    graph,
    student,
    teacher,
    positions,
    layerMap,
    (rows) => rows,
    (rows) => matmul(graph, rows, kept),
  );
}

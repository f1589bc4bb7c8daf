import type { EncoderResult } from '../models/encoder.ts';
import type { Graph } from '../graph/graph.ts';
import { mul, reduceSum, scale } from '../graph/ops/elementwise.ts';
import { accumulate, add } from '../graph/ops/layout.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { gatherRows } from '../graph/ops/rows.ts';
import type { Value } from '../graph/value.ts';
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
 * Hidden-state loss of a distillation baseline (docs/method.md section 5.4): mean square difference per dimension between the
 * projected outputs of every student layer and those of its teacher layer, averaged over layers and summed over the
 * predicted tokens, as the other losses are. One projection serves all layers, since all share the residual stream.
 *
 * @param positions [M], rows of the predicted tokens; unused slots count for nothing
 * @param layerMap teacher layer of every student layer
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
  const [ours, theirs] = [outputs(student), outputs(teacher)];
  let sum: Value | null = null;
  for (const [layer, from] of layerMap.entries()) {
    const [mine, aim] = [ours[layer], theirs[from]];
    if (mine === undefined || aim === undefined) continue;
    const wanted = scale(graph, gatherRows(graph, aim, positions), -1);
    const apart = add(graph, matmul(graph, gatherRows(graph, mine, positions), projection), wanted);
    sum = accumulate(graph, sum, reduceSum(graph, mul(graph, apart, apart)));
  }
  const width = projection.shape[1] ?? 1;
  return scale(graph, sum ?? reduceSum(graph, projection), 1 / (width * layerMap.length));
}

import type { Graph } from '../graph.ts';
import { axisLength, requireContiguous, requireShape, type Value } from '../value.ts';
import { broadcast, mul, rsqrt } from './elementwise.ts';
import { matmul } from './matmul.ts';

/** Added to a row's square, so that a row of zeros stays one. */
const SMALLEST_SQUARE = 1e-12;

/**
 * Rows scaled to length 1; a row of zeros stays one. Made of other operations, so that engines need no kernel for it.
 *
 * @param x [M, w]   @param one [1], the number 1
 * @returns [M, w]
 */
export function unitRows(graph: Graph, x: Value, one: Value): Value {
  requireContiguous('unitRows', 'x', x);
  requireShape('unitRows', 'one', one, [1]);
  const width = axisLength('unitRows', x, 1);
  const squares = rowDots(graph, x, x, one);
  // A number a row is spread over the row by an outer product.
  return mul(graph, x, matmul(graph, rsqrt(graph, squares, SMALLEST_SQUARE), broadcast(graph, one, [1, width])));
}

/** Products of rows of a and b [M, w], each summed, [M, 1]. @param one [1], the number 1 */
export function rowDots(graph: Graph, a: Value, b: Value, one: Value): Value {
  return matmul(graph, mul(graph, a, b), broadcast(graph, one, [axisLength('rowDots', a, 1), 1]));
}

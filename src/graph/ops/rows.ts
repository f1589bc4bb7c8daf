import { formatShape } from '../../tensor/shape.ts';
import type { Graph } from '../graph.ts';
import { axisLength, GraphError, requireContiguous, requireShape, type Value } from '../value.ts';
import { accumulate } from './layout.ts';

/** x [N, d] summed over its rows, [d]. */
export function reduceRows(graph: Graph, x: Value): Value {
  requireContiguous('reduceRows', 'x', x);
  const rows = axisLength('reduceRows', x, 0);
  const width = axisLength('reduceRows', x, 1);
  return graph.add({
    operation: { kind: 'reduceRows' },
    inputs: [x],
    output: graph.temporary('reduceRows', [width]),
    writes: [],
    gradient: null,
    reference: ([source = new Float64Array()], out) => {
      out.fill(0);
      for (let i = 0; i < rows * width; i++) out[i % width] = (out[i % width] ?? 0) + (source[i] ?? 0);
    },
    flops: rows * width,
  });
}

/**
 * Rows of a table: embedding lookup, and the choice of the predicted positions.
 *
 * @param table [V, d]   @param ids [N], i32; negative = a row of zeros
 * @returns [N, d]
 */
export function gatherRows(graph: Graph, table: Value, ids: Value): Value {
  requireContiguous('gatherRows', 'table', table);
  requireIds('gatherRows', ids);
  const width = axisLength('gatherRows', table, 1);
  const height = axisLength('gatherRows', table, 0);
  const count = axisLength('gatherRows', ids, 0);
  return graph.add({
    operation: { kind: 'gatherRows' },
    inputs: [table, ids],
    output: graph.temporary('gatherRows', [count, width]),
    writes: [],
    gradient: (dy) => [(sum) => accumulate(graph, sum, scatterRows(graph, dy, ids, height)), null],
    reference: ([source = new Float64Array(), index = new Float64Array()], out) => {
      for (let i = 0; i < count; i++)
        for (let j = 0; j < width; j++) out[i * width + j] = (index[i] ?? -1) < 0 ? 0 : (source[(index[i] ?? 0) * width + j] ?? 0);
    },
    flops: 0,
  });
}

/** dy [N, d] added up into the rows that `ids` [N] name, [V, d]. */
export function scatterRows(graph: Graph, dy: Value, ids: Value, height: number): Value {
  requireContiguous('scatterRows', 'dy', dy);
  requireIds('scatterRows', ids);
  const width = axisLength('scatterRows', dy, 1);
  const count = axisLength('scatterRows', ids, 0);
  return graph.add({
    operation: { kind: 'scatterRows' },
    inputs: [dy, ids],
    output: graph.temporary('scatterRows', [height, width]),
    writes: [],
    gradient: (ddy) => [(sum) => accumulate(graph, sum, gatherRows(graph, ddy, ids)), null],
    reference: ([source = new Float64Array(), index = new Float64Array()], out) => {
      out.fill(0);
      for (let i = 0; i < count; i++) {
        const row = index[i] ?? -1;
        if (row < 0) continue;
        for (let j = 0; j < width; j++) out[row * width + j] = (out[row * width + j] ?? 0) + (source[i * width + j] ?? 0);
      }
    },
    flops: count * width,
  });
}

/** The column of the largest entry of every row, i32 [M]; the first where several tie. */
export function argmaxRows(graph: Graph, x: Value): Value {
  requireContiguous('argmaxRows', 'x', x);
  const rows = axisLength('argmaxRows', x, 0);
  const width = axisLength('argmaxRows', x, 1);
  return graph.add({
    operation: { kind: 'argmaxRows' },
    inputs: [x],
    output: graph.temporary('argmaxRows', [rows], 'i32'),
    writes: [],
    gradient: null,
    reference: ([source = new Float64Array()], out) => {
      for (let i = 0; i < rows; i++) {
        let best = 0;
        for (let j = 1; j < width; j++) if ((source[i * width + j] ?? 0) > (source[i * width + best] ?? 0)) best = j;
        out[i] = best;
      }
    },
    flops: rows * width,
  });
}

function requireIds(operation: string, ids: Value): void {
  if (ids.dtype !== 'i32' || ids.shape.length !== 1)
    throw new GraphError(operation, `ids: expected i32 [N], got ${ids.dtype} ${formatShape(ids.shape)}.`);
  requireShape(operation, 'ids', ids, ids.shape);
}

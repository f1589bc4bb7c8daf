import { formatShape, sizeOf } from '../../tensor/shape.ts';
import type { Graph } from '../graph.ts';
import { axisLength, GraphError, requireContiguous, requireShape, type Value } from '../value.ts';
import { accumulate, contiguous } from './layout.ts';

/**
 * Rotary positions: dimensions i and i + a / 2 of every head are a point in a plane, which is turned by an angle that grows with the
 * row's position. Scores of turned queries and keys depend on the distance of their positions alone.
 *
 * @param x [N, A a]   @param table [P, a], from {@link rotationTable}   @param positions [N], i32, below P
 * @param inverse turn back, which is the gradient of turning
 * @returns [N, A a]
 */
export function rotate(graph: Graph, x: Value, table: Value, positions: Value, inverse = false): Value {
  requireContiguous('rotate', 'x', x);
  requireContiguous('rotate', 'table', table);
  const rows = axisLength('rotate', x, 0);
  const width = axisLength('rotate', x, 1);
  const size = axisLength('rotate', table, 1);
  if (size % 2 !== 0 || width % size !== 0)
    throw new GraphError(
      'rotate',
      `expected x [N, A a] and table [P, a] with a even, got ${formatShape(x.shape)} and ${formatShape(table.shape)}.`,
    );
  requireShape('rotate', 'positions', positions, [rows]);
  if (positions.dtype !== 'i32') throw new GraphError('rotate', `positions: expected i32, got ${positions.dtype}.`);
  const half = size / 2;
  const turn = inverse ? -1 : 1;
  return graph.add({
    operation: { kind: 'rotate', inverse },
    inputs: [x, table, positions],
    output: graph.temporary('rotate', [rows, width]),
    writes: [],
    overwritable: [x],
    gradient: (dy) => [(sum) => accumulate(graph, sum, rotate(graph, contiguous(graph, dy), table, positions, !inverse)), null, null],
    reference: ([source = new Float64Array(), angles = new Float64Array(), at = new Float64Array()], out) => {
      for (let row = 0; row < rows; row++)
        for (let first = row * width; first < (row + 1) * width; first += size)
          for (let i = 0; i < half; i++) {
            const cosine = angles[(at[row] ?? 0) * size + i] ?? 0;
            const sine = turn * (angles[(at[row] ?? 0) * size + half + i] ?? 0);
            const [p, q] = [source[first + i] ?? 0, source[first + half + i] ?? 0];
            out[first + i] = p * cosine - q * sine;
            out[first + half + i] = q * cosine + p * sine;
          }
    },
    flops: 3 * sizeOf(x.shape),
  });
}

/**
 * Cosines, then sines, of the angles p theta^(-2 i / a) at positions p = 0 .. P-1 for the pairs i = 0 .. a/2-1 of a head.
 * Made in float64: what devices make of large angles differs.
 *
 * @param theta the base, as `rope_theta` of a `config.json`   @param size a, even   @param positions P
 * @returns [P, a]
 */
export function rotationTable(theta: number, size: number, positions: number): Float32Array {
  const table = new Float32Array(positions * size);
  const half = size / 2;
  for (let i = 0; i < half; i++) {
    const step = theta ** (-i / half);
    for (let p = 0; p < positions; p++) {
      table[p * size + i] = Math.cos(p * step);
      table[p * size + half + i] = Math.sin(p * step);
    }
  }
  return table;
}

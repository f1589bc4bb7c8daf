import type { Graph } from '../graph.ts';
import { axisLength, requireContiguous, requireShape, type Value } from '../value.ts';
import { accumulate } from './layout.ts';
import { reduceRows } from './rows.ts';

/**
 * (x - mean) / sqrt(variance + epsilon) * gain + shift over the last axis; biased variance, as Hugging Face.
 *
 * @param x [N, d]   @param gain [d]   @param shift [d]
 * @returns [N, d]
 */
export function layerNorm(graph: Graph, x: Value, gain: Value, shift: Value, epsilon: number): Value {
  requireContiguous('layerNorm', 'x', x);
  const width = axisLength('layerNorm', x, 1);
  const rows = axisLength('layerNorm', x, 0);
  requireShape('layerNorm', 'gain', gain, [width]);
  requireShape('layerNorm', 'shift', shift, [width]);
  return graph.add({
    operation: { kind: 'layerNorm', epsilon },
    inputs: [x, gain, shift],
    output: graph.temporary('layerNorm', [rows, width]),
    writes: [],
    gradient: (dy) => [
      (sum) => accumulate(graph, sum, gradInput(graph, x, gain, dy, epsilon)),
      (sum) => accumulate(graph, sum, gradGain(graph, x, dy, epsilon)),
      (sum) => accumulate(graph, sum, reduceRows(graph, dy)),
    ],
    reference: ([source = new Float64Array(), g = new Float64Array(), b = new Float64Array()], out) => {
      for (let i = 0; i < rows; i++) {
        const normal = normalised(source.subarray(i * width, (i + 1) * width), epsilon);
        for (let j = 0; j < width; j++) out[i * width + j] = (normal.values[j] ?? 0) * (g[j] ?? 0) + (b[j] ?? 0);
      }
    },
    flops: 8 * rows * width,
  });
}

function normalised(row: Float64Array, epsilon: number): { values: Float64Array; inverse: number } {
  const mean = row.reduce((sum, x) => sum + x, 0) / row.length;
  const variance = row.reduce((sum, x) => sum + (x - mean) ** 2, 0) / row.length;
  const inverse = 1 / Math.sqrt(variance + epsilon);
  return { values: row.map((x) => (x - mean) * inverse), inverse };
}

function gradInput(graph: Graph, x: Value, gain: Value, dy: Value, epsilon: number): Value {
  requireContiguous('layerNormGradInput', 'dy', dy);
  const width = axisLength('layerNormGradInput', x, 1);
  const rows = axisLength('layerNormGradInput', x, 0);
  return graph.add({
    operation: { kind: 'layerNormGradInput', epsilon },
    inputs: [x, gain, dy],
    output: graph.temporary('layerNormGradInput', [rows, width]),
    writes: [],
    gradient: null,
    reference: ([source = new Float64Array(), g = new Float64Array(), slope = new Float64Array()], out) => {
      for (let i = 0; i < rows; i++) {
        const { values, inverse } = normalised(source.subarray(i * width, (i + 1) * width), epsilon);
        const dxhat = values.map((_, j) => (slope[i * width + j] ?? 0) * (g[j] ?? 0));
        const mean = dxhat.reduce((sum, v) => sum + v, 0) / width;
        const along = dxhat.reduce((sum, v, j) => sum + v * (values[j] ?? 0), 0) / width;
        for (let j = 0; j < width; j++) out[i * width + j] = inverse * ((dxhat[j] ?? 0) - mean - (values[j] ?? 0) * along);
      }
    },
    flops: 14 * rows * width,
  });
}

function gradGain(graph: Graph, x: Value, dy: Value, epsilon: number): Value {
  requireContiguous('layerNormGradGain', 'dy', dy);
  const width = axisLength('layerNormGradGain', x, 1);
  const rows = axisLength('layerNormGradGain', x, 0);
  return graph.add({
    operation: { kind: 'layerNormGradGain', epsilon },
    inputs: [x, dy],
    output: graph.temporary('layerNormGradGain', [width]),
    writes: [],
    gradient: null,
    reference: ([source = new Float64Array(), slope = new Float64Array()], out) => {
      out.fill(0);
      for (let i = 0; i < rows; i++) {
        const { values } = normalised(source.subarray(i * width, (i + 1) * width), epsilon);
        for (let j = 0; j < width; j++) out[j] = (out[j] ?? 0) + (values[j] ?? 0) * (slope[i * width + j] ?? 0);
      }
    },
    flops: 8 * rows * width,
  });
}

import type { Graph } from '../graph.ts';
import { axisLength, requireContiguous, requireSameShape, requireShape, type Value } from '../value.ts';
import { accumulate } from './layout.ts';

function softmaxRow(row: Float64Array, temperature = 1): { p: Float64Array; logTotal: number; top: number } {
  const top = row.reduce((best, x) => Math.max(best, x), -Infinity);
  const weights = row.map((x) => Math.exp((x - top) / temperature));
  const total = weights.reduce((sum, x) => sum + x, 0);
  return { p: weights.map((x) => x / total), logTotal: Math.log(total), top };
}

/**
 * Cross-entropy row by row, in nats. Reduce and weigh it yourself: a step of several batches has one mean.
 *
 * @param logits [M, V]   @param labels [M], i32; negative = not predicted, loss 0
 * @returns [M]
 */
export function crossEntropy(graph: Graph, logits: Value, labels: Value): Value {
  requireContiguous('crossEntropy', 'logits', logits);
  const rows = axisLength('crossEntropy', logits, 0);
  const width = axisLength('crossEntropy', logits, 1);
  requireShape('crossEntropy', 'labels', labels, [rows]);
  return graph.add({
    operation: { kind: 'crossEntropy' },
    inputs: [logits, labels],
    output: graph.temporary('crossEntropy', [rows]),
    writes: [],
    gradient: (dy) => [(sum) => accumulate(graph, sum, crossEntropyGrad(graph, logits, labels, dy)), null],
    reference: ([source = new Float64Array(), label = new Float64Array()], out) => {
      for (let i = 0; i < rows; i++) {
        const target = label[i] ?? -1;
        const { logTotal, top } = softmaxRow(source.subarray(i * width, (i + 1) * width));
        out[i] = target < 0 ? 0 : logTotal + top - (source[i * width + target] ?? 0);
      }
    },
    flops: 8 * rows * width,
  });
}

function crossEntropyGrad(graph: Graph, logits: Value, labels: Value, drows: Value): Value {
  const rows = axisLength('crossEntropyGrad', logits, 0);
  const width = axisLength('crossEntropyGrad', logits, 1);
  return graph.add({
    operation: { kind: 'crossEntropyGrad' },
    inputs: [logits, labels, drows],
    output: graph.temporary('crossEntropyGrad', [rows, width]),
    writes: [],
    gradient: null,
    reference: ([source = new Float64Array(), label = new Float64Array(), slope = new Float64Array()], out) => {
      for (let i = 0; i < rows; i++) {
        const target = label[i] ?? -1;
        const { p } = softmaxRow(source.subarray(i * width, (i + 1) * width));
        for (let j = 0; j < width; j++) out[i * width + j] = target < 0 ? 0 : (slope[i] ?? 0) * ((p[j] ?? 0) - (j === target ? 1 : 0));
      }
    },
    flops: 10 * rows * width,
  });
}

/**
 * Logit distillation row by row: t^2 KL(softmax(teacher / t) || softmax(logits / t)), in nats.
 * The teacher's logits are data: no gradient flows to them.
 *
 * @param logits [M, V]   @param teacher [M, V]   @param labels [M], i32; negative = not predicted, loss 0
 * @returns [M]
 */
export function distillation(graph: Graph, logits: Value, teacher: Value, labels: Value, temperature: number): Value {
  requireContiguous('distillation', 'logits', logits);
  requireContiguous('distillation', 'teacher', teacher);
  requireSameShape('distillation', logits, teacher);
  const rows = axisLength('distillation', logits, 0);
  const width = axisLength('distillation', logits, 1);
  requireShape('distillation', 'labels', labels, [rows]);
  return graph.add({
    operation: { kind: 'distillation', temperature },
    inputs: [logits, teacher, labels],
    output: graph.temporary('distillation', [rows]),
    writes: [],
    gradient: (dy) => [(sum) => accumulate(graph, sum, distillationGrad(graph, logits, teacher, labels, dy, temperature)), null, null],
    reference: ([source = new Float64Array(), target = new Float64Array(), label = new Float64Array()], out) => {
      for (let i = 0; i < rows; i++) {
        const student = softmaxRow(source.subarray(i * width, (i + 1) * width), temperature);
        const wanted = softmaxRow(target.subarray(i * width, (i + 1) * width), temperature);
        let sum = 0;
        for (let j = 0; j < width; j++) {
          const p = wanted.p[j] ?? 0;
          if (p > 0) sum += p * (Math.log(p) - ((source[i * width + j] ?? 0) - student.top) / temperature + student.logTotal);
        }
        out[i] = (label[i] ?? -1) < 0 ? 0 : temperature * temperature * sum;
      }
    },
    flops: 16 * rows * width,
  });
}

function distillationGrad(graph: Graph, logits: Value, teacher: Value, labels: Value, drows: Value, temperature: number): Value {
  const rows = axisLength('distillationGrad', logits, 0);
  const width = axisLength('distillationGrad', logits, 1);
  return graph.add({
    operation: { kind: 'distillationGrad', temperature },
    inputs: [logits, teacher, labels, drows],
    output: graph.temporary('distillationGrad', [rows, width]),
    writes: [],
    gradient: null,
    reference: (
      [source = new Float64Array(), target = new Float64Array(), label = new Float64Array(), slope = new Float64Array()],
      out,
    ) => {
      for (let i = 0; i < rows; i++) {
        const student = softmaxRow(source.subarray(i * width, (i + 1) * width), temperature);
        const wanted = softmaxRow(target.subarray(i * width, (i + 1) * width), temperature);
        const factor = (label[i] ?? -1) < 0 ? 0 : temperature * (slope[i] ?? 0);
        for (let j = 0; j < width; j++) out[i * width + j] = factor * ((student.p[j] ?? 0) - (wanted.p[j] ?? 0));
      }
    },
    flops: 16 * rows * width,
  });
}

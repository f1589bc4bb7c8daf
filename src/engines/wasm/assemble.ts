import { ALL_KEYS, type Activation, type Node } from '../../graph/operation.ts';
import type { Plan } from '../../graph/plan.ts';
import { GraphError, type Value } from '../../graph/value.ts';
import { sizeOf } from '../../tensor/shape.ts';
import { opcodeOf } from './opcodes.ts';

const ACTIVATIONS: Readonly<Record<Activation, number>> = { none: 0, gelu: 1, gelu_tanh: 2, relu: 3 };

/** A word of a program: whole numbers and addresses as they are, floats by their bits. */
type Word = number | { readonly float: number };

const float = (value: number): Word => ({ float: value });

/** False for views, which take no work. */
export function isInstruction(node: Node): boolean {
  return node.operation.kind !== 'reshape' && node.operation.kind !== 'permute';
}

/** Widest row that a reduction over rows needs a line of partial sums for. */
export function widestReduction(plan: Plan): number {
  return plan.nodes.reduce(
    (widest, { operation, output }) =>
      operation.kind === 'reduceRows' || operation.kind === 'layerNormGradGain' ? Math.max(widest, output.storage.size) : widest,
    0,
  );
}

/**
 * Translates a plan into the words that kernels/index.ts interprets.
 *
 * @param arena byte address of the plan's arena   @param partials byte address of one line a thread for reductions
 */
export function assemble(plan: Plan, arena: number, partials: number): Uint32Array {
  const words: number[] = [];
  const scratch = new DataView(new ArrayBuffer(4));
  const address = (value: Value): number => arena + (plan.offsets.get(value.storage.id) ?? 0);
  for (const node of plan.nodes) {
    const { kind } = node.operation;
    if (kind === 'reshape' || kind === 'permute') continue;
    const opcode = opcodeOf(kind);
    if (opcode < 0) throw new GraphError(kind, 'the CPU engine has no such operation.');
    const operands = operandsOf(node, address, partials);
    words.push(opcode, operands.length + 2);
    for (const word of operands) {
      if (typeof word === 'number') words.push(word >>> 0);
      else {
        scratch.setFloat32(0, word.float);
        words.push(scratch.getUint32(0));
      }
    }
  }
  return Uint32Array.from(words);
}

function operandsOf(node: Node, address: (value: Value) => number, partials: number): Word[] {
  const { operation, inputs, output, writes } = node;
  const at = inputs.map(address);
  const out = address(output);
  const first = inputs[0];
  const size = first === undefined ? 0 : sizeOf(first.shape);
  const width = first?.shape.at(-1) ?? 1;
  const rows = size / width;
  const from = (...indices: number[]): number[] => indices.map((index) => at[index] ?? 0);
  switch (operation.kind) {
    case 'matmul':
      return matmulWords(node, address);
    case 'add':
    case 'mul':
      return [...from(0, 1), out, size];
    case 'scale':
      return [...from(0), out, size, float(operation.factor)];
    case 'rsqrt':
      return [...from(0), out, size, float(operation.epsilon)];
    case 'scaleBy':
      return [...from(0, 1), out, size];
    case 'gelu':
      return [...from(0), out, size, ACTIVATIONS[operation.form]];
    case 'geluGrad':
      return [...from(0, 1), out, size, ACTIVATIONS[operation.form]];
    case 'gatedGelu':
      return [...from(0, 1), out, size, ACTIVATIONS[operation.form]];
    case 'gatedGeluGrad':
      return [...from(0, 1, 2), out, size, ACTIVATIONS[operation.form]];
    case 'rotate':
      return [...from(0, 1, 2), out, rows, width, inputs[1]?.shape[1] ?? 1, float(operation.inverse ? -1 : 1)];
    case 'layerNorm':
    case 'layerNormGradInput':
      return [...from(0, 1, 2), out, rows, width, float(operation.epsilon)];
    case 'layerNormGradGain':
      return [...from(0, 1), out, rows, width, float(operation.epsilon), partials];
    case 'reduceRows':
      return [...from(0), out, rows, width, partials];
    case 'reduceSum':
      return [...from(0), out, size];
    case 'broadcast':
      return [...from(0), out, output.storage.size];
    case 'softmax':
      return [...from(0, 1), out, rows, width, ...headsAndQueries(output), float(operation.alpha)];
    case 'softmaxGrad':
      return [...from(0, 1, 2), out, rows, width, ...headsAndQueries(output), float(operation.alpha)];
    case 'narrowKeys':
      return [...from(0), out, size / 2, output.shape[1] ?? 1, operation.before ?? ALL_KEYS, operation.after ?? ALL_KEYS];
    case 'gatherRows':
      return [...from(0, 1), out, output.shape[0] ?? 0, width];
    case 'scatterRows':
      return [...from(0, 1), out, rows, width, output.shape[0] ?? 0];
    case 'crossEntropy':
      return [...from(0, 1), out, rows, width];
    case 'crossEntropyGrad':
      return [...from(0, 1, 2), out, rows, width];
    case 'distillation':
      return [...from(0, 1, 2), out, rows, width, float(operation.temperature)];
    case 'distillationGrad':
      return [...from(0, 1, 2, 3), out, rows, width, float(operation.temperature)];
    case 'argmaxRows':
      return [...from(0), out, rows, width];
    case 'copy':
      return [...from(0), out, ...copyWords(first)];
    case 'assign': {
      const [target] = writes;
      return [...from(0), target === undefined ? out : address(target), size];
    }
    case 'globalNorm':
      return [
        out,
        ...from(inputs.length - 2, inputs.length - 1),
        ...writes.map(address),
        inputs.length - 2,
        ...inputs.slice(0, -2).flatMap((input) => [address(input), sizeOf(input.shape)]),
      ];
    case 'adamw': {
      const states = writes.map(address);
      const groups = operation.decay.flatMap((decay, i): Word[] => [
        states[3 * i] ?? 0,
        at[i] ?? 0,
        states[3 * i + 1] ?? 0,
        states[3 * i + 2] ?? 0,
        writes[3 * i]?.storage.size ?? 0,
        float(decay),
        float(operation.rate[i] ?? 1),
      ]);
      return [...from(operation.count, operation.count + 1), operation.count, ...groups];
    }
    case 'reshape':
    case 'permute':
      return [];
  }
}

/** A and T of [B, A, T, U]. */
function headsAndQueries({ shape: [, heads = 1, queries = 1] }: Value): number[] {
  return [heads, queries];
}

/** Lengths and strides of [b0, b1, rows, columns]; missing batch axes have length 1. */
function fourAxes(value: Value): { lengths: number[]; strides: number[] } {
  const missing = 4 - value.shape.length;
  const pad = (list: readonly number[], filler: number): number[] => [...Array.from({ length: missing }, () => filler), ...list];
  return { lengths: pad(value.shape, 1), strides: pad(value.strides, 0) };
}

function copyWords(value: Value | undefined): number[] {
  if (value === undefined || value.shape.length > 4) throw new GraphError('copy', 'at most four axes.');
  const { lengths, strides } = fourAxes(value);
  return [...lengths, ...strides];
}

function matmulWords({ operation, inputs, output }: Node, address: (value: Value) => number): Word[] {
  const [a, b] = inputs;
  if (operation.kind !== 'matmul' || a === undefined || b === undefined) return [];
  const {
    lengths: [n0 = 1, n1 = 1, m = 1, n = 1],
    strides: c,
  } = fourAxes(output);
  const bias = operation.bias ? inputs[2] : undefined;
  const addend = operation.addend ? inputs.at(-1) : undefined;
  return [
    n0,
    n1,
    m,
    n,
    a.shape.at(-1) ?? 1,
    float(operation.alpha),
    address(a),
    ...fourAxes(a).strides,
    address(b),
    ...fourAxes(b).strides,
    address(output),
    ...c.slice(0, 3),
    bias === undefined ? 0 : address(bias),
    addend === undefined ? 0 : address(addend),
    ACTIVATIONS[operation.activation],
    isGram(a, b, n0 * n1) && bias === undefined && addend === undefined && operation.activation === 'none' ? 1 : 0,
  ];
}

/** Whether b is a transposed, in one plain product: half of the result then mirrors the other. */
function isGram(a: Value, b: Value, batches: number): boolean {
  const [rowA, columnA] = a.strides.slice(-2);
  const [rowB, columnB] = b.strides.slice(-2);
  return batches === 1 && a.storage === b.storage && a.shape.at(-2) === b.shape.at(-1) && rowA === columnB && columnA === rowB;
}

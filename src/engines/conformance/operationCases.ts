import type { Graph } from '../../graph/graph.ts';
import { ADAMW_SETTINGS, NO_NORM_LIMIT } from '../../graph/operation.ts';
import { assign, broadcast, gatedGelu, gelu, mul, reduceSum, rsqrt, scale, scaleBy } from '../../graph/ops/elementwise.ts';
import { layerNorm } from '../../graph/ops/layerNorm.ts';
import { add } from '../../graph/ops/layout.ts';
import { crossEntropy, distillation } from '../../graph/ops/loss.ts';
import { linear, matmul } from '../../graph/ops/matmul.ts';
import { adamw, globalNorm } from '../../graph/ops/optimiser.ts';
import { rotate, rotationTable } from '../../graph/ops/rotate.ts';
import { argmaxRows, gatherRows, reduceRows, scatterRows } from '../../graph/ops/rows.ts';
import { narrowKeys, softmax } from '../../graph/ops/softmax.ts';
import { weightedNorm } from '../../graph/ops/weightedNorm.ts';
import { mergeHeads, permute, reshape, splitHeads, transpose } from '../../graph/ops/view.ts';
import type { Value } from '../../graph/value.ts';
import { sizeOf } from '../../tensor/shape.ts';
import { Random } from '../../tensor/random.ts';

/** An operation at one size: how to build it from declared tensors, and the numbers that go in. */
export interface OperationCase {
  readonly name: string;
  /** Random normal f32 tensors, differentiated. */
  readonly floats: Readonly<Record<string, readonly number[]>>;
  /** Data that no gradient flows to. */
  readonly constants?: Readonly<Record<string, { readonly shape: readonly number[]; readonly data: Float32Array | Int32Array }>>;
  /** What a state holds before the run; random positive numbers where it is not named. */
  readonly states?: Readonly<Record<string, Float32Array>>;
  build(graph: Graph, given: (name: string) => Value): Value;
}

/** Of an update, in the order of ADAMW_SETTINGS. */
const settings = (normLimit: number): Float32Array => Float32Array.of(0.1, 0.9, 0.98, 1e-3, 0.1, 0.02, 0.5, normLimit);

const random = new Random(20261123);

function ids(count: number, below: number, blank = false): { shape: number[]; data: Int32Array } {
  const data = Int32Array.from({ length: count }, (_, i) => (blank && i % 3 === 1 ? -1 : random.integer(below)));
  return { shape: [count], data };
}

/** Weights that add up to 1; from 3 on every third is 0. */
function someWeights(count: number): Float32Array {
  const raw = Float32Array.from({ length: count }, (_, i) => (i % 3 === 2 ? 0 : 1 + (i % 5)));
  const sum = raw.reduce((total, x) => total + x, 0);
  return raw.map((x) => x / sum);
}

const SIZES = [1, 3, 17, 129] as const;

/** @param rangeOf first key of a query and the end of its keys */
function softmaxOf(
  name: string,
  shape: readonly [number, number, number, number],
  rangeOf: (query: number) => [number, number],
): OperationCase {
  const [batch, , queries] = shape;
  const data = Int32Array.from(Array.from({ length: batch * queries }, (_, i) => rangeOf(i % queries)).flat());
  return {
    name: `softmax ${shape.join(' x ')}, ${name}`,
    floats: { x: shape },
    constants: { ranges: { shape: [batch, queries, 2], data } },
    build: (g, t) => softmax(g, t('x'), t('ranges'), 0.4),
  };
}

/** Padding and documents, seen through a window of another size to either side. */
function windowed(queries: number, before: number | null, after: number | null): OperationCase {
  const data = Int32Array.from(Array.from({ length: 2 * queries }, (_, i) => (i < queries ? [0, queries - 1] : [i % 3, queries])).flat());
  return {
    name: `softmax 2 x 2 x ${queries} x ${queries}, ${before ?? 'all'} keys in front and ${after ?? 'all'} behind`,
    floats: { x: [2, 2, queries, queries] },
    constants: { ranges: { shape: [2, queries, 2], data } },
    build: (g, t) => softmax(g, t('x'), narrowKeys(g, t('ranges'), before, after), 0.4),
  };
}

function matmuls(): OperationCase[] {
  const cases: OperationCase[] = [];
  for (const [m, k, n] of [
    [1, 1, 1],
    [3, 17, 1],
    [1, 129, 3],
    [17, 3, 129],
    [129, 17, 17],
    [6, 8, 8],
    // Every load by vectors, and sums over multiples of eight.
    [40, 24, 36],
    [97, 259, 21],
  ] as const) {
    const floats = { a: [m, k], b: [k, n], bias: [n], more: [m, n] };
    cases.push(
      { name: `matmul ${m} x ${k} x ${n}`, floats: { a: [m, k], b: [k, n] }, build: (g, t) => matmul(g, t('a'), t('b'), { alpha: 0.5 }) },
      {
        name: `matmul with bias and addend ${m} x ${k} x ${n}`,
        floats,
        build: (g, t) => matmul(g, t('a'), t('b'), { bias: t('bias'), addend: t('more') }),
      },
      {
        name: `A B^T ${m} x ${k} x ${n}`,
        floats: { a: [m, k], b: [n, k], bias: [n] },
        build: (g, t) => linear(g, t('a'), t('b'), t('bias')),
      },
      { name: `A^T B ${m} x ${k} x ${n}`, floats: { a: [k, m], b: [k, n] }, build: (g, t) => matmul(g, transpose(g, t('a')), t('b')) },
    );
  }
  for (const [batch, heads, tokens, size] of [
    [1, 1, 1, 1],
    [2, 3, 17, 4],
    [3, 4, 5, 9],
  ] as const) {
    const shape = [batch, tokens, heads * size];
    cases.push({
      name: `attention products, ${batch} x ${heads} heads of ${size}, ${tokens} tokens`,
      floats: { q: shape, k: shape, v: shape },
      build: (g, t) => {
        const [q, k, v] = (['q', 'k', 'v'] as const).map((name) => splitHeads(g, t(name), heads));
        if (q === undefined || k === undefined || v === undefined) throw new Error('three heads');
        return mergeHeads(g, matmul(g, matmul(g, q, transpose(g, k)), v, { strides: v.strides }));
      },
    });
  }
  return cases;
}

function elementwise(): OperationCase[] {
  return SIZES.flatMap((n): OperationCase[] => [
    { name: `add and mul of ${n}`, floats: { a: [n], b: [n] }, build: (g, t) => mul(g, add(g, t('a'), t('b')), t('b')) },
    { name: `scale of ${n}`, floats: { a: [n], s: [1] }, build: (g, t) => scaleBy(g, scale(g, t('a'), -1.5), t('s')) },
    { name: `add of views, ${n} x 5`, floats: { a: [n, 5], b: [5, n] }, build: (g, t) => add(g, t('a'), permute(g, t('b'), [1, 0])) },
    { name: `broadcast to ${n}`, floats: { a: [n], s: [1] }, build: (g, t) => mul(g, t('a'), broadcast(g, t('s'), [n])) },
    { name: `rsqrt of ${n}`, floats: { a: [n] }, build: (g, t) => rsqrt(g, mul(g, t('a'), t('a')), 0.1) },
    { name: `reduceSum of ${n}`, floats: { a: [n] }, build: (g, t) => reduceSum(g, t('a')) },
    ...(['gelu', 'gelu_tanh', 'relu'] as const).map((form): OperationCase => ({
      name: `${form} of ${n}`,
      floats: { a: [n] },
      build: (g, t) => gelu(g, scale(g, t('a'), 3), form),
    })),
    ...(['gelu', 'gelu_tanh', 'relu'] as const).map((form): OperationCase => ({
      name: `gated ${form} of ${n}`,
      floats: { a: [n], b: [n] },
      build: (g, t) => gatedGelu(g, scale(g, t('a'), 3), t('b'), form),
    })),
  ]);
}

/** Halves of a head that fill vectors, and that do not; positions in any order, far ones among them. */
function rotations(): OperationCase[] {
  return (
    [
      [1, 1, 2],
      [5, 3, 6],
      [17, 2, 8],
      [3, 3, 26],
    ] as const
  ).map(([rows, heads, size]): OperationCase => ({
    name: `rotate ${rows} x ${heads} heads of ${size}`,
    floats: { x: [rows, heads * size] },
    constants: {
      table: { shape: [300, size], data: rotationTable(10_000, size, 300) },
      positions: { shape: [rows], data: Int32Array.from({ length: rows }, (_, i) => (i * 89) % 300) },
    },
    build: (g, t) => rotate(g, t('x'), t('table'), t('positions')),
  }));
}

function rowwise(): OperationCase[] {
  return SIZES.flatMap((d): OperationCase[] => {
    const rows = d === 129 ? 3 : 17;
    const labels = ids(rows, d, true);
    return [
      {
        name: `layerNorm ${rows} x ${d}`,
        floats: { x: [rows, d], gain: [d], shift: [d] },
        build: (g, t) => layerNorm(g, t('x'), t('gain'), t('shift'), 1e-3),
      },
      {
        name: `weightedNorm ${rows} x ${d}, every third weight 0`,
        floats: { x: [rows, d], gain: [d], shift: [d] },
        constants: {
          average: { shape: [d], data: someWeights(d) },
          one: { shape: [1], data: Float32Array.of(1) },
        },
        build: (g, t) => weightedNorm(g, t('x'), t('gain'), t('shift'), t('average'), t('one'), 1e-3),
      },
      {
        name: `gatherRows ${rows} of ${d} x 5`,
        floats: { table: [d, 5] },
        constants: { ids: labels },
        build: (g, t) => gatherRows(g, t('table'), t('ids')),
      },
      {
        name: `scatterRows ${rows} into ${d} x 5`,
        floats: { x: [rows, 5] },
        constants: { ids: labels },
        build: (g, t) => scatterRows(g, t('x'), t('ids'), d),
      },
      {
        name: `crossEntropy ${rows} x ${d}`,
        floats: { x: [rows, d] },
        constants: { labels },
        build: (g, t) => crossEntropy(g, t('x'), t('labels')),
      },
      {
        name: `distillation ${rows} x ${d}`,
        floats: { x: [rows, d] },
        constants: { teacher: { shape: [rows, d], data: Float32Array.from({ length: rows * d }, () => 2 * random.normal()) }, labels },
        build: (g, t) => distillation(g, t('x'), t('teacher'), t('labels'), 2),
      },
      // Every query has a range of its own; some see one key, some none.
      softmaxOf('2 x 3 heads, ranges of any length', [2, 3, 5, d], () => {
        const first = random.integer(d + 1);
        return [first, first + random.integer(d + 1 - first)];
      }),
      // Square, as in an encoder: three documents in a row and padding behind them; causal; a local window.
      softmaxOf('documents apart', [2, 2, d, d], (query) => {
        const bounds = [0, Math.ceil(d / 5), Math.ceil(d / 2), Math.ceil(0.9 * d)];
        const end = bounds.find((bound) => query < bound) ?? 0;
        return [bounds[bounds.indexOf(end) - 1] ?? 0, end];
      }),
      softmaxOf('causal', [2, 2, d, d], (query) => [0, query + 1]),
      softmaxOf('in a window that leaves the row', [2, 2, d, d], (query) => [query - 2, query + 3]),
    ];
  });
}

/** Operations with a gradient rule, at odd sizes. */
export const DIFFERENTIABLE: readonly OperationCase[] = [
  ...matmuls(),
  ...elementwise(),
  ...rotations(),
  ...rowwise(),
  windowed(17, 2, 4),
  windowed(5, null, 0),
  windowed(9, 0, null),
];

/** Operations without one. */
export const OTHERS: readonly OperationCase[] = [
  // More rows than are searched at once for those with one id, half of them with the same.
  ...[5, 8].map((d): OperationCase => ({
    name: `scatterRows 4500 into 19 x ${d}`,
    floats: { x: [4500, d] },
    constants: { ids: { shape: [4500], data: Int32Array.from({ length: 4500 }, (_, i) => (i % 2 === 0 ? 0 : random.integer(20) - 1)) } },
    build: (g, t) => scatterRows(g, t('x'), t('ids'), 19),
  })),
  ...SIZES.map((d): OperationCase => ({ name: `reduceRows 17 x ${d}`, floats: { x: [17, d] }, build: (g, t) => reduceRows(g, t('x')) })),
  ...SIZES.map((d): OperationCase => ({
    name: `globalNorm of ${d}`,
    floats: { x: [d], y: [3, d], loss: [1] },
    constants: { settings: { shape: [ADAMW_SETTINGS.length], data: settings(NO_NORM_LIMIT) } },
    states: { halted: Float32Array.of(0) },
    build: (g, t) => globalNorm(g, [t('x'), t('y')], t('loss'), t('settings'), g.state('halted', [1])),
  })),
  ...[
    { what: 'halted before', loss: 1, halted: 1, limit: NO_NORM_LIMIT },
    { what: 'with a loss that is not a number', loss: Number.NaN, halted: 0, limit: NO_NORM_LIMIT },
    { what: 'with an infinite loss', loss: Number.POSITIVE_INFINITY, halted: 0, limit: NO_NORM_LIMIT },
    // The root of 129 squares of standard normal numbers is near 11.
    { what: 'within its limit', loss: 1, halted: 0, limit: 16 },
    { what: 'beyond its limit', loss: 1, halted: 0, limit: 8 },
  ].map(({ what, loss, halted, limit }): OperationCase => ({
    name: `globalNorm ${what}`,
    floats: { x: [129] },
    constants: {
      loss: { shape: [1], data: Float32Array.of(loss) },
      settings: { shape: [ADAMW_SETTINGS.length], data: settings(limit) },
    },
    states: { halted: Float32Array.of(halted) },
    build: (g, t) => {
      const state = g.state('halted', [1]);
      const norm = globalNorm(g, [t('x')], t('loss'), t('settings'), state);
      return add(g, norm, broadcast(g, state, [2]));
    },
  })),
  ...(['gelu', 'gelu_tanh', 'relu'] as const).map((activation): OperationCase => ({
    name: `matmul with ${activation} epilogue`,
    floats: { a: [17, 9], b: [9, 21], bias: [21] },
    build: (g, t) => matmul(g, t('a'), t('b'), { bias: t('bias'), activation }),
  })),
  // Symmetric, which an engine may make half of: of one block of rows, and of three.
  ...[17, 211].flatMap((m): OperationCase[] => [
    { name: `A A^T, ${m} x 9`, floats: { a: [m, 9] }, build: (g, t) => matmul(g, t('a'), transpose(g, t('a')), { alpha: 0.5 }) },
    { name: `A^T A, ${m} x 9`, floats: { a: [9, m] }, build: (g, t) => matmul(g, transpose(g, t('a')), t('a')) },
  ]),
  { name: 'argmaxRows 5 x 129', floats: { x: [5, 129] }, build: (g, t) => argmaxRows(g, t('x')) },
  {
    name: 'assign',
    floats: { x: [17] },
    build: (g, t) => {
      const state = g.state('kept', [17]);
      assign(g, state, t('x'));
      return add(g, state, t('x'));
    },
  },
  ...SIZES.map((d): OperationCase => ({
    name: `adamw of ${d}`,
    floats: { x: [d] },
    constants: {
      settings: { shape: [ADAMW_SETTINGS.length], data: settings(NO_NORM_LIMIT) },
      loss: { shape: [1], data: Float32Array.of(1) },
    },
    states: { halted: Float32Array.of(0) },
    build: (g, t) => {
      const [parameter, firstMoment, secondMoment] = ['p', 'm', 'v'].map((name) => g.state(name, [d]));
      if (parameter === undefined || firstMoment === undefined || secondMoment === undefined) throw new Error('three states');
      adamw(
        g,
        [{ parameter, gradient: t('x'), firstMoment, secondMoment, decay: 0.01, rate: 0.5 }],
        t('settings'),
        globalNorm(g, [t('x')], t('loss'), t('settings'), g.state('halted', [1])),
      );
      return reshape(g, scale(g, parameter, 1), [d]);
    },
  })),
];

export function randomFloats(shape: readonly number[], seed: number): Float32Array {
  const source = new Random(seed);
  return Float32Array.from({ length: sizeOf(shape) }, () => source.normal());
}

import { Graph } from '../../graph/graph.ts';
import { differentiate } from '../../graph/differentiate.ts';
import { NO_NORM_LIMIT } from '../../graph/operation.ts';
import { assign, broadcast, gatedGelu, gelu, mul, reduceSum, rsqrt, scale, scaleBy } from '../../graph/ops/elementwise.ts';
import { layerNorm } from '../../graph/ops/layerNorm.ts';
import { add, contiguous } from '../../graph/ops/layout.ts';
import { crossEntropy, distillation } from '../../graph/ops/loss.ts';
import { linear, matmul } from '../../graph/ops/matmul.ts';
import { adamw, globalNorm, type AdamwGroup } from '../../graph/ops/optimiser.ts';
import { rotate, rotationTable } from '../../graph/ops/rotate.ts';
import { argmaxRows, gatherRows, reduceRows } from '../../graph/ops/rows.ts';
import { narrowKeys, softmax } from '../../graph/ops/softmax.ts';
import { mergeHeads, permute, reshape, splitHeads, transpose } from '../../graph/ops/view.ts';
import type { Value } from '../../graph/value.ts';
import { Random } from '../../tensor/random.ts';
import { sizeOf } from '../../tensor/shape.ts';

/** Every operation at an odd size and at one of whole vectors of four, and the numbers that go in. */
export interface CheckGraph {
  readonly graph: Graph;
  /** What inputs and states hold before the run. */
  readonly given: ReadonlyMap<string, Float32Array | Int32Array>;
}

/** Odd, and a multiple of four: kernels take vectors if rows are whole numbers of them. Both are whole numbers of heads. */
const WIDTHS = [33, 36] as const;
const HEADS = 3;
const [BATCH, TOKENS] = [2, 9] as const;
const ROWS = BATCH * TOKENS;
/** Beyond 8 rows, a table's gradient is added up row by row; below, block by block. */
const [TABLE_ROWS, FEW_ROWS] = [36, 2] as const;
/** [m, k, n] of products of more than a million operations, for which an engine has its large kernels. */
const LARGE = [
  [96, 80, 84],
  [97, 81, 83],
] as const;
/** An update: learning rate, two betas, epsilon, two bias corrections, norm to clip to, largest norm. */
const SETTINGS = [0.1, 0.9, 0.98, 1e-2, 0.1, 0.02, 0.5, NO_NORM_LIMIT] as const;

/**
 * One step of training in small, and around it the operations that it lacks.
 * @param large with products for which an engine has its large kernels, which take longer to compile than all others together
 */
export function checkGraph(large: boolean): CheckGraph {
  const maker = new Maker();
  for (const width of WIDTHS) training(maker, width);
  for (const width of WIDTHS) others(maker, width);
  if (large) for (const shape of LARGE) largeProduct(maker, shape);
  return maker;
}

class Maker implements CheckGraph {
  readonly graph = new Graph();
  readonly given = new Map<string, Float32Array | Int32Array>();
  readonly #random = new Random(23);

  /** An input of numbers between -1 and 1, which half precision holds. */
  floats(name: string, shape: readonly number[]): Value {
    this.given.set(name, this.numbers(sizeOf(shape)));
    return this.graph.input(name, shape);
  }

  /** A state of such numbers; of positive ones where it says so. */
  state(name: string, shape: readonly number[], positive = false): Value {
    const numbers = this.numbers(sizeOf(shape));
    this.given.set(name, positive ? numbers.map((x) => Math.abs(x) + 0.125) : numbers);
    return this.graph.state(name, shape);
  }

  /** Weights that only this program's kernels read. */
  frozen(name: string, shape: readonly number[]): Value {
    this.given.set(name, this.numbers(sizeOf(shape)));
    return this.graph.frozen(name, shape);
  }

  exactly(name: string, shape: readonly number[], numbers: readonly number[]): Value {
    this.given.set(name, Float32Array.from(numbers));
    return this.graph.input(name, shape);
  }

  integers(name: string, numbers: readonly number[], shape: readonly number[] = [numbers.length]): Value {
    this.given.set(name, Int32Array.from(numbers));
    return this.graph.input(name, shape, 'i32');
  }

  /** Whole numbers below `below`; every seventh is -1 if some shall be left out. */
  ids(name: string, below: number, some = false): Value {
    return this.integers(
      name,
      Array.from({ length: ROWS }, (_, i) => (some && i % 7 === 3 ? -1 : this.#random.integer(below))),
    );
  }

  numbers(count: number): Float32Array {
    return Float32Array.from({ length: count }, () => (this.#random.integer(257) - 128) / 128);
  }
}

/** Embedding, norm, attention, a layer with GELU, two losses, all gradients, AdamW. */
function training(maker: Maker, width: number): void {
  const { graph } = maker;
  const name = (what: string): string => `${what}, width ${width}`;
  const parameters = new Map<string, Value>();
  const parameter = (what: string, shape: readonly number[]): Value => {
    const made = maker.state(name(what), shape);
    parameters.set(what, made);
    return made;
  };
  const table = parameter('table', [TABLE_ROWS, width]);
  const rows = gatherRows(graph, table, maker.ids(name('ids'), TABLE_ROWS, true));
  const few = gatherRows(graph, parameter('short table', [FEW_ROWS, width]), maker.ids(name('kinds'), FEW_ROWS));
  const normal = layerNorm(graph, add(graph, rows, few), parameter('gain', [width]), parameter('shift', [width]), 1e-3);
  graph.output(name('layerNorm'), normal);

  const projected = (what: string, bias: Value): Value => linear(graph, normal, parameter(`${what} weights`, [width, width]), bias);
  const heads = (value: Value): Value => splitHeads(graph, reshape(graph, value, [BATCH, TOKENS, width]), HEADS);
  const q = heads(projected('query', parameter('query', [width])));
  // No parameter: the gradient of a bias of keys is 0, and rounding all that is left of it.
  const k = heads(projected('key', maker.floats(name('key'), [width])));
  const v = heads(projected('value', parameter('value', [width])));
  // Padding behind a sequence, and queries that see a few keys or none.
  const rangeOf = (query: number): number[] => (query % 3 === 2 ? [query - 2, query - 2 + (query % 4)] : [0, TOKENS - 2]);
  const limits = Array.from({ length: ROWS }, (_, i) => rangeOf(i % TOKENS)).flat();
  const ranges = maker.integers(name('ranges'), limits, [BATCH, TOKENS, 2]);
  const probabilities = softmax(graph, matmul(graph, q, transpose(graph, k)), ranges, 0.25);
  graph.output(name('softmax'), probabilities);
  graph.output(name('window'), softmax(graph, matmul(graph, q, transpose(graph, k)), narrowKeys(graph, ranges, 2, 1), 0.25));
  const attended = reshape(graph, mergeHeads(graph, matmul(graph, probabilities, v, { strides: v.strides })), [ROWS, width]);
  graph.output(name('attention'), attended);

  const hidden = linear(graph, add(graph, attended, normal), parameter('layer', [width, width]), parameter('layer bias', [width]));
  const layer = gelu(graph, hidden, 'gelu');
  const logits = linear(graph, layer, table, parameter('bias', [TABLE_ROWS]));
  graph.output(name('logits'), logits);
  graph.output(name('argmax'), argmaxRows(graph, logits));
  const labels = maker.ids(name('labels'), TABLE_ROWS, true);
  const byLabels = crossEntropy(graph, logits, labels);
  graph.output(name('crossEntropy'), byLabels);
  const byTeacher = distillation(graph, logits, maker.floats(name('teacher'), [ROWS, TABLE_ROWS]), labels, 2);
  graph.output(name('distillation'), byTeacher);
  const loss = scale(graph, reduceSum(graph, add(graph, byLabels, byTeacher)), 1 / ROWS);
  graph.output(name('loss'), loss);

  const values = [...parameters.values()];
  const seed = maker.exactly(name('seed'), [1], [1]);
  const gradients = differentiate(graph, loss, values, seed);
  [...parameters.keys()].forEach((what, i) => {
    const gradient = gradients[i];
    if (gradient !== undefined) graph.output(name(`gradient of ${what}`), gradient);
  });
  const settings = maker.exactly(name('settings'), [SETTINGS.length], SETTINGS);
  maker.given.set(name('halted'), Float32Array.of(0));
  const norm = globalNorm(graph, gradients, loss, settings, graph.state(name('halted'), [1]));
  graph.output(name('norm'), norm);
  const groups = [...parameters].flatMap(([what, value], i): AdamwGroup[] => {
    const gradient = gradients[i];
    if (gradient === undefined) return [];
    const moments = {
      firstMoment: maker.state(name(`first moment of ${what}`), value.shape),
      secondMoment: maker.state(name(`second moment of ${what}`), value.shape, true),
    };
    return [{ parameter: value, gradient, ...moments, decay: 0.01, rate: 0.5 }];
  });
  adamw(graph, groups, settings, norm);
}

/** What a step of training does not use at this width. */
function others(maker: Maker, width: number): void {
  const { graph } = maker;
  const name = (what: string): string => `${what}, ${width} wide`;
  const x = maker.floats(name('x'), [5, width]);
  const one = maker.exactly(name('factor'), [1], [1.5]);
  graph.output(name('scaleBy'), scaleBy(graph, x, one));
  graph.output(name('broadcast'), broadcast(graph, one, [width]));
  graph.output(name('rsqrt'), rsqrt(graph, mul(graph, x, x), 0.5));
  graph.output(name('reduceRows'), reduceRows(graph, x));
  graph.output(name('copy'), contiguous(graph, permute(graph, x, [1, 0])));
  assign(graph, maker.state(name('kept'), [5, width]), x);
  const seed = maker.exactly(name('seed'), [1], [1]);
  for (const form of ['gelu', 'gelu_tanh', 'relu'] as const) {
    const wide = scale(graph, x, 3);
    const active = gelu(graph, wide, form);
    graph.output(name(form), active);
    const [slope] = differentiate(graph, reduceSum(graph, mul(graph, active, x)), [wide], seed);
    if (slope !== undefined) graph.output(name(`slope of ${form}`), slope);
    const gate = scale(graph, x, -0.5);
    const gated = gatedGelu(graph, wide, gate, form);
    graph.output(name(`gated ${form}`), gated);
    const slopes = differentiate(graph, reduceSum(graph, mul(graph, gated, x)), [wide, gate], seed);
    slopes.forEach((value, i) => graph.output(name(`slope ${i + 1} of gated ${form}`), value));
  }
  const angles = maker.exactly(name('angles'), [40, 2 * width], [...rotationTable(10_000, 2 * width, 40)]);
  const places = maker.integers(name('places'), [3, 0, 39, 7, 1]);
  const heads = scale(graph, maker.floats(name('heads'), [5, 4 * width]), 2);
  const turned = rotate(graph, heads, angles, places);
  graph.output(name('rotate'), turned);
  const [back] = differentiate(graph, reduceSum(graph, mul(graph, turned, turned)), [heads], seed);
  if (back !== undefined) graph.output(name('gradient of rotate'), back);
  // Weights that may be stored in half precision, and what follows a product in models that only run.
  const frozen = maker.frozen(name('frozen table'), [TABLE_ROWS, width]);
  graph.output(name('frozen rows'), gatherRows(graph, frozen, maker.integers(name('frozen ids'), [3, 0, 34, -1, 3])));
  // At one width: it is the product's own kernel but for its last line, and takes long to compile.
  if (width % 4 !== 0) return;
  const bias = maker.floats(name('frozen bias'), [TABLE_ROWS]);
  graph.output(name('frozen product'), matmul(graph, x, transpose(graph, frozen), { bias, activation: 'gelu_tanh' }));
}

/** A product of each layout: forward, and its two gradients. */
function largeProduct(maker: Maker, [m, k, n]: readonly [number, number, number]): void {
  const { graph } = maker;
  const name = (what: string): string => `${what} of ${m} x ${k} x ${n}`;
  const [a, b] = [maker.floats(name('rows'), [m, k]), maker.floats(name('columns'), [n, k])];
  const product = linear(graph, a, b);
  graph.output(name('product'), product);
  const loss = reduceSum(graph, mul(graph, product, maker.floats(name('weights'), [m, n])));
  const [da, db] = differentiate(graph, loss, [a, b], maker.exactly(name('seed'), [1], [1]));
  if (da !== undefined) graph.output(name('gradient of rows'), da);
  if (db !== undefined) graph.output(name('gradient of columns'), db);
}

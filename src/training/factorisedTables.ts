import type { Graph } from '../graph/graph.ts';
import { matmul } from '../graph/ops/matmul.ts';
import type { Value } from '../graph/value.ts';
import type { BertConfig } from '../models/config.ts';
import { parameterShapes, vocabularyTensors, type BertModel } from '../models/model.ts';
import { matrix, multiply, singularValues, transposed } from '../tensor/matrix.ts';
import type { Shape } from '../tensor/shape.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { NamedTensors, Tensor } from '../tensor/tensor.ts';

/**
 * Tables of words that are trained as two factors, E = A B with A [V, e] and B [e, d'] (docs/method.md section 3, factorised tables).
 * They are exported as one table. Adam keeps moments of the factors alone.
 */

/** A table that is trained as factors. */
interface Factored {
  /** [V, d'] */
  readonly shape: readonly [rows: number, width: number];
  /** Names of the factors' states. */
  readonly left: string;
  readonly right: string;
}

/** Tables of words and decoders whose shorter side is longer than the rank; the others are trained whole. */
function factored(config: BertConfig, rank: number): Map<string, Factored> {
  const shapes = parameterShapes(config);
  return new Map(
    vocabularyTensors(config).flatMap((name) => {
      const [rows = 0, width] = shapes.get(name) ?? [];
      return width === undefined || Math.min(rows, width) <= rank
        ? []
        : [[name, { shape: [rows, width] as const, left: `${name}.left`, right: `${name}.right` }] as const];
    }),
  );
}

/** What a step trains of a model, and the parameters that it makes. */
export interface OwnParameters {
  /** By the states' names. */
  readonly trained: Map<string, Value>;
  /** Every parameter of the model. */
  readonly values: Map<string, Value>;
}

/** Declares a model's parameters as states, its tables of words as two factors if they are longer than the rank on both sides. */
export function ownParameters(graph: Graph, config: BertConfig, rank: number): OwnParameters {
  const factors = factored(config, rank);
  const [trained, values] = [new Map<string, Value>(), new Map<string, Value>()];
  const state = (name: string, shape: Shape): Value => {
    const value = graph.state(name, shape);
    trained.set(name, value);
    return value;
  };
  for (const [name, shape] of parameterShapes(config)) {
    const parts = factors.get(name);
    if (parts === undefined) {
      values.set(name, state(name, shape));
      continue;
    }
    const [rows, width] = parts.shape;
    values.set(name, matmul(graph, state(parts.left, [rows, rank]), state(parts.right, [rank, width])));
  }
  return { trained, values };
}

/**
 * The states that training begins with: of a table the best approximation of its rank in least squares, A = E V and B = V^T, with V
 * [d', e] the first singular vectors of E.
 */
export function factorise({ config, tensors }: BertModel, rank: number): NamedTensors {
  const states = new Map(tensors);
  for (const [name, { shape, left, right }] of factored(config, rank)) {
    const table = tensors.get(name);
    if (table === undefined) throw new StudioError('run', `run: there is no table ${name} to factorise. Start the run again.`);
    const [rows, width] = shape;
    const whole = matrix(rows, width, table.data);
    // Of E^T E they are the same, and it is small.
    const { v } = singularValues(multiply(transposed(whole), whole));
    const first = matrix(width, rank);
    for (let i = 0; i < width; i++) for (let k = 0; k < rank; k++) first.data[i * rank + k] = v.data[i * width + k] ?? 0;
    states.delete(name);
    states.set(left, tensorOf(multiply(whole, first)));
    states.set(right, tensorOf(transposed(first)));
  }
  return states;
}

/** The model's own tensors out of trained states: factors multiplied, in float64. */
export function withWholeTables(config: BertConfig, rank: number, states: NamedTensors): NamedTensors {
  const tensors = new Map<string, Tensor>();
  const factors = factored(config, rank);
  for (const name of parameterShapes(config).keys()) {
    const parts = factors.get(name);
    const [own, left, right] = [name, parts?.left ?? '', parts?.right ?? ''].map((state) => states.get(state));
    if (parts === undefined && own !== undefined) tensors.set(name, own);
    else if (left !== undefined && right !== undefined) tensors.set(name, tensorOf(multiply(matrixOf(left), matrixOf(right))));
  }
  return tensors;
}

function matrixOf({ shape: [rows = 1, columns = 1], data }: Tensor): ReturnType<typeof matrix> {
  return matrix(rows, columns, data);
}

function tensorOf({ rows, columns, data }: ReturnType<typeof matrix>): Tensor {
  return { shape: [rows, columns], data: Float32Array.from(data) };
}

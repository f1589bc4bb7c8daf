import { encoderShape, parameterShapes, type BertModel } from '../models/model.ts';
import { bertEncoder, mlmTransform } from '../models/encoder.ts';
import { encoderInputs, writeSegments, writeTokens, type Tokens } from '../models/inputs.ts';
import { Graph } from '../graph/graph.ts';
import { reduceRows, gatherRows } from '../graph/ops/rows.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { transpose } from '../graph/ops/view.ts';
import { partFor, plan } from '../graph/plan.ts';
import type { Value } from '../graph/value.ts';
import type { Engine } from '../engines/engine.ts';
import { matrix, type Matrix } from '../tensor/matrix.ts';

/** A calibration batch: token ids as in training (masked), where they stand, and segment ids. */
export interface CalibrationBatch extends Tokens {
  readonly typeIds: Int32Array;
}

/** Uncentred second moments of one read, summed over tokens: C = sum x x^T, s = sum x, n tokens. */
export interface Moment {
  readonly C: Matrix;
  readonly sum: Float64Array;
  readonly tokens: number;
}

/** A moment while it is summed: of its symmetric C the rows from the diagonal on, end to end, in half of the memory. */
class MomentSum implements Moment {
  readonly sum: Float64Array;
  tokens = 0;
  readonly #d: number;
  readonly #triangle: Float64Array;

  constructor(d: number) {
    this.#d = d;
    this.sum = new Float64Array(d);
    this.#triangle = new Float64Array((d * (d + 1)) / 2);
  }

  /** The whole matrix, made anew: whoever asks holds it. */
  get C(): Matrix {
    const d = this.#d;
    const whole = matrix(d, d);
    let at = 0;
    for (let i = 0; i < d; i++)
      for (let j = i; j < d; j++) {
        const x = this.#triangle[at++] ?? 0;
        whole.data[i * d + j] = x;
        whole.data[j * d + i] = x;
      }
    return whole;
  }

  /** @param C [d, d] and s [d] of one batch */
  add(C: Float32Array, s: Float32Array, tokens: number): void {
    const d = this.#d;
    const triangle = this.#triangle;
    let at = 0;
    for (let i = 0; i < d; i++)
      for (let j = i, from = i * (d + 1); j < d; j++, from++, at++) triangle[at] = (triangle[at] ?? 0) + (C[from] ?? 0);
    addInto(this.sum, s);
    this.tokens += tokens;
  }
}

/** Hears how far calibration is. It is waited for, so that a listener can take a turn of the event loop, or throw to end the work. */
export type CalibrationProgress = (done: number, total: number) => Promise<void> | void;

/** Sites whose moments calibration needs, by the names used in {@link TeacherMoments}. */
export type TeacherMoments = ReadonlyMap<string, Moment>;

/** Moments of a layer's FFN neurons. Asked for in the order of layers; those before may be gone. */
export type InnerMoments = (layer: number) => Promise<Moment>;

/**
 * Runs the teacher over the batches and accumulates the second moments of every read (docs/method.md section 4).
 * Products of one batch are made on the engine; sums over batches are float64. Padding is left out.
 *
 * Sites: `${layer}.read`, `${layer}.values`, `${layer}.attention`, `${layer}.inner`, `final`, `transform` if there is one, and `embedding`
 * if tables are projected.
 *
 * @param wanted which of them; what lies behind the last one is not computed
 */
export async function gatherMoments(
  engine: Engine,
  teacher: BertModel,
  batch: number,
  sequence: number,
  batches: readonly CalibrationBatch[],
  progress: CalibrationProgress,
  wanted: (site: string) => boolean = () => true,
): Promise<TeacherMoments> {
  const graph = new Graph();
  const tokens = batch * sequence;
  const shapes = parameterShapes(teacher.config);
  const states = new Map([...shapes].map(([name, shape]) => [name, graph.state(name, shape)]));
  const parameter = (name: string): Value => {
    const value = states.get(name);
    if (value === undefined) throw new Error(`moments: no parameter ${name}`);
    return value;
  };
  const inputs = encoderInputs(graph, { batch, sequence });
  const real = graph.input('real', [tokens], 'i32');
  const shape = encoderShape(teacher.config);
  let tables: Value | undefined;
  const encoder = bertEncoder(graph, shape, parameter, inputs, {
    // Looks at what the projection reads, and leaves it as it is.
    dense: (module, x) => {
      if (module.role === 'embeddingProjection') tables = x;
      return undefined;
    },
  });

  const widths = new Map<string, number>();
  const site = (name: string, x: Value): void => {
    if (!wanted(name)) return;
    const rows = gatherRows(graph, x, real);
    graph.output(`C.${name}`, matmul(graph, transpose(graph, rows), rows));
    graph.output(`s.${name}`, reduceRows(graph, rows));
    widths.set(name, x.shape[1] ?? 0);
  };
  if (tables !== undefined) site('embedding', tables);
  encoder.layers.forEach((layer, index) => {
    site(`${index}.read`, layer.read);
    site(`${index}.values`, layer.values);
    site(`${index}.attention`, layer.attentionOutput);
    site(`${index}.inner`, layer.inner);
  });
  site('final', encoder.hidden);
  if (shape.blueprint.find('transform') !== undefined) site('transform', mlmTransform(graph, shape, parameter, encoder.hidden));

  const part = partFor(graph, [...graph.outputs.keys()]);
  const program = await engine.compile(plan(part, engine.planOptions));
  try {
    for (const [name, tensor] of teacher.tensors) if (part.states.has(name)) program.write(name, tensor.data);
    const moments = new Map([...widths].map(([name, d]) => [name, new MomentSum(d)]));
    for (const [index, given] of batches.entries()) {
      writeTokens(program, shape.blueprint, { batch, sequence }, given);
      writeSegments(program, shape.blueprint, given.typeIds);
      program.write(
        'real',
        Int32Array.from(given.attention, (x, i) => (x === 0 ? -1 : i)),
      );
      await program.run();
      const count = given.attention.reduce((sum, x) => sum + x, 0);
      for (const [name, moment] of moments) moment.add(await program.read(`C.${name}`), await program.read(`s.${name}`), count);
      await progress(index + 1, batches.length);
    }
    return moments;
  } finally {
    program.dispose();
  }
}

/** Sums over batches, in float64. */
export function addInto(target: Float64Array, values: Float32Array | Float64Array): void {
  for (let i = 0; i < target.length; i++) target[i] = (target[i] ?? 0) + (values[i] ?? 0);
}

import { decoderName, encoderShape, parameterShapes, type BertModel } from '../models/model.ts';
import { bertEncoder, mlmHead } from '../models/encoder.ts';
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
  tokens: number;
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
 * Sites: `${layer}.read`, `${layer}.values`, `${layer}.attention`, `${layer}.inner`, `final`, `transform`, and `embedding` if tables are projected.
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
  const head = mlmHead(graph, shape, parameter, encoder.hidden, parameter(decoderName(teacher.config)));

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
  site('transform', head.transformed);

  const part = partFor(graph, [...graph.outputs.keys()]);
  const program = await engine.compile(plan(part, engine.planOptions));
  try {
    for (const [name, tensor] of teacher.tensors) if (part.states.has(name)) program.write(name, tensor.data);
    const moments = new Map<string, Moment>(
      [...widths].map(([name, d]) => [name, { C: matrix(d, d), sum: new Float64Array(d), tokens: 0 }]),
    );
    for (const [index, given] of batches.entries()) {
      writeTokens(program, shape.blueprint, { batch, sequence }, given);
      writeSegments(program, shape.blueprint, given.typeIds);
      program.write(
        'real',
        Int32Array.from(given.attention, (x, i) => (x === 0 ? -1 : i)),
      );
      await program.run();
      const count = given.attention.reduce((sum, x) => sum + x, 0);
      for (const [name, moment] of moments) {
        addInto(moment.C.data, await program.read(`C.${name}`));
        addInto(moment.sum, await program.read(`s.${name}`));
        moment.tokens += count;
      }
      await progress(index + 1, batches.length);
    }
    return moments;
  } finally {
    program.dispose();
  }
}

/** Sums over batches, in float64. */
export function addInto(target: Float64Array, values: Float32Array): void {
  for (let i = 0; i < target.length; i++) target[i] = (target[i] ?? 0) + (values[i] ?? 0);
}

import type { Engine } from '../engines/engine.ts';
import { filledProgram } from '../graph/filledProgram.ts';
import { Graph } from '../graph/graph.ts';
import { plan } from '../graph/plan.ts';
import { writeOneSegment, writeTokens, encoderInputs } from '../models/inputs.ts';
import type { BertModel } from '../models/model.ts';
import { plainRunnable } from '../models/runnable.ts';
import type { BatchShape, TaskBatch } from '../tasks/task.ts';
import type { Algebra } from '../tensor/algebra.ts';
import { matrix, transposed } from '../tensor/matrix.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { crossLeastSquares } from '../wid/crossMoments.ts';
import { addInto } from '../wid/moments.ts';

/** Sentences wanted for every number of a pooled vector: the least squares have one unknown row each. */
const SENTENCES_PER_DIMENSION = 16;

/**
 * The layer that leads from a student's pooled vectors u to its teacher's t in closed form: D = T U^T (U U^T + eps I)^-1 over the
 * sentences of some batches, as layers are calibrated. It makes the student's vectors the teacher's in width and space.
 *
 * @param student its layer behind pooling is not read   @param batches of the task, as calibration has seen them
 * @param more gives others, while those are too few for the least squares
 * @returns [w, p d']
 */
export async function fitDense(
  engine: Engine,
  algebra: Algebra,
  student: BertModel,
  shape: BatchShape,
  batches: readonly TaskBatch[],
  more: () => readonly TaskBatch[],
  progress: (done: number, total: number) => Promise<void> | void,
): Promise<Tensor> {
  const runnable = plainRunnable(student);
  const graph = new Graph();
  const laid = runnable.lay(graph);
  const layers = laid.sentences;
  if (layers === undefined) throw new StudioError('training', 'dense: expected a student for sentence vectors, got one for masked words.');
  const tokens = shape.batch * shape.sequence;
  const hidden = laid.encoder(encoderInputs(graph, shape)).hidden;
  graph.output('pooled', layers.pooled(hidden, graph.input('pooling', [shape.slots * layers.poolers, tokens])));
  const program = await filledProgram(engine, plan(graph, engine.planOptions), (made) => {
    writeOneSegment(made, runnable.blueprint, shape);
    for (const name of graph.states.keys()) made.write(name, student.tensors.get(name)?.data ?? new Float32Array());
  });
  const inputs = layers.poolers * student.config.hiddenSize;
  const { width } = layers;
  const moments = { ts: matrix(width, inputs), ss: matrix(inputs, inputs) };
  const wanted = SENTENCES_PER_DIMENSION * inputs;
  const waiting = [...batches];
  try {
    for (let seen = 0; seen < wanted || waiting.length > 0;) {
      if (waiting.length === 0) waiting.push(...more());
      const batch = waiting.shift();
      if (batch === undefined) break;
      writeTokens(program, runnable.blueprint, shape, batch);
      program.write('pooling', batch.inputs.get('pooling') ?? new Float32Array());
      await program.run();
      const { answers } = batch;
      const pooled = matrix(answers, inputs, (await program.read('pooled')).subarray(0, answers * inputs));
      const targets = batch.inputs.get('targets') ?? new Float32Array();
      const theirs = matrix(answers, width, targets.subarray(0, answers * width));
      addInto(moments.ss.data, algebra.gram(pooled).data);
      addInto(moments.ts.data, algebra.multiply(transposed(theirs), pooled).data);
      seen += batch.answers;
      await progress(Math.min(seen, wanted), wanted);
    }
  } finally {
    program.dispose();
  }
  const solved = crossLeastSquares(algebra, moments);
  return { shape: [width, inputs], data: Float32Array.from(solved.data) };
}

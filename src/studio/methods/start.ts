import { blueprintOf } from '../../models/blueprint.ts';
import type { TaskBatch, TaskStream } from '../../tasks/task.ts';
import type { Engine } from '../../engines/engine.ts';
import { plainAlgebra, type Algebra } from '../../tensor/algebra.ts';
import { sizeOf, type Shape } from '../../tensor/shape.ts';
import { KEPT_STATES, keptStates } from '../../training/hiddenLoss.ts';
import { isRead } from '../settings/modes.ts';
import { fitDense } from '../../training/fitDense.ts';
import { mergeStudent } from '../../training/mergeStudent.ts';
import { keptNorms } from '../../training/trainingGraph.ts';
import { calibrateOnePass, type Calibration } from '../../wid/calibrate.ts';
import { compactorShapes, normSites, oneHotMixtures } from '../../wid/compactors.ts';
import { headsToKeep, keepHeads } from '../../wid/keepHeads.ts';
import { readInGroups } from '../../wid/layerGroups.ts';
import type { CalibrationBatch, CalibrationProgress, TeacherMoments } from '../../wid/moments.ts';
import { selectionStart } from '../../wid/selection.ts';
import { calibrateSequentially } from '../../wid/sequential.ts';
import { studentConfig, vectorWidth, type SpaceTable } from '../../wid/spaces.ts';
import { calibrationStages } from '../workStages.ts';
import type { Recipe } from '../api/recipe.ts';
import type { StartTools } from './method.ts';
import type { Student } from '../student.ts';
import type { PhaseContext } from './phase.ts';

/** The teacher as it was read for a start: its moments, the one-pass calibration, and what reading goes on with. */
interface ReadTeacher {
  readonly moments: TeacherMoments;
  readonly onePass: Calibration;
  readonly batches: readonly CalibrationBatch[];
  /** The same with what the task knows of them. */
  readonly tasks: readonly TaskBatch[];
  readonly progress: (stage: string) => CalibrationProgress;
}

/** Reads the teacher over the calibration batches and solves every compactor in one pass (docs/method.md section 4). */
export async function readForStart(
  { teacher, table, recipe, shape }: PhaseContext,
  { engine, stream, control, listen }: StartTools,
  algebra: Algebra,
): Promise<ReadTeacher> {
  const { model } = teacher;
  const tasks = calibrationBatches(stream, recipe, shape);
  const batches = tasks.map(calibrationBatch);
  const progress = calibrationStages(control, listen);
  const reading = (): CalibrationProgress => progress('Reading the teacher');
  const { moments, inner } = await readInGroups(engine, model, table.layerMap, shape.batch, shape.sequence, batches, reading);
  const onePass = await calibrateOnePass(model, table, moments, progress('Solving compactors'), inner, algebra);
  return { moments, onePass, batches, tasks, progress };
}

/**
 * A student merged from compactors in closed form, calibrated as the recipe says.
 * @param selected whether weights are only selected, without a calibration: the plain start of baselines
 */
export function mergedStart(context: PhaseContext, tools: StartTools, selected: boolean): Promise<Student> {
  return withAlgebra(tools.engine, (algebra) => mergedStartWith(context, tools, selected, algebra));
}

/** Lends the engine's algebra, or that of plain TypeScript. */
export async function withAlgebra<T>(engine: Engine, work: (algebra: Algebra) => Promise<T>): Promise<T> {
  const lent = await engine.algebra?.();
  try {
    return await work(lent ?? plainAlgebra);
  } finally {
    lent?.dispose();
  }
}

async function mergedStartWith(context: PhaseContext, tools: StartTools, selected: boolean, algebra: Algebra): Promise<Student> {
  const { teacher, table, recipe, shape } = context;
  const { model } = teacher;
  const { engine, stream, given } = tools;
  if (given !== undefined) {
    const kept = headsToKeep(table, given.heads);
    const heads = keepHeads(blueprintOf(model.config), model.tensors, table.teacher.headSize, kept);
    return { model: await mergeStudent(engine, model, heads, table, given.compactors), compactors: given.compactors, heads: kept };
  }
  const { moments, onePass, batches, tasks, progress } = await readForStart(context, tools, algebra);
  const kept = headsToKeep(table, onePass.heads);
  const heads = keepHeads(blueprintOf(model.config), model.tensors, table.teacher.headSize, kept);
  const norms = keptNorms(model.tensors, table, onePass.residual, onePass.embedding);
  const calibrate = (): Promise<Calibration> =>
    calibrateSequentially(engine, model, heads, table, onePass, norms, shape, batches, progress('Fitting layer by layer'), algebra);
  let calibration = onePass;
  if (selected) calibration = selectionStart(model, table, moments, onePass);
  else if (recipe.calibration === 'sequential') calibration = await calibrate();
  const compactors = new Map([...calibration.compactors, ...norms, ...oneHotMixtures(table)]);
  if (isRead(recipe, 'keptStates') && recipe.keptStates > 0)
    compactors.set(KEPT_STATES, keptStates(calibration.residual, table.teacher.residual));
  const student = studentConfig(model.config, table);
  const dense = blueprintOf(student).find('sentenceDense');
  if (dense === undefined) return { model: await mergeStudent(engine, model, heads, table, compactors), compactors, heads: kept };
  // Nothing stands there before pooled vectors are known, which the rest of the student makes.
  compactors.set(dense.weight, { shape: denseShape(table), data: new Float32Array(sizeOf(denseShape(table))) });
  const merged = await mergeStudent(engine, model, heads, table, compactors);
  const weight = await fitDense(engine, algebra, merged, shape, tasks, () => stream.next(), progress('Fitting the layer behind pooling'));
  compactors.set(dense.weight, weight);
  return { model: { ...merged, tensors: new Map([...merged.tensors, [dense.weight, weight]]) }, compactors, heads: kept };
}

/** Of the layer behind pooling. */
function denseShape(table: SpaceTable): Shape {
  const { residual, sentence } = table.student;
  return [sentence?.dense ?? residual, residual * (sentence?.poolers.length ?? 1)];
}

/** Shapes of the compactors and LayerNorms that {@link mergedStart} merges. */
export function mergedShapes(table: SpaceTable): Shape[] {
  const norms = normSites(table).map(({ ours }): Shape => [vectorWidth(table.student, ours.writes)]);
  const dense = blueprintOf(table.student).find('sentenceDense');
  return [
    ...compactorShapes(table).values(),
    ...norms.flatMap((norm) => [norm, norm]),
    ...(dense === undefined ? [] : [denseShape(table)]),
  ];
}

/** As many micro-batches as hold the recipe's calibration tokens. */
function calibrationBatches(stream: TaskStream, recipe: Recipe, { batch, sequence }: PhaseContext['shape']): TaskBatch[] {
  const count = Math.max(1, Math.ceil(recipe.calibrationTokens / (batch * sequence)));
  const batches: TaskBatch[] = [];
  while (batches.length < count) batches.push(...stream.next());
  return batches.slice(0, count);
}

function calibrationBatch(batch: TaskBatch): CalibrationBatch {
  return {
    inputIds: batch.inputIds,
    typeIds: new Int32Array(batch.inputIds.length),
    attention: batch.attention,
    ...(batch.documents === undefined ? {} : { documents: batch.documents }),
  };
}

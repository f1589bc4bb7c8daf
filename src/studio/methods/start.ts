import { blueprintOf } from '../../models/blueprint.ts';
import type { TaskBatch, TaskStream } from '../../tasks/task.ts';
import type { Engine } from '../../engines/engine.ts';
import { plainAlgebra, type Algebra } from '../../tensor/algebra.ts';
import type { Shape } from '../../tensor/shape.ts';
import { mergeStudent } from '../../training/mergeStudent.ts';
import { keptNorms } from '../../training/trainingGraph.ts';
import { calibrateOnePass, type Calibration } from '../../wid/calibrate.ts';
import { compactorShapes, normSites, oneHotMixtures } from '../../wid/compactors.ts';
import { headsToKeep, keepHeads } from '../../wid/keepHeads.ts';
import { readInGroups } from '../../wid/layerGroups.ts';
import type { CalibrationBatch, CalibrationProgress, TeacherMoments } from '../../wid/moments.ts';
import { selectionStart } from '../../wid/selection.ts';
import { calibrateSequentially } from '../../wid/sequential.ts';
import { vectorWidth, type SpaceTable } from '../../wid/spaces.ts';
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
  readonly progress: (stage: string) => CalibrationProgress;
}

/** Reads the teacher over the calibration batches and solves every compactor in one pass (docs/method.md section 4). */
export async function readForStart(
  { teacher, table, recipe, shape }: PhaseContext,
  { engine, stream, control, listen }: StartTools,
  algebra: Algebra,
): Promise<ReadTeacher> {
  const { model } = teacher;
  const batches = calibrationBatches(stream, recipe, shape);
  const progress = calibrationStages(control, listen);
  const reading = (): CalibrationProgress => progress('Reading the teacher');
  const { moments, inner } = await readInGroups(engine, model, table.layerMap, shape.batch, shape.sequence, batches, reading);
  const onePass = await calibrateOnePass(model, table, moments, progress('Solving compactors'), inner, algebra);
  return { moments, onePass, batches, progress };
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
  const { engine, given } = tools;
  if (given !== undefined) {
    const kept = headsToKeep(table, given.heads);
    const heads = keepHeads(blueprintOf(model.config), model.tensors, table.teacher.headSize, kept);
    return { model: await mergeStudent(engine, model, heads, table, given.compactors), compactors: given.compactors, heads: kept };
  }
  const { moments, onePass, batches, progress } = await readForStart(context, tools, algebra);
  const kept = headsToKeep(table, onePass.heads);
  const heads = keepHeads(blueprintOf(model.config), model.tensors, table.teacher.headSize, kept);
  const norms = keptNorms(model.tensors, table, onePass.residual, onePass.embedding);
  const calibrate = (): Promise<Calibration> =>
    calibrateSequentially(engine, model, heads, table, onePass, norms, shape, batches, progress('Fitting layer by layer'), algebra);
  let calibration = onePass;
  if (selected) calibration = selectionStart(model, table, moments, onePass);
  else if (recipe.calibration === 'sequential') calibration = await calibrate();
  const compactors = new Map([...calibration.compactors, ...norms, ...oneHotMixtures(table)]);
  return { model: await mergeStudent(engine, model, heads, table, compactors), compactors, heads: kept };
}

/** Shapes of the compactors and LayerNorms that {@link mergedStart} merges. */
export function mergedShapes(table: SpaceTable): Shape[] {
  const norms = normSites(table).map(({ ours }): Shape => [vectorWidth(table.student, ours.writes)]);
  return [...compactorShapes(table).values(), ...norms.flatMap((norm) => [norm, norm])];
}

/** As many micro-batches as hold the recipe's calibration tokens. */
function calibrationBatches(stream: TaskStream, recipe: Recipe, { batch, sequence }: PhaseContext['shape']): CalibrationBatch[] {
  const count = Math.max(1, Math.ceil(recipe.calibrationTokens / (batch * sequence)));
  const batches: CalibrationBatch[] = [];
  while (batches.length < count) batches.push(...stream.next().map(calibrationBatch));
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

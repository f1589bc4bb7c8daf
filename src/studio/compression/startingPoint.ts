import { blueprintOf } from '../../models/blueprint.ts';
import { freshModel } from '../../models/freshModel.ts';
import type { Engine } from '../../engines/engine.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { StepShape, TaskBatch, TaskStream } from '../../tasks/task.ts';
import { mergeStudent } from '../../training/mergeStudent.ts';
import { keptNorms } from '../../training/trainingGraph.ts';
import { calibrateOnePass, type Calibration } from '../../wid/calibrate.ts';
import { oneHotMixtures } from '../../wid/compactors.ts';
import { headsToKeep, keepHeads } from '../../wid/keepHeads.ts';
import { readInGroups } from '../../wid/layerGroups.ts';
import type { CalibrationBatch, CalibrationProgress } from '../../wid/moments.ts';
import { selectionStart } from '../../wid/selection.ts';
import { calibrateSequentially } from '../../wid/sequential.ts';
import { studentConfig, type SpaceTable } from '../../wid/spaces.ts';
import type { StartingPoint } from './phase.ts';
import { progressiveStart } from './progressivePhases.ts';
import { stepShape } from '../recipe/recipe.ts';
import type { Recipe } from '../api/recipe.ts';
import type { StudioListener } from '../api/run.ts';
import type { Teacher } from '../teacher/teacher.ts';

/** Calibrates, selects or draws the student that a recipe starts from; the calibration batches come from `stream`. */
export async function startingPoint(
  engine: Engine,
  teacher: Teacher,
  table: SpaceTable,
  recipe: Recipe,
  stream: TaskStream,
  control: { proceed(): Promise<boolean> },
  listen: StudioListener,
): Promise<StartingPoint> {
  const { model } = teacher;
  if (recipe.mode === 'scratch')
    return { student: freshModel(studentConfig(model.config, table), recipe.seed), compactors: new Map(), heads: new Map() };
  const size = stepShape(teacher.task, recipe);
  const batches = calibrationBatches(stream, recipe, size);
  const progress = calibrationStages(control, listen);
  const reading = (): CalibrationProgress => progress('Reading the teacher');
  const { moments, inner } = await readInGroups(engine, model, table.layerMap, size.batch, size.sequence, batches, reading);
  const onePass = await calibrateOnePass(model, table, moments, progress('Solving compactors'), inner);
  if (recipe.mode === 'progressive') return progressiveStart(teacher, table, moments, onePass);
  const kept = headsToKeep(table, onePass.heads);
  const heads = keepHeads(blueprintOf(model.config), model.tensors, table.teacher.headSize, kept);
  const norms = keptNorms(model.tensors, table, onePass.residual);
  const calibrate = (): Promise<Calibration> =>
    calibrateSequentially(engine, model, heads, table, onePass, norms, size, batches, progress('Fitting layer by layer'));
  const calibrated = recipe.mode === 'calibrated' || recipe.start === 'calibrated';
  let calibration = onePass;
  if (!calibrated) calibration = selectionStart(model, table, moments, onePass);
  else if (recipe.calibration === 'sequential') calibration = await calibrate();
  const compactors = new Map([...calibration.compactors, ...norms, ...oneHotMixtures(table)]);
  return { student: await mergeStudent(engine, model, heads, table, compactors), compactors, heads: kept };
}

/** Calibration was stopped before there was a student. */
export class StoppedError extends StudioError {
  constructor() {
    super('stopped', 'run: stopped during calibration, before there was a student. Nothing was written; start the run again.');
  }
}

/** Longest time in ms between two turns of the event loop while calibration works. */
const TURN_EVERY = 50;

/** Progress of the calibration's stages; between its pieces of work pause and stop are heard. @throws StoppedError */
export function calibrationStages(
  control: { proceed(): Promise<boolean> },
  listen: StudioListener,
): (stage: string) => CalibrationProgress {
  let turned = performance.now();
  return (stage) => {
    listen({ kind: 'progress', stage, done: 0, total: 1 });
    return async (done, total) => {
      listen({ kind: 'progress', stage, done, total });
      if (performance.now() - turned < TURN_EVERY) return;
      // The CPU engine works without ever giving way: messages arrive only here.
      await new Promise<void>((resolve) => setTimeout(resolve, 0));
      if (!(await control.proceed())) throw new StoppedError();
      turned = performance.now();
    };
  };
}

/** As many micro-batches as hold the recipe's calibration tokens. */
function calibrationBatches(stream: TaskStream, recipe: Recipe, { batch, sequence }: StepShape): CalibrationBatch[] {
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
  };
}

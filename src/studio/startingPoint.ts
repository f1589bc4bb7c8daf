import { freshModel } from '../bert/freshModel.ts';
import type { BertModel } from '../bert/model.ts';
import type { Engine } from '../engines/engine.ts';
import type { NamedTensors } from '../tensor/tensor.ts';
import type { BatchStream, MaskedBatch } from '../text/maskedBatch.ts';
import { mergeStudent } from '../training/mergeStudent.ts';
import { keptNorms } from '../training/trainingGraph.ts';
import { calibrateOnePass, type Calibration } from '../wid/calibrate.ts';
import { keepHeads } from '../wid/keepHeads.ts';
import { gatherMoments, type CalibrationBatch } from '../wid/moments.ts';
import { selectionStart } from '../wid/selection.ts';
import { calibrateSequentially } from '../wid/sequential.ts';
import { studentConfig, type SpaceTable } from '../wid/spaces.ts';
import type { Recipe, StudioListener } from './studioApi.ts';
import type { Teacher } from './teacher.ts';

/** Where a run begins. */
export interface StartingPoint {
  readonly student: BertModel;
  /** Compactors and the student's LayerNorms by name; empty where training starts from scratch. */
  readonly compactors: NamedTensors;
  /** Kept heads by teacher layer; empty where all stay. */
  readonly heads: ReadonlyMap<number, readonly number[]>;
}

/** Calibrates, selects or draws the student that a recipe starts from; the calibration batches come from `stream`. */
export async function startingPoint(
  engine: Engine,
  teacher: Teacher,
  table: SpaceTable,
  recipe: Recipe,
  stream: BatchStream,
  listen: StudioListener,
): Promise<StartingPoint> {
  const { model } = teacher;
  if (recipe.mode === 'scratch')
    return { student: freshModel(studentConfig(model.config, table), recipe.seed), compactors: new Map(), heads: new Map() };
  const count = Math.max(1, Math.ceil(recipe.calibrationTokens / (recipe.batch * recipe.sequence)));
  const batches = Array.from({ length: count }, () => calibrationBatch(stream.next()));
  const moments = await gatherMoments(engine, model, recipe.batch, recipe.sequence, batches, (done, total) =>
    listen({ kind: 'progress', stage: 'Reading the teacher', done, total }),
  );
  listen({ kind: 'progress', stage: 'Solving compactors', done: 0, total: 1 });
  const onePass = calibrateOnePass(model, table, moments);
  listen({ kind: 'progress', stage: 'Solving compactors', done: 1, total: 1 });
  const heads = keepHeads(model.tensors, table.teacher.headSize, onePass.heads);
  const norms = keptNorms(model.tensors, table, onePass.residual);
  const calibrate = (): Promise<Calibration> =>
    calibrateSequentially(engine, model, heads, table, onePass, norms, recipe, batches, (done, total) =>
      listen({ kind: 'progress', stage: 'Fitting layer by layer', done, total }),
    );
  const calibrated = recipe.mode === 'calibrated' || recipe.start === 'calibrated';
  let calibration = onePass;
  if (!calibrated) calibration = selectionStart(model, table, moments, onePass);
  else if (recipe.calibration === 'sequential') calibration = await calibrate();
  const compactors = new Map([...calibration.compactors, ...norms]);
  return { student: await mergeStudent(engine, model, heads, table, compactors), compactors, heads: onePass.heads };
}

function calibrationBatch(batch: MaskedBatch): CalibrationBatch {
  return {
    inputIds: batch.inputIds,
    typeIds: new Int32Array(batch.inputIds.length),
    attention: Uint8Array.from(batch.attentionMask, (x) => (x === 0 ? 1 : 0)),
  };
}

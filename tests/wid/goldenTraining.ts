import { parseConfig } from '../../src/models/config.ts';
import { parameterShapes, type BertModel } from '../../src/models/model.ts';
import type { Engine } from '../../src/engines/engine.ts';
import { readSafetensors, type SafetensorsFile } from '../../src/formats/safetensors.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { frozenName } from '../../src/training/teacherStates.ts';
import { Trainer } from '../../src/training/trainer.ts';
import { compactorTraining } from '../../src/training/trainingGraph.ts';
import { compactorShapes } from '../../src/wid/compactors.ts';
import { spacesOf, spaceTable } from '../../src/wid/spaces.ts';
import { BATCH, batchOf, SEQUENCE } from '../golden/batch.ts';
import { relativeError } from '../../src/engines/conformance/relativeError.ts';
import { blocksOf } from './blocks.ts';
import { maskedWords } from '../../src/tasks/maskedWords.ts';

/** Reads a file of tests/golden by its path there, however this host does that. */
export type ReadGolden = (path: string) => Promise<Uint8Array>;

/** How far 20 golden steps were from PyTorch's in float64, as ratios less 1 and relative errors. */
export interface GoldenTrainingErrors {
  readonly loss: number;
  readonly gradientNorm: number;
  /** The worst of the compactors afterwards. */
  readonly compactors: number;
  readonly steps: number;
}

async function safetensors(read: ReadGolden, name: string): Promise<SafetensorsFile> {
  return readSafetensors(await read(`${name}.safetensors`));
}

async function teacherOf(read: ReadGolden): Promise<BertModel> {
  const config = parseConfig(JSON.parse(new TextDecoder().decode(await read('checkpoints/safetensors/config.json'))));
  const { tensors } = await safetensors(read, 'checkpoints/safetensors/model');
  const found = [...parameterShapes(config).keys()].map((name) => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Error(`golden: no tensor ${name}`);
    return [name, tensor] as const;
  });
  return { config, tensors: new Map(found) };
}

/** The 20 AdamW steps of the golden file `wid-training` on an engine. */
export async function goldenTraining(engine: Engine, read: ReadGolden): Promise<GoldenTrainingErrors> {
  const teacher = await teacherOf(read);
  const table = spaceTable(spacesOf(teacher.config), { residual: 16, heads: 4, headSize: 4, inner: 24, layers: 3 }, false, 'last');
  const shapes = compactorShapes(table);
  const start = new Map<string, Tensor>();
  for (const [name, tensor] of (await safetensors(read, 'wid-compactors')).tensors)
    start.set(name, blocksOf(tensor, shapes.get(name) ?? tensor.shape));
  for (const [name, tensor] of teacher.tensors) start.set(frozenName(name), tensor);
  const batch = batchOf(await safetensors(read, 'batch'));
  const shape = { task: maskedWords, batch: BATCH, sequence: SEQUENCE, slots: batch.predicted };
  const trainer = await Trainer.create(engine, compactorTraining(teacher.config, table, shape), shape, start);
  trainer.writeTypes(batch.typeIds);
  const wanted = (await safetensors(read, 'wid-training')).tensors;
  const numbers = (name: string): ArrayLike<number> => wanted.get(name)?.data ?? [];
  const worst = { loss: 0, gradientNorm: 0, compactors: 0 };
  const steps = numbers('losses').length;
  for (let step = 0; step < steps; step++) {
    const { loss, gradientNorm } = await trainer.step([batch], 1e-3);
    worst.loss = Math.max(worst.loss, Math.abs(loss / (numbers('losses')[step] ?? 0) - 1));
    worst.gradientNorm = Math.max(worst.gradientNorm, Math.abs(gradientNorm / (numbers('grad_norms')[step] ?? 0) - 1));
  }
  const after = await trainer.read();
  for (const [name, dims] of shapes) {
    const tensor = wanted.get(`after.${name}`);
    if (tensor === undefined) throw new Error(`golden: no tensor after.${name}`);
    worst.compactors = Math.max(worst.compactors, relativeError(after.get(name)?.data ?? [], blocksOf(tensor, dims).data));
  }
  trainer.dispose();
  return { ...worst, steps };
}

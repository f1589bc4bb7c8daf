import { expect, test } from 'vitest';
import { blueprintOf } from '../../src/models/blueprint.ts';
import { Evaluator } from '../../src/analysis/evaluation.ts';
import { layerNames } from '../golden/names.ts';
import type { BertModel } from '../../src/models/model.ts';
import { WasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { mergeStudent } from '../../src/training/mergeStudent.ts';
import { keptNorms } from '../../src/training/trainingGraph.ts';
import { calibrateOnePass } from '../../src/wid/calibrate.ts';
import { headsToKeep, keepHeads } from '../../src/wid/keepHeads.ts';
import { gatherMoments } from '../../src/wid/moments.ts';
import { orderTeacher } from '../../src/wid/progressive/order.ts';
import { selectionStart } from '../../src/wid/selection.ts';
import { calibrateSequentially } from '../../src/wid/sequential.ts';
import { spacesOf, spaceTable } from '../../src/wid/spaces.ts';
import { BATCH, SEQUENCE } from '../golden/batch.ts';
import { goldenBatch, goldenTeacher } from '../golden/load.ts';
import { maskedWords } from '../../src/tasks/maskedWords.ts';

type Module = 'query' | 'key' | 'value' | 'attentionOutput' | 'intermediate' | 'output';

/** The golden teacher with modules of its second layer at zero: weights and biases, of some heads or of all. */
function silenced(modules: readonly Module[], heads: number): BertModel {
  const teacher = goldenTeacher();
  const names = layerNames(1);
  const tensors = new Map<string, Tensor>(teacher.tensors);
  for (const module of modules)
    for (const part of ['weight', 'bias']) {
      const tensor = tensors.get(`${names[module]}.${part}`);
      if (tensor === undefined) throw new Error(`the golden teacher has no ${names[module]}.${part}`);
      const zeros = (tensor.data.length * heads) / teacher.config.heads;
      tensors.set(`${names[module]}.${part}`, { shape: tensor.shape, data: tensor.data.map((x, i) => (i < zeros ? 0 : x)) });
    }
  return { ...teacher, tensors };
}

const SHAPES = [
  { residual: 16, heads: 4, headSize: 4, inner: 24, layers: 3 },
  { residual: 16, heads: 2, headSize: 8, inner: 24, layers: 3 },
] as const;

// Heads pruned by zeros, and layers that were added and do nothing yet: their moments are zero.
test.each([
  [['query', 'key', 'value'], 1],
  [['value', 'attentionOutput'], 4],
  [['intermediate'], 4],
  [['query', 'key', 'value', 'attentionOutput', 'intermediate', 'output'], 4],
] as const)('a teacher whose %s are zero in %i heads gives students in every mode', async (modules, heads) => {
  const teacher = silenced(modules, heads);
  const engine = await WasmEngine.create(1);
  const batch = goldenBatch();
  const size = { batch: BATCH, sequence: SEQUENCE };
  try {
    for (const student of SHAPES) {
      const table = spaceTable(spacesOf(teacher.config), student, false, 'first');
      const moments = await gatherMoments(engine, teacher, BATCH, SEQUENCE, [batch], () => {});
      const onePass = await calibrateOnePass(teacher, table, moments, () => {});
      const kept = keepHeads(blueprintOf(teacher.config), teacher.tensors, table.teacher.headSize, headsToKeep(table, onePass.heads));
      const norms = keptNorms(teacher.tensors, table, onePass.residual);
      const sequential = await calibrateSequentially(engine, teacher, kept, table, onePass, norms, size, [batch], () => {});
      for (const { compactors } of [onePass, sequential, selectionStart(teacher, table, moments, onePass)]) {
        const model = await mergeStudent(engine, teacher, kept, table, new Map([...compactors, ...norms]));
        const evaluator = await Evaluator.create(engine, model, { task: maskedWords, ...size, slots: batch.predicted });
        const { loss } = await evaluator.evaluate([batch]);
        evaluator.dispose();
        expect(loss).toBeLessThan(20);
      }
      for (const [name, { data }] of orderTeacher(teacher, table, moments, onePass).tensors)
        expect(data.every(Number.isFinite), name).toBe(true);
    }
  } finally {
    engine.dispose();
  }
});

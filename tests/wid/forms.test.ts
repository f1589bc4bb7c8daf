import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blueprintOf, parameterNames } from '../../src/models/blueprint.ts';
import type { BertModel } from '../../src/models/model.ts';
import { headNames } from '../golden/names.ts';
import type { Engine } from '../../src/engines/engine.ts';
import { Random } from '../../src/tensor/random.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { NamedTensors, Tensor } from '../../src/tensor/tensor.ts';
import { frozenName } from '../../src/training/teacherStates.ts';
import { mergeStudent } from '../../src/training/mergeStudent.ts';
import { compactorShapes, normSites, oneHotMixtures } from '../../src/wid/compactors.ts';
import { keepHeads } from '../../src/wid/keepHeads.ts';
import { spacesOf, spaceTable, type SpaceTable } from '../../src/wid/spaces.ts';
import { ENGINES } from '../engines/availableEngines.ts';
import { golden, goldenTeacher, goldenTensor } from '../golden/load.ts';
import { relativeError } from '../../src/engines/conformance/relativeError.ts';
import { blocksOf } from './blocks.ts';
import { plainLogits, runForm } from './forms.ts';

const teacher = goldenTeacher();
const spaces = spacesOf(teacher.config);
const half = spaceTable(spaces, { residual: 16, heads: 4, headSize: 4, inner: 24, layers: 3 }, false, 'last');

/** The golden teacher with a decoder of its own in place of the word table. */
function untiedTeacher(): BertModel {
  const config = { ...teacher.config, tieWordEmbeddings: false };
  const random = new Random(11);
  const shape = [config.vocabSize, config.hiddenSize];
  const decoder = { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => 0.3 * random.normal()) };
  return { config, tensors: new Map([...teacher.tensors, [headNames.decoder, decoder]]) };
}

/** Random compactors and LayerNorms of a table that has no golden file. */
function randomStart(table: SpaceTable): Map<string, Tensor> {
  const random = new Random(7);
  const start = new Map<string, Tensor>();
  for (const [name, shape] of compactorShapes(table))
    start.set(name, { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => 0.25 * random.normal()) });
  for (const { ours } of normSites(table))
    for (const name of parameterNames(ours))
      start.set(name, {
        shape: [table.student.residual],
        data: Float32Array.from({ length: table.student.residual }, () => (name === ours.weight ? 1 : 0) + 0.1 * random.normal()),
      });
  return start;
}

const expectClose = (a: ReadonlyMap<string, Float32Array>, b: ReadonlyMap<string, Float32Array>, tolerance: number): void => {
  expect(a.size).toBe(b.size);
  for (const [name, values] of b)
    // Softmax does not see the key bias: rounding stands there.
    if (!name.endsWith('key.bias')) expect(relativeError(a.get(name) ?? [], values), name).toBeLessThan(tolerance);
};

describe.each(ENGINES)('merged, applied and counted forms on $name', ({ name: engineName, create }) => {
  // float64 on the reference engine; elsewhere both sides carry float32 rounding, and large scores amplify it.
  const [logitTolerance, gradientTolerance] = engineName === 'reference' ? [1e-6, 1e-6] : [1e-5, 5e-4];
  let engine: Engine;
  beforeAll(async () => {
    engine = await create();
  });
  afterAll(() => engine.dispose());

  test.each(['merged', 'applied', 'counted'] as const)('%s: logits and gradients are those of PyTorch', async (meeting) => {
    const { logits, gradients } = await runForm(engine, teacher, half, teacher.tensors, golden('wid-compactors').tensors, meeting);
    expect(relativeError(logits, goldenTensor(golden('wid-forward'), 'logits').data)).toBeLessThan(1e-5);
    let compared = 0;
    for (const [name, tensor] of golden('wid-gradients').tensors) {
      const wanted = blocksOf(tensor, compactorShapes(half).get(name) ?? []).data;
      expect(relativeError(gradients.get(name) ?? [], wanted), name).toBeLessThan(1e-4);
      compared++;
    }
    for (const [name, tensor] of golden('wid-teacher-gradients').tensors) {
      if (name.endsWith('key.bias')) continue;
      expect(relativeError(gradients.get(frozenName(name)) ?? [], tensor.data), name).toBeLessThan(1e-4);
      compared++;
    }
    // Every compactor, LayerNorm and teacher tensor that the merge reads but the three key biases.
    expect(compared).toBe(gradients.size - 3);
  });

  test.each([
    ['tied', { residual: 16, heads: 4, headSize: 4, inner: 24, layers: 3 }, true],
    ['of an untied teacher, tied', { residual: 16, heads: 4, headSize: 4, inner: 24, layers: 3 }, true, untiedTeacher()],
    ['of an untied teacher', { residual: 16, heads: 4, headSize: 4, inner: 24, layers: 3 }, false, untiedTeacher()],
    ['whole heads', { residual: 16, heads: 2, headSize: 8, inner: 24, layers: 3 }, false],
    ['whole heads and their dimensions', { residual: 12, heads: 3, headSize: 4, inner: 20, layers: 2 }, false],
  ] as const)(
    '%s: the merged form, the applied one and the student are one function',
    async (_, student, tied, of: BertModel = teacher) => {
      const table = spaceTable(spaces, student, tied, 'last');
      const lists = student.heads === 4 ? [] : table.layerMap.map((layer) => [layer, [0, 2, 3].slice(-student.heads)] as const);
      const theirs = keepHeads(blueprintOf(teacher.config), of.tensors, spaces.headSize, new Map(lists));
      const start = randomStart(table);
      const merged = await runForm(engine, of, table, theirs, start, 'merged');
      // A student's weights are float32 on every engine.
      const reparameterised = await mergeStudent(engine, of, theirs, table, start);
      expect(relativeError(await plainLogits(engine, reparameterised), merged.logits)).toBeLessThan(1e-5);
      for (const meeting of ['applied', 'counted'] as const) {
        const other = await runForm(engine, of, table, theirs, start, meeting);
        expect(relativeError(other.logits, merged.logits)).toBeLessThan(logitTolerance);
        expectClose(other.gradients, merged.gradients, gradientTolerance);
      }
    },
  );

  test('mixtures of layers: one-hot ones change nothing, others merge exactly', async () => {
    const student = { residual: 16, heads: 4, headSize: 4, inner: 24, layers: 2 };
    const [plain, mixed] = [spaceTable(spaces, student, false, 'last'), spaceTable(spaces, student, false, 'last', true)];
    const start = randomStart(plain);
    const alone = await runForm(engine, teacher, plain, teacher.tensors, start, 'merged');
    const oneHot: NamedTensors = new Map([...start, ...oneHotMixtures(mixed)]);
    const same = await runForm(engine, teacher, mixed, teacher.tensors, oneHot, 'merged');
    expect(relativeError(same.logits, alone.logits)).toBeLessThan(logitTolerance);
    const free = randomStart(mixed);
    const merged = await runForm(engine, teacher, mixed, teacher.tensors, free, 'merged');
    const applied = await runForm(engine, teacher, mixed, teacher.tensors, free, 'applied');
    const reparameterised = await mergeStudent(engine, teacher, teacher.tensors, mixed, free);
    expect(relativeError(await plainLogits(engine, reparameterised), applied.logits)).toBeLessThan(1e-5);
    expect(relativeError(merged.logits, same.logits)).toBeGreaterThan(0.01);
    expect(relativeError(applied.logits, merged.logits)).toBeLessThan(logitTolerance);
    expectClose(applied.gradients, merged.gradients, gradientTolerance);
    expect(Math.max(...(merged.gradients.get('layer.0.mixture') ?? []).map(Math.abs))).toBeGreaterThan(0);
  });
});

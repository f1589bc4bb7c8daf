import { describe, expect, test } from 'vitest';
import { ReferenceEngine } from '../../../src/engines/reference/referenceEngine.ts';
import { encodeStudentOnnx } from '../../../src/export/onnxStudent.ts';
import { readOnnxGraph } from '../../../src/formats/onnx/onnxGraph.ts';
import { verifyOnnx } from '../../../src/studio/verification/onnxVerification.ts';
import { openBytes } from '../../../src/tensor/byteSource.ts';
import { givenTeacher, variant } from './exportFixture.ts';

const { tokenizer } = givenTeacher();

// The golden weights are random, so rounding errors do not average out as in a trained model.
describe.each([true, false])('tied %s', (tieWordEmbeddings) => {
  const model = variant({ tieWordEmbeddings });
  test.each([
    ['int8', 1e-2, 0.5],
    ['fp16', 1e-4, 1e-2],
  ] as const)('%s runs in onnxruntime-web, near the engine but not equal to it', async (precision, least, most) => {
    const onnx = encodeStudentOnnx(model, 'golden', {}, precision);
    const checks = await verifyOnnx(new ReferenceEngine(), model, onnx, tokenizer, () => Promise.resolve());
    const worst = Math.max(...checks.map(({ relative }) => relative));
    expect(worst).toBeGreaterThan(least);
    expect(worst).toBeLessThan(most);
  });
});

test.each([
  ['fp32', 4],
  ['fp16', 2],
  ['int8', 1],
] as const)('%s holds a tied table once', async (precision, bytes) => {
  const matrices = async (tieWordEmbeddings: boolean): Promise<number> => {
    const file = encodeStudentOnnx(variant({ tieWordEmbeddings }), 'golden', {}, precision);
    const { initializers } = await readOnnxGraph(openBytes(file));
    const places = [...initializers].filter(([name, { shape }]) => shape.length === 2 && !name.endsWith('position_ids'));
    return places.reduce((sum, [, { place }]) => sum + (place?.end ?? 0) - (place?.start ?? 0), 0);
  };
  const { vocabSize, hiddenSize } = variant({}).config;
  expect((await matrices(false)) - (await matrices(true))).toBe(bytes * vocabSize * hiddenSize);
});

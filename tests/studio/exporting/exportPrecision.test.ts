import { describe, expect, test } from 'vitest';
import { ReferenceEngine } from '../../../src/engines/reference/referenceEngine.ts';
import { encodeStudentOnnx } from '../../../src/export/onnxStudent.ts';
import { verifyOnnx } from '../../../src/studio/verification/onnxVerification.ts';
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
] as const)('%s holds a tied table once', (precision, bytes) => {
  const size = (tieWordEmbeddings: boolean): number => encodeStudentOnnx(variant({ tieWordEmbeddings }), 'golden', {}, precision).length;
  const { vocabSize, hiddenSize } = variant({}).config;
  expect(size(false) - size(true)).toBeGreaterThanOrEqual(bytes * vocabSize * hiddenSize);
});

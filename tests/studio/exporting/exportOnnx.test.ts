import { describe, expect, test } from 'vitest';
import { ReferenceEngine } from '../../../src/engines/reference/referenceEngine.ts';
import { encodeStudentOnnx } from '../../../src/export/onnxStudent.ts';
import { openOnnx } from '../../../src/studio/verification/onnxRuntime.ts';
import { verifyOnnx } from '../../../src/studio/verification/onnxVerification.ts';
import { BATCH, SEQUENCE } from '../../golden/batch.ts';
import { golden, goldenBatch, goldenTeacher, goldenTensor } from '../../golden/load.ts';
import { relativeError } from '../../../src/engines/conformance/relativeError.ts';
import { givenTeacher, variant } from './exportFixture.ts';

const { tokenizer } = givenTeacher();
const variants = (['gelu', 'gelu_new', 'gelu_pytorch_tanh', 'relu'] as const).flatMap((hiddenAct) =>
  [true, false].map((tieWordEmbeddings) => ({ hiddenAct, tieWordEmbeddings })),
);

describe('onnxruntime-web and the reference engine agree at batch 1 and 3, lengths 1, 7 and the maximum', () => {
  test.each(variants)('$hiddenAct, tied $tieWordEmbeddings', async (change) => {
    const model = variant(change);
    const checks = await verifyOnnx(new ReferenceEngine(), model, encodeStudentOnnx(model, 'golden', {}), tokenizer, () =>
      Promise.resolve(),
    );
    expect(checks.map(({ batch, length }) => [batch, length])).toEqual([1, 3].flatMap((b) => [1, 7, 40].map((l) => [b, l])));
    for (const { relative } of checks) expect(relative).toBeLessThan(1e-4);
  });
});

test('a file with another activation is told apart', async () => {
  const onnx = encodeStudentOnnx(variant({ hiddenAct: 'relu' }), 'golden', {});
  const checks = await verifyOnnx(new ReferenceEngine(), variant({ hiddenAct: 'gelu' }), onnx, tokenizer, () => Promise.resolve());
  expect(Math.max(...checks.map(({ relative }) => relative))).toBeGreaterThan(1e-3);
});

test("logits equal PyTorch's on a padded batch with two segments", async () => {
  const runtime = await openOnnx(encodeStudentOnnx(goldenTeacher(), 'golden', {}));
  const { inputIds, attention, typeIds } = goldenBatch();
  const logits = await runtime.logits(inputIds, attention, BATCH, SEQUENCE, typeIds);
  await runtime.close();
  const expected = goldenTensor(golden('teacher-forward'), 'logits').data;
  const real = [...attention.keys()].filter((i) => attention[i] === 1);
  const vocabulary = expected.length / attention.length;
  const rows = (values: Float32Array): number[] => real.flatMap((i) => Array.from(values.subarray(i * vocabulary, (i + 1) * vocabulary)));
  expect(relativeError(rows(logits), rows(expected))).toBeLessThan(1e-5);
});

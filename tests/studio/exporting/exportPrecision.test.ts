import { describe, expect, test } from 'vitest';
import { ReferenceEngine } from '../../../src/engines/reference/referenceEngine.ts';
import { encodeStudentOnnx } from '../../../src/export/onnxStudent.ts';
import { BLOCK, quantizeBlocks } from '../../../src/export/quantize.ts';
import type { BertModel } from '../../../src/models/model.ts';
import { readOnnxGraph } from '../../../src/formats/onnx/onnxGraph.ts';
import { TOLERANCES, verifyOnnx } from '../../../src/studio/verification/onnxVerification.ts';
import { openBytes } from '../../../src/tensor/byteSource.ts';
import { givenTeacher, variant } from './exportFixture.ts';

const { tokenizer } = givenTeacher();

// The golden weights are random, so rounding errors do not average out as in a trained model.
describe.each([true, false])('tied %s', (tieWordEmbeddings) => {
  const model = variant({ tieWordEmbeddings });
  test.each([
    ['int8', 1e-2, 0.5],
    ['fp16', 1e-4, 1e-2],
    ['q4', 1e-2, 5],
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
  // Of 32 columns, one block a row.
  ['q4', 0.5],
] as const)('%s holds a tied table once', async (precision, bytes) => {
  const matrices = async (tieWordEmbeddings: boolean): Promise<number> => {
    const file = encodeStudentOnnx(variant({ tieWordEmbeddings }), 'golden', {}, precision);
    const { initializers } = await readOnnxGraph(openBytes(file));
    const places = [...initializers].filter(
      ([name, { shape }]) => shape.length >= 2 && !name.endsWith('_scales') && !name.endsWith('position_ids'),
    );
    return places.reduce((sum, [, { place }]) => sum + (place?.end ?? 0) - (place?.start ?? 0), 0);
  };
  const { vocabSize, hiddenSize } = variant({}).config;
  expect((await matrices(false)) - (await matrices(true))).toBe(bytes * vocabSize * hiddenSize);
});

/** A model whose matrices are what their nibbles stand for. */
function inNibbles(model: BertModel): BertModel {
  const tensors = [...model.tensors].map(([name, tensor]) => {
    const [rows = 1, columns = 0] = tensor.shape;
    if (tensor.shape.length < 2) return [name, tensor] as const;
    const { values, scales, blocks } = quantizeBlocks(tensor.data, rows);
    const data = tensor.data.map((_, i) => {
      const at = Math.floor(i / columns) * blocks * BLOCK + (i % columns);
      const byte = values[at >> 1] ?? Number.NaN;
      return (scales[Math.floor(at / BLOCK)] ?? Number.NaN) * ((at % 2 === 0 ? byte & 15 : byte >> 4) - 8);
    });
    return [name, { ...tensor, data }] as const;
  });
  return { ...model, tensors: new Map(tensors) };
}

test.each([
  ['tied', {}],
  ['untied', { tieWordEmbeddings: false }],
])('q4 computes with the numbers that its nibbles stand for, as float32 does: %s', async (_, config) => {
  const model = variant(config);
  const onnx = encodeStudentOnnx(model, 'golden', {}, 'q4');
  const checks = await verifyOnnx(new ReferenceEngine(), inNibbles(model), onnx, tokenizer, () => Promise.resolve());
  for (const { relative } of checks) expect(relative).toBeLessThan(TOLERANCES.fp32.most);
});

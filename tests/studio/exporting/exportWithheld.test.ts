import { unzipSync } from 'fflate';
import { describe, expect, test, vi } from 'vitest';
import type { Engine } from '../../../src/engines/engine.ts';
import { ReferenceEngine } from '../../../src/engines/reference/referenceEngine.ts';
import type { BertModel } from '../../../src/models/model.ts';
import { writeOnnx } from '../../../src/export/onnxStudent.ts';
import { quantizeRows } from '../../../src/export/quantize.ts';
import type { OnnxCheck } from '../../../src/studio/api/exporting.ts';
import { openOnnx } from '../../../src/studio/verification/onnxRuntime.ts';
import { OnnxJudge, TOLERANCES } from '../../../src/studio/verification/onnxVerification.ts';
import { exportStudent } from '../../../src/studio/exporting/studentExport.ts';
import type { StudioEvent } from '../../../src/studio/api/run.ts';
import { finishedWith, givenTeacher, variant } from './exportFixture.ts';

const { tokenizer } = givenTeacher();
const quiet = (): Promise<void> => Promise.resolve();

/** Where a tensor's bytes lie in a file, by the bytes themselves. */
function offsetOf(file: Uint8Array, data: Float32Array): number {
  const at = Buffer.from(file.buffer, file.byteOffset, file.length).indexOf(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  if (at < 0) throw new Error('the file does not hold this tensor');
  return at;
}

/** A tensor's numbers as the file holds them: a product's weight [out, in] as [in, out]. */
function held({ tensors }: BertModel, name: string): Float32Array {
  const { data, shape } = tensors.get(name) ?? { data: new Float32Array(0), shape: [] };
  const [rows = 0, columns = 0] = shape;
  if (shape.length < 2 || name.includes('embeddings')) return data;
  return Float32Array.from(data, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)] ?? Number.NaN);
}

const places: readonly (readonly [tensor: string, node: string])[] = [
  ['bert.embeddings.position_embeddings.weight', '/bert/embeddings/LayerNorm'],
  ['bert.encoder.layer.0.attention.self.key.weight', '/bert/encoder/layer.0/attention/self/key/Add'],
  ['bert.encoder.layer.1.attention.output.LayerNorm.weight', '/bert/encoder/layer.1/attention/output/LayerNorm'],
  ['bert.encoder.layer.2.intermediate.dense.weight', '/bert/encoder/layer.2/intermediate/dense/Add'],
  ['bert.encoder.layer.2.output.dense.weight', '/bert/encoder/layer.2/output/dense/Add'],
  ['cls.predictions.transform.dense.weight', '/cls/predictions/transform/LayerNorm'],
  ['cls.predictions.bias', '/cls/predictions/decoder/Add'],
];

describe('a file with one changed weight is told apart, and the first node that differs is named', () => {
  test.each(places)('%s', async (tensor, node) => {
    const model = variant({});
    const file = writeOnnx(model, 'golden', {});
    const data = held(model, tensor);
    const view = new DataView(file.model.buffer, file.model.byteOffset + offsetOf(file.model, data));
    view.setFloat32(0, (data[0] ?? 0) + 0.5, true);
    const judge = await OnnxJudge.create(new ReferenceEngine(), model, tokenizer, undefined, false, quiet);
    const runtime = await openOnnx(file);
    const checked = await judge.check(runtime, quiet);
    await runtime.close();
    expect(Math.max(...checked.map(({ relative }) => relative))).toBeGreaterThan(1e-4);
    expect(await judge.firstDifference(file, '', checked, TOLERANCES.fp32)).toBe(node);
  });
});

test('in the form with attentions too, whose softmax leaves under another name', async () => {
  const model = variant({});
  const file = writeOnnx(model, 'golden', {}, { attentions: true });
  const judge = await OnnxJudge.create(new ReferenceEngine(), model, tokenizer, undefined, true, quiet);
  const scale = Float32Array.of(Math.sqrt(model.config.hiddenSize / model.config.heads));
  new DataView(file.model.buffer, file.model.byteOffset + offsetOf(file.model, scale)).setFloat32(0, 2 * (scale[0] ?? 0), true);
  const runtime = await openOnnx(file);
  const checked = await judge.check(runtime, quiet);
  await runtime.close();
  expect(await judge.firstDifference(file, '', checked, TOLERANCES.fp32, true)).toBe('/bert/encoder/layer.0/attention/self/Softmax');
});

test('in int8, judged by the same measure as the file', async () => {
  const model = variant({});
  const file = writeOnnx(model, 'golden', {}, { precision: 'int8' });
  const judge = await OnnxJudge.create(new ReferenceEngine(), model, tokenizer, undefined, false, quiet);
  const check = async (): Promise<OnnxCheck[]> => {
    const runtime = await openOnnx(file);
    const checked = await judge.check(runtime, quiet);
    await runtime.close();
    return checked;
  };
  expect(Math.max(...(await check()).map(({ rms }) => rms))).toBeLessThan(TOLERANCES.int8.most);
  const { data, shape } = model.tensors.get('bert.encoder.layer.1.intermediate.dense.weight') ?? { data: new Float32Array(0), shape: [] };
  const { scales } = quantizeRows(data, shape[0] ?? 0, true);
  const view = new DataView(file.model.buffer, file.model.byteOffset + offsetOf(file.model, scales));
  for (const [row, scale] of scales.entries()) view.setFloat32(4 * row, -20 * scale, true);
  const checked = await check();
  expect(Math.max(...checked.map(({ rms }) => rms))).toBeGreaterThan(TOLERANCES.int8.most);
  expect(await judge.firstDifference(file, '', checked, TOLERANCES.int8)).toBe('/bert/encoder/layer.1/intermediate/dense/Add');
});

/** The reference engine with one weight read wrongly, as if it or the exporter had a fault. */
function faultyEngine(tensor: string): Engine {
  const inner = new ReferenceEngine();
  return {
    limits: inner.limits,
    planOptions: inner.planOptions,
    describe: () => inner.describe(),
    dispose: () => inner.dispose(),
    compile: async (plan) => {
      const program = await inner.compile(plan);
      return {
        ahead: program.ahead,
        write: (name, data) => program.write(name, name === tensor ? data.map((x) => x + 0.05) : data),
        run: () => program.run(),
        read: (name) => program.read(name),
        readIntegers: (name) => program.readIntegers(name),
        dispose: () => program.dispose(),
      };
    },
  };
}

test('a file that differs is left out and said to be, the rest of the folder is written', async () => {
  const events: StudioEvent[] = [];
  const engine = faultyEngine('bert.encoder.layer.1.attention.self.value.weight');
  const options = { int8: false, fp16: true, attentions: true, latency: false };
  const run = finishedWith(variant({}));
  const { onnx, zip, files } = await exportStudent(engine, givenTeacher(), run, 'faulty', (event) => events.push(event), options);
  const [full, half, inside] = onnx;
  expect(full?.withheld).toMatch(
    /^onnxruntime-web differs from the engine by .*\(relative\), more than 0\.0001\. It starts at the node \/bert\/encoder\/layer\.1\/attention\/self\/value\/Add\.$/,
  );
  expect(half?.withheld).toMatch(/more than 0\.02\. It starts at the node/);
  expect(inside?.withheld).toBe(full?.withheld);
  expect(events.filter(({ kind }) => kind === 'onnxFile')).toHaveLength(3);
  const paths = files.map(({ path }) => path);
  expect(paths.filter((path) => path.startsWith('onnx/'))).toEqual([]);
  expect(paths).toContain('model.safetensors');
  const written = unzipSync(new Uint8Array(await zip.arrayBuffer()));
  expect(new TextDecoder().decode(written['faulty/README.md'])).toContain('`onnx/model.onnx` is withheld: onnxruntime-web differs');
});

test.each([
  ['firstDifference', /more than 0\.0001\. The search for the node where it starts failed: memory access out of bounds$/],
  ['check', /^onnxruntime-web fails at it: memory access out of bounds$/],
] as const)('where onnxruntime-web itself fails in %s, the file is withheld and the rest leaves', async (method, sentence) => {
  const fault = vi.spyOn(OnnxJudge.prototype, method).mockRejectedValue(new Error('memory access out of bounds'));
  try {
    const engine = faultyEngine('bert.encoder.layer.1.attention.self.value.weight');
    const options = { int8: false, latency: false };
    const { onnx, files } = await exportStudent(engine, givenTeacher(), finishedWith(variant({})), 'faulty', () => undefined, options);
    expect(fault).toHaveBeenCalled();
    expect(onnx[0]?.withheld).toMatch(sentence);
    expect(files.map(({ path }) => path)).toContain('model.safetensors');
  } finally {
    fault.mockRestore();
  }
});

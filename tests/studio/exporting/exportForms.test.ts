import { readFileSync } from 'node:fs';
import { unzipSync } from 'fflate';
import { expect, test } from 'vitest';
import { ReferenceEngine } from '../../../src/engines/reference/referenceEngine.ts';
import { WasmEngine } from '../../../src/engines/wasm/wasmEngine.ts';
import { writeOnnx } from '../../../src/export/onnxStudent.ts';
import { readSafetensors } from '../../../src/formats/safetensors.ts';
import { streamZip } from '../../../src/formats/zipStream.ts';
import { readOnnxGraph } from '../../../src/formats/onnx/onnxGraph.ts';
import { exportFolder } from '../../../src/studio/exporting/exportFolder.ts';
import { openOnnx } from '../../../src/studio/verification/onnxRuntime.ts';
import { OnnxJudge, TOLERANCES } from '../../../src/studio/verification/onnxVerification.ts';
import { exportStudent, studentJob } from '../../../src/studio/exporting/studentExport.ts';
import { licenceOf } from '../../../src/studio/teacher/teacherLicence.ts';
import { engineAnswer } from '../../../src/studio/verification/engineAnswer.ts';
import { measureLatency, quantile } from '../../../src/studio/verification/latency.ts';
import { textBatch, verificationTokens } from '../../../src/studio/verification/textBatch.ts';
import { STUDIO_VERSION } from '../../../src/studio/version.ts';
import { openBytes } from '../../../src/tensor/byteSource.ts';
import { floatToHalf, halfToFloat } from '../../../src/tensor/float16.ts';
import { sizeOf } from '../../../src/tensor/shape.ts';
import { finishedWith, givenTeacher, variant } from './exportFixture.ts';

const quiet = (): Promise<void> => Promise.resolve();
const silent = (): undefined => undefined;
const fast = { int8: false, latency: false } as const;
const teacher = givenTeacher();

test('weights over the limit lie beside the model, and the runtimes are told', async () => {
  const job = studentJob(new ReferenceEngine(), teacher, finishedWith(variant({})), 'beside');
  const { zip, onnx, files } = await exportFolder(job, silent, { latency: false }, { dataLimit: 60_000 });
  expect(onnx.map(({ withheld }) => withheld)).toEqual([null, null]);
  const paths = files.map(({ path }) => path).filter((path) => path.startsWith('onnx/'));
  // In bytes the model is below the limit, and one file.
  expect(paths).toEqual(['onnx/model.onnx', 'onnx/model.onnx_data', 'onnx/model_quantized.onnx']);
  const size = (path: string): number => files.find((file) => file.path === path)?.bytes ?? 0;
  expect(onnx[0]?.bytes).toBe(size('onnx/model.onnx') + size('onnx/model.onnx_data'));
  const written = unzipSync(new Uint8Array(await zip.arrayBuffer()));
  const { initializers } = await readOnnxGraph(openBytes(written['beside/onnx/model.onnx'] ?? new Uint8Array()));
  const large = [...initializers.values()].filter(({ shape }) => 4 * sizeOf(shape) >= 1024);
  expect(large.length).toBeGreaterThan(20);
  for (const { place } of large) expect(place?.file).toBe('model.onnx_data');
  expect(JSON.parse(new TextDecoder().decode(written['beside/config.json']))).toMatchObject({
    'transformers.js_config': { use_external_data_format: { 'model.onnx': 1 } },
  });
});

test('the variant for looking inside gives the attentions of the engine', async () => {
  const model = variant({});
  const judge = await OnnxJudge.create(new ReferenceEngine(), model, teacher.tokenizer, undefined, true, quiet);
  const runtime = await openOnnx(writeOnnx(model, 'golden', {}, { attentions: true }));
  const batch = textBatch(verificationTokens(teacher.tokenizer, undefined), teacher.tokenizer, 2, 9, 2);
  const outputs = await runtime.run(batch);
  expect([...outputs.keys()]).toEqual(['logits', 'attentions.0', 'attentions.1', 'attentions.2']);
  const maps = outputs.get('attentions.1') ?? new Float32Array(0);
  expect(maps).toHaveLength(2 * 4 * 9 * 9);
  for (let row = 0; row < maps.length; row += 9) expect(maps.subarray(row, row + 9).reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
  for (const { relative } of await judge.check(runtime, quiet)) expect(relative).toBeLessThan(1e-4);
  await runtime.close();
});

test('half precision rounds the checkpoint once, and refuses a weight that it cannot hold', async () => {
  const model = variant({});
  const { zip } = await exportStudent(new ReferenceEngine(), teacher, finishedWith(model), 'half', silent, { ...fast, weights: 'fp16' });
  const { tensors } = readSafetensors(unzipSync(new Uint8Array(await zip.arrayBuffer()))['half/model.safetensors'] ?? new Uint8Array());
  for (const [name, { data }] of model.tensors) expect(tensors.get(name)?.data).toEqual(data.map((x) => halfToFloat(floatToHalf(x))));

  const name = 'bert.encoder.layer.1.output.dense.weight';
  const large = model.tensors.get(name);
  if (large === undefined) throw new Error('the golden model has this weight');
  const data = large.data.slice();
  data[5] = 70_000;
  const broken = { ...model, tensors: new Map([...model.tensors, [name, { ...large, data }]]) };
  await expect(
    exportStudent(new ReferenceEngine(), teacher, finishedWith(broken), 'half', silent, { ...fast, weights: 'fp16' }),
  ).rejects.toThrow(`export: ${name} — expected weights of at most 65504 for half precision, got 70000. Export model.safetensors in fp32.`);
});

test('an ONNX file whose halves overflow is withheld', async () => {
  const model = variant({});
  const name = 'bert.encoder.layer.1.output.dense.weight';
  const tensors = new Map(model.tensors);
  const weight = tensors.get(name);
  if (weight === undefined) throw new Error('the golden model has this weight');
  tensors.set(name, { ...weight, data: weight.data.map((x, i) => (i === 5 ? 70_000 : x)) });
  const { onnx } = await exportStudent(new ReferenceEngine(), teacher, finishedWith({ ...model, tensors }), 'half', silent, {
    ...fast,
    fp16: true,
  });
  expect(onnx.map(({ withheld }) => withheld === null)).toEqual([true, false]);
  expect(onnx[1]?.withheld).toContain(`/bert/encoder/layer.1/output/dense/Add`);
});

test('text for verification is text: running tokens, masks, two segments, padding in all sequences but the first', () => {
  const { tokenizer } = teacher;
  const { ids, attention, types } = textBatch(verificationTokens(tokenizer, undefined), tokenizer, 3, 16, 2);
  const row = (values: ArrayLike<number>, at: number): number[] => Array.from(values).slice(16 * at, 16 * at + 16);
  expect(row(attention, 0)).toEqual(Array.from({ length: 16 }, () => 1));
  for (const at of [1, 2]) {
    const used = row(attention, at).lastIndexOf(1) + 1;
    expect(used).toBe(16 - 4 * at);
    expect(row(ids, at)[0]).toBe(tokenizer.special.classify);
    expect(row(ids, at)[used - 1]).toBe(tokenizer.special.separate);
    expect(row(ids, at).slice(used)).toEqual(Array.from({ length: 16 - used }, () => tokenizer.special.pad));
    expect(row(types, at).slice(used)).toEqual(Array.from({ length: 16 - used }, () => 0));
  }
  expect(ids).toContain(tokenizer.special.mask);
  expect(new Set(row(types, 0))).toEqual(new Set([0, 1]));
});

test('latency is timed file by file in turn, after warm-up', async () => {
  const calls: string[] = [];
  let now = 0;
  const file = (name: string, milliseconds: number): Parameters<typeof measureLatency>[0][number] => ({
    run: () => {
      calls.push(name);
      now += milliseconds;
      return Promise.resolve(new Map());
    },
    logits: () => Promise.reject(new Error('not asked for')),
    close: () => Promise.resolve(),
  });
  const batch = textBatch(verificationTokens(teacher.tokenizer, undefined), teacher.tokenizer, 1, 8, 1);
  const [student, other] = await measureLatency([file('student', 100), file('teacher', 300)], batch, quiet, () => now);
  expect(calls.slice(0, 4)).toEqual(['student', 'teacher', 'student', 'teacher']);
  // Four seconds of the slower file are enough.
  expect(student).toEqual({ batch: 1, length: 8, runs: 14, median: 100, p95: 100 });
  expect(other).toEqual({ batch: 1, length: 8, runs: 14, median: 300, p95: 300 });
  expect(quantile([5, 1, 4, 2, 3], 0.5)).toBe(3);
  expect(
    quantile(
      Array.from({ length: 100 }, (_, i) => i + 1),
      0.95,
    ),
  ).toBe(95);
});

test('a licence is taken from a model card header alone, and only as an identifier', () => {
  expect(licenceOf('---\nlicense: mit\n---\n')).toBe('mit');
  expect(licenceOf('---\r\ntags: [a]\r\nlicense: "cc-by-4.0"\r\n---\r\n')).toBe('cc-by-4.0');
  expect(licenceOf('# Title\nlicense: mit\n')).toBeUndefined();
  expect(licenceOf('---\nlicense: mit\\n---\\nevil: yes\n---\n')).toBeUndefined();
  expect(licenceOf(undefined)).toBeUndefined();
});

test('a zip is made file by file, and a failure on the way reaches the caller', async () => {
  const order: string[] = [];
  const files = async function* (): AsyncGenerator<{ path: string; pieces: Iterable<Uint8Array> }> {
    for (const path of ['a', 'b']) {
      order.push(`${path} asked`);
      yield {
        path,
        pieces: (function* () {
          order.push(`${path} read`);
          yield new Uint8Array(3);
        })(),
      };
    }
    await Promise.reject(new Error('no third file'));
  };
  await expect(streamZip('top', files())).rejects.toThrow('no third file');
  expect(order).toEqual(['a asked', 'a read', 'b asked', 'b read']);
});

test('tolerances and version are what the documents say', () => {
  expect(TOLERANCES).toEqual({
    fp32: { measure: 'relative', most: 1e-4 },
    fp16: { measure: 'relative', most: 2e-2 },
    int8: { measure: 'rms', most: 0.25 },
    q4: { measure: 'rms', most: 0.5 },
  });
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  expect(manifest).toMatchObject({ version: STUDIO_VERSION });
});

test('logits of many positions are computed some rows at a time, the last of them fewer', async () => {
  const { model, tokenizer } = teacher;
  // A vocabulary of 65,536 makes 256 rows of 64 MiB; 7 x 40 positions leave 24 for the second pass.
  const wide = { ...model.config, vocabSize: 65_536 };
  const tensors = new Map(
    [...model.tensors].map(([name, { shape, data }]) => {
      if (shape[0] !== model.config.vocabSize) return [name, { shape, data }] as const;
      const grown = new Float32Array((data.length / model.config.vocabSize) * wide.vocabSize);
      grown.set(data);
      return [name, { shape: [wide.vocabSize, ...shape.slice(1)], data: grown }] as const;
    }),
  );
  const engine = await WasmEngine.create(1);
  const batch = textBatch(verificationTokens(tokenizer, undefined), tokenizer, 7, 40, 2);
  const small = (await engineAnswer(engine, model, batch, 'answer')).get('logits') ?? new Float32Array(0);
  const large = (await engineAnswer(engine, { config: wide, tensors }, batch, 'answer')).get('logits') ?? new Float32Array(0);
  expect(large).toHaveLength(280 * wide.vocabSize);
  for (let row = 0; row < 280; row++)
    for (let token = 0; token < 61; token++) {
      const gap = Math.abs((small[row * 61 + token] ?? 0) - (large[row * wide.vocabSize + token] ?? Number.NaN));
      if (!(gap < 1e-5)) throw new Error(`row ${row}, token ${token}: ${gap}`);
    }
  engine.dispose();
});

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { configToJson } from '../../src/models/config.ts';
import type { BertModel } from '../../src/models/model.ts';
import { encodeStudentOnnx } from '../../src/export/onnxStudent.ts';
import type { OnnxPrecision } from '../../src/export/onnxWeights.ts';
import { readOnnxGraph } from '../../src/formats/onnx/onnxGraph.ts';
import type { GivenFile } from '../../src/studio/api/files.ts';
import { readTeacher } from '../../src/studio/teacher/teacher.ts';
import { openBytes } from '../../src/tensor/byteSource.ts';
import { goldenTeacher } from '../golden/load.ts';
import { relativeError } from '../../src/engines/conformance/relativeError.ts';
import { variant } from '../studio/exporting/exportFixture.ts';

function folder(name: string): { path: string; bytes: Uint8Array }[] {
  const at = new URL(`../golden/checkpoints/${name}/`, import.meta.url);
  return readdirSync(at).map((path) => ({ path, bytes: new Uint8Array(readFileSync(new URL(path, at))) }));
}

const wanted = goldenTeacher();
const encoder = new Map([...wanted.tensors].filter(([name]) => name.startsWith('bert.')));

describe("PyTorch's exports of the golden teacher come back to its tensors", () => {
  test.each([
    ['onnx-torchscript', wanted.tensors],
    // The same with nodes that only count, as PyTorch before 1.13 named them: biases alone tell which layer is which.
    ['onnx-anonymous', wanted.tensors],
    // The exporter of PyTorch 2.5 and newer; weights in a file beside the model, the tied table under the decoder's name.
    ['onnx-dynamo', wanted.tensors],
    ['onnx-qa', encoder],
  ])('%s', async (name, tensors) => {
    const { model, head } = await readTeacher(name, folder(name));
    expect(head).toBe(tensors === encoder ? 'none' : 'mlm');
    expect(model.tensors).toEqual(tensors);
  });

  test('an untrained model, of whose equal tensors one is stored', async () => {
    const at = folder('../onnx-merged');
    const [stored, exported] = await Promise.all(
      ['model.onnx', 'model.safetensors'].map(async (other) =>
        readTeacher(
          'x',
          at.filter(({ path }) => path !== other),
        ),
      ),
    );
    expect(exported?.model).toEqual(stored?.model);
    expect(exported?.model.tensors.size).toBe(42);
  });

  test('says where a weight without a name came from', async () => {
    const { report } = await readTeacher('x', folder('onnx-torchscript'));
    const query = report.tensors.find(({ as }) => as === 'bert.encoder.layer.0.attention.self.query.weight');
    expect(query).toMatchObject({ name: 'onnx::MatMul_512', use: 'used', dtype: 'F32' });
  });

  test('a head for questions is named, and not carried over', async () => {
    const { report } = await readTeacher('x', folder('onnx-qa'));
    expect(report.notes).toContain('The question-answering head is not carried over: the encoder alone is the teacher.');
    expect(report.tensors.find(({ name }) => name === 'qa_outputs.bias')).toMatchObject({ use: 'ignored' });
  });
});

function exported(model: BertModel, precision: OnnxPrecision): GivenFile[] {
  return [
    { path: 'student/config.json', bytes: new TextEncoder().encode(JSON.stringify(configToJson(model.config))) },
    { path: 'student/onnx/model.onnx', bytes: encodeStudentOnnx(model, 'golden', {}, precision) },
    ...folder('safetensors').filter(({ path }) => path === 'vocab.txt'),
  ];
}

describe('our own exports', () => {
  test.each([true, false])('come back bit for bit, tied %s', async (tieWordEmbeddings) => {
    const model = variant({ tieWordEmbeddings });
    const read = await readTeacher('student', exported(model, 'fp32'));
    expect(read.model).toEqual(model);
  });

  test('of before, with every weight behind a Transpose, come back too', async () => {
    const { model } = await readTeacher('x', folder('onnx-transposes'));
    expect(model).toEqual(variant({}));
  });

  test('hold weights as MatMul reads them, without the name of the untransposed one', async () => {
    const { nodes, initializers } = await readOnnxGraph(openBytes(encodeStudentOnnx(variant({ tieWordEmbeddings: false }), 'golden', {})));
    const weights = nodes
      .filter(({ type }) => type === 'MatMul')
      .flatMap(({ inputs }) => initializers.get(inputs[1] ?? '')?.shape.join() ?? []);
    expect(weights).toHaveLength(20);
    expect(weights).toContain('32,48');
    expect(weights.at(-1)).toBe('32,61');
    for (const [name, { shape }] of initializers)
      if (name.endsWith('.weight') && shape.length === 2) expect(shape).toEqual(wanted.tensors.get(name)?.shape);
    expect(initializers.has('bert.encoder.layer.0.intermediate.dense.weight')).toBe(false);
  });

  test('come back to half an ulp of half precision', async () => {
    const read = await readTeacher('student', exported(wanted, 'fp16'));
    for (const [name, { data }] of wanted.tensors)
      expect(relativeError(read.model.tensors.get(name)?.data ?? [], data), name).toBeLessThanOrEqual(2 ** -11);
  });

  test('are refused when they were quantised', async () => {
    await expect(readTeacher('student', exported(wanted, 'int8'))).rejects.toThrow(
      /MatMulInteger\) — expected floating-point weights, got quantised ones/,
    );
  });
});

describe('what cannot be read says why', () => {
  test('weights beside the model that were not given', async () => {
    const files = folder('onnx-dynamo').filter(({ path }) => path !== 'model.onnx.data');
    await expect(readTeacher('x', files)).rejects.toThrow(/expected model\.onnx\.data beside the model, got nothing/);
  });

  test('a model that is cut off', async () => {
    const files = folder('onnx-torchscript').map(({ path, bytes }) => ({
      path,
      bytes: path === 'model.onnx' ? bytes.slice(0, -1000) : bytes,
    }));
    await expect(readTeacher('x', files)).rejects.toThrow(/onnx: byte \d+ — expected a field that ends by byte/);
  });

  test('two models', async () => {
    const files = folder('onnx-torchscript').flatMap((file) =>
      file.path === 'model.onnx'
        ? [
            { ...file, path: 'a.onnx' },
            { ...file, path: 'b.onnx' },
          ]
        : [file],
    );
    await expect(readTeacher('x', files)).rejects.toThrow(/expected model\.onnx or one ONNX file, got a\.onnx, b\.onnx/);
  });
});

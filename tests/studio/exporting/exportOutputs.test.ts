import { unzipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { ReferenceEngine } from '../../../src/engines/reference/referenceEngine.ts';
import { readSafetensors } from '../../../src/formats/safetensors.ts';
import { partGiving, type Output } from '../../../src/models/outputs.ts';
import type { ExportResult } from '../../../src/studio/api/exporting.ts';
import { evaluateCheckpoints } from '../../../src/studio/comparison/evaluateCheckpoints.ts';
import { exportStudent, exportTeacher } from '../../../src/studio/exporting/studentExport.ts';
import { OUTPUTS } from '../../../src/studio/settings/outputs.ts';
import { defaultRecipe } from '../../../src/studio/recipe/recipe.ts';
import { readTeacher } from '../../../src/studio/teacher/teacher.ts';
import { engineAnswer } from '../../../src/studio/verification/engineAnswer.ts';
import { onnxInputs, openOnnx } from '../../../src/studio/verification/onnxRuntime.ts';
import { textBatch, verificationTokens } from '../../../src/studio/verification/textBatch.ts';
import { buildCorpus } from '../../../src/text/corpus.ts';
import { finishedWith, givenTeacher, variant } from './exportFixture.ts';

const silent = (): undefined => undefined;
const fast = { latency: false } as const;
const engine = new ReferenceEngine();
const teacher = givenTeacher();

async function filesOf({ name, zip }: ExportResult): Promise<ReadonlyMap<string, Uint8Array>> {
  const entries = Object.entries(unzipSync(new Uint8Array(await zip.arrayBuffer())));
  return new Map(entries.map(([path, bytes]) => [path.slice(name.length + 1), bytes]));
}

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

describe.each([true, false])('a student whose decoder is tied: %s', (tieWordEmbeddings) => {
  const model = variant({ tieWordEmbeddings });

  test('leaves as an encoder that answers with its hidden states, as it did with the head', async () => {
    const exported = await exportStudent(engine, teacher, finishedWith(model), 'encoder', silent, {
      ...fast,
      fp16: true,
      outputs: 'last_hidden_state',
    });
    expect(exported.onnx.map(({ path, output, withheld }) => [path, output, withheld])).toEqual(
      ['model', 'model_fp16', 'model_quantized'].map((name) => [`onnx/${name}.onnx`, 'last_hidden_state', null]),
    );
    const files = await filesOf(exported);
    expect(JSON.parse(text(files.get('config.json')))).toMatchObject({ architectures: ['BertModel'] });
    const names = [...readSafetensors(files.get('model.safetensors') ?? new Uint8Array()).tensors.keys()];
    expect(names.filter((name) => name.startsWith('cls.'))).toEqual([]);
    expect(names).toHaveLength([...model.tensors.keys()].filter((name) => name.startsWith('bert.')).length);
    const batch = textBatch(verificationTokens(teacher.tokenizer, undefined), teacher.tokenizer, 2, 9, 2);
    const wanted = (await engineAnswer(engine, model, batch, 'answer')).get('last_hidden_state') ?? new Float32Array();
    const runtime = await openOnnx(files.get('onnx/model.onnx') ?? new Uint8Array(), '', onnxInputs(model));
    const got = await runtime.run(batch);
    await runtime.close();
    expect([...got.keys()]).toEqual(['last_hidden_state']);
    const values = got.get('last_hidden_state') ?? new Float32Array();
    expect(values).toHaveLength(2 * 9 * model.config.hiddenSize);
    // Behind a LayerNorm with the golden weights: float32 in another order.
    for (const [i, value] of wanted.entries()) expect(Math.abs((values[i] ?? Number.NaN) - value)).toBeLessThan(1e-4);
    const card = text(files.get('README.md'));
    expect(card).toContain('pipeline_tag: feature-extraction');
    expect(card).toContain('largest difference of `last_hidden_state`');
    expect(card).toContain('The folder holds an encoder without a head for masked words');
  });

  test('the encoder is read as a teacher without a head, and not evaluated as a student', async () => {
    const exported = await exportStudent(engine, teacher, finishedWith(model), 'encoder', silent, {
      ...fast,
      int8: false,
      outputs: 'last_hidden_state',
    });
    const files = [...(await filesOf(exported))].map(([path, bytes]) => ({ path, bytes }));
    expect((await readTeacher('encoder', files)).head).toBe('none');
    const corpus = await buildCorpus(
      Array.from({ length: 40 }, (_, i) => ({ name: `${i}`, text: 'the cat is running.' })),
      teacher.tokenizer,
      { sequence: 16, seed: 1 },
    );
    const recipe = { ...defaultRecipe(teacher.report), sequence: 16 };
    await expect(evaluateCheckpoints(engine, teacher, corpus, recipe, { name: 'encoder', files })).rejects.toThrow(
      'student encoder: head — expected one for masked language modelling, got an encoder alone. Export the student with outputs logits.',
    );
  });
});

test('logits by name are what leaves by default', async () => {
  const student = finishedWith(variant({}));
  const [named, unnamed] = await Promise.all(
    [
      { ...fast, int8: false, outputs: 'logits' as const },
      { ...fast, int8: false },
    ].map(async (options) => filesOf(await exportStudent(engine, teacher, student, 'x', silent, options))),
  );
  for (const path of ['config.json', 'model.safetensors', 'onnx/model.onnx']) expect(named?.get(path)).toEqual(unnamed?.get(path));
});

test('an encoder has no logits to give', async () => {
  const encoder = { ...teacher, model: partGiving(teacher.model, 'last_hidden_state') };
  await expect(exportTeacher(engine, encoder, 'x', silent, { ...fast, outputs: 'logits' })).rejects.toThrow(
    'export: outputs — expected last_hidden_state, got logits. The model has no head for masked language modelling: leave outputs out.',
  );
});

test('the words for outputs name every one, and another name is refused by the list', () => {
  const names = OUTPUTS.map(({ name }) => name);
  for (const name of names) expect(() => partGiving(teacher.model, name)).not.toThrow();
  const options: { readonly outputs?: Output } = {};
  Reflect.set(options, 'outputs', 'pooler_output');
  expect(() => partGiving(teacher.model, options.outputs)).toThrow(
    `export: outputs — expected ${names.join(' or ')}, got "pooler_output".`,
  );
});

import { readdirSync, readFileSync } from 'node:fs';
import { zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { readSafetensors, writeSafetensors as write } from '../../../src/formats/safetensors.ts';
import { parseConfig } from '../../../src/models/config.ts';
import { readTeacher, type Teacher } from '../../../src/studio/teacher/teacher.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';

type Files = Readonly<Record<string, Uint8Array>>;

const at = new URL('../../golden/checkpoints/safetensors/', import.meta.url);
const golden: Files = Object.fromEntries(readdirSync(at).map((path) => [path, new Uint8Array(readFileSync(new URL(path, at)))]));
const writeSafetensors = (tensors: ReadonlyMap<string, Tensor>): Uint8Array => write(tensors, { format: 'pt' });
const bytes = (content: string | object): Uint8Array =>
  new TextEncoder().encode(typeof content === 'string' ? content : JSON.stringify(content));
const settings = (): object => {
  const value: unknown = JSON.parse(new TextDecoder().decode(golden['config.json']));
  return typeof value === 'object' && value !== null ? value : {};
};
const without = (...names: string[]): Files => Object.fromEntries(Object.entries(golden).filter(([name]) => !names.includes(name)));
const read = (files: Files): Promise<Teacher> =>
  readTeacher(
    'mine',
    Object.entries(files).map(([path, content]) => ({ path, bytes: content })),
  );
const weights = (): Map<string, Tensor> => new Map(readSafetensors(golden['model.safetensors'] ?? new Uint8Array()).tensors);
const under = (folder: string, files: Files): Files =>
  Object.fromEntries(Object.entries(files).map(([name, content]) => [`${folder}/${name}`, content]));
const renamed = (rename: (name: string) => string): Uint8Array =>
  writeSafetensors(new Map([...weights()].map(([name, tensor]) => [rename(name), tensor])));
const pointer = bytes(`version https://git-lfs.github.com/spec/v1\noid sha256:${'ab'.repeat(32)}\nsize 440449768\n`);
const wanted = (await read(golden)).model;
const lora = writeSafetensors(
  new Map([['base_model.model.bert.encoder.layer.0.attention.self.query.lora_A.weight', { shape: [1, 1], data: Float32Array.of(1) }]]),
);

describe('refused in the sentence that cures', () => {
  test.each<[string, Files, RegExp]>([
    [
      'weights that Git LFS has not fetched',
      { ...golden, 'model.safetensors': pointer },
      /^teacher mine: model\.safetensors — expected the file itself, got a pointer of Git LFS\. Run git lfs pull/,
    ],
    ['a tokenizer that it has not', { ...golden, 'vocab.txt': pointer }, /vocab\.txt — .* Run git lfs pull/],
    [
      "TensorFlow's checkpoint",
      { ...without('model.safetensors', 'config.json'), 'bert_config.json': bytes(settings()), 'bert_model.ckpt.index': bytes('x') },
      /got TensorFlow's weights \(bert_model\.ckpt\.index\)\. Convert them to PyTorch first: .*from_tf=True/,
    ],
    [
      "Keras's weights",
      { ...without('model.safetensors'), 'tf_model.h5': bytes('\u0089HDF') },
      /got TensorFlow's weights \(tf_model\.h5\)/,
    ],
    ["Flax's weights", { ...without('model.safetensors'), 'flax_model.msgpack': bytes('x') }, /got Flax's weights .*from_flax=True/],
    [
      'an adapter alone',
      { ...without('model.safetensors'), 'adapter_config.json': bytes({ peft_type: 'LORA' }), 'adapter_model.safetensors': lora },
      /got an adapter \(LoRA or the like\) without the model .*merge_and_unload\(\)/,
    ],
    ['an adapter alone, without a config', { 'adapter_config.json': bytes({}), 'adapter_model.safetensors': lora }, /merge_and_unload\(\)/],
    [
      'an adapter that is called a model',
      { ...golden, 'model.safetensors': lora },
      /got those of an adapter \(LoRA\) that is not merged\. .*merge_and_unload/,
    ],
    [
      "UER-py's names",
      { ...golden, 'model.safetensors': renamed((name) => name.replace('bert.embeddings.word_embeddings', 'embedding.word.embedding')) },
      /got UER-py's names .*convert_bert_from_uer_to_huggingface\.py/,
    ],
    [
      'pruned heads',
      { ...golden, 'config.json': bytes({ ...settings(), pruned_heads: { 0: [1], 2: [0] } }) },
      /pruned_heads — expected none, got heads of 2 layers/,
    ],
    [
      'ALBERT without its name',
      { ...golden, 'config.json': bytes({ ...settings(), model_type: undefined, architectures: ['AlbertModel'] }) },
      /model_type — expected "bert".*, got "albert"\. ALBERT shares one layer among all/,
    ],
    [
      'RoBERTa without any name',
      {
        ...golden,
        'config.json': bytes({ ...settings(), model_type: undefined, architectures: undefined, type_vocab_size: 1, pad_token_id: 1 }),
      },
      /model_type — expected the family, got none, .*counts positions from 2/,
    ],
    [
      "sentence-transformers' own config alone",
      { ...golden, 'config.json': bytes({ __version__: '0.2.5.1' }) },
      /config\.json — expected a model's settings .* 0_Transformer or 0_BERT/,
    ],
    [
      'SentencePiece',
      { ...without('vocab.txt'), 'spiece.model': bytes('x') },
      /got SentencePiece in its own files \(spiece\.model\)\. Write a tokenizer\.json beside them: AutoTokenizer/,
    ],
    [
      'weights that bitsandbytes has quantised',
      { ...golden, 'model.safetensors': renamed((name) => name.replace(/(layer\.0\.attention\.self\.query)\.bias/, '$1.SCB')) },
      /query\.SCB — expected a BERT's tensors.*got those of a quantised model .*dequantize\(\)/,
    ],
    [
      "PyTorch's distributed checkpoint",
      { ...without('model.safetensors'), '__0_0.distcp': bytes('x') },
      /got PyTorch's distributed checkpoint \(__0_0\.distcp\)\. Put it together first: .*dcp_to_torch/,
    ],
    ["NumPy's arrays", { ...without('model.safetensors'), 'weights.npz': zipSync({ 'a.npy': bytes('x') }) }, /got NumPy's arrays/],
    [
      'a TorchScript program',
      {
        ...without('model.safetensors'),
        'traced.pt': zipSync({ 'traced/data.pkl': bytes('x'), 'traced/constants.pkl': bytes('x'), 'traced/code/__torch__.py': bytes('x') }),
      },
      /expected a state dict, got a TorchScript program, which is not run\. Give the checkpoint/,
    ],
    [
      "DeepSpeed's parts",
      {
        ...golden,
        'model.safetensors': writeSafetensors(
          new Map([['bert.embeddings.word_embeddings.weight', { shape: [0], data: new Float32Array() }]]),
        ),
      },
      /Run its zero_to_fp32\.py/,
    ],
    [
      'a zip in a zip',
      { 'a.zip': zipSync({ 'model.zip': zipSync(golden) }) },
      /expected config\.json, got no files\. Unpack model\.zip and give what is in it/,
    ],
    ['a packed archive', { 'model.tar.gz': Uint8Array.of(0x1f, 0x8b, 8, 0) }, /got a packed archive \(model\.tar\.gz\)\. Unpack it/],
  ])('%s', async (_, files, sentence) => {
    await expect(read(files)).rejects.toThrow(sentence);
  });

  test('an ONNX file exported for one length', async () => {
    const folder = new URL('../../golden/checkpoints/onnx-torchscript/', import.meta.url);
    const files = Object.fromEntries(readdirSync(folder).map((path) => [path, new Uint8Array(readFileSync(new URL(path, folder)))]));
    // The table's name as one that nothing knows: what folding leaves of it.
    const model = Buffer.from(files['model.onnx'] ?? []);
    const name = Buffer.from('bert.embeddings.position_embeddings.weight');
    for (let found = model.indexOf(name); found >= 0; found = model.indexOf(name, found))
      model.write('onnx::Constant_'.padEnd(name.length, '7'), found);
    await expect(read({ ...files, 'model.onnx': new Uint8Array(model) })).rejects.toThrow(
      /the table of positions — expected in the ONNX file, got nothing: an export for one length folds it away\. Export the model anew/,
    );
  });
});

describe('read', () => {
  test('an adapter beside a model is named', async () => {
    const { model, report } = await read({ ...golden, 'adapter_config.json': bytes({}), 'adapter_model.safetensors': lora });
    expect(model).toEqual(wanted);
    expect(report.notes).toEqual([
      'adapter_model.safetensors is an adapter beside the model, and is not applied: the model alone is the teacher. To have it in, call merge_and_unload() in PEFT and save that.',
    ]);
  });

  test('adapters in a folder below are named', async () => {
    const { model, report } = await read({
      ...golden,
      'adapter/adapter_config.json': bytes({}),
      'adapter/adapter_model.safetensors': lora,
    });
    expect(model).toEqual(wanted);
    expect(report.notes).toEqual([expect.stringContaining('adapter_model.safetensors is an adapter beside the model')]);
  });

  test('bert_config.json beside PyTorch weights', async () => {
    expect((await read({ ...without('config.json'), 'bert_config.json': golden['config.json'] ?? new Uint8Array() })).model).toEqual(
      wanted,
    );
  });

  test.each([['0_BERT'], ['0_Transformer']])('a folder of old sentence-transformers: %s', async (name) => {
    const inner = under(name, golden);
    const pooling = { '1_Pooling/config.json': bytes({ word_embedding_dimension: 32 }), 'modules.json': bytes([]) };
    const dense = {
      '2_Dense/config.json': bytes({ in_features: 32, out_features: 8 }),
      '2_Dense/model.safetensors': writeSafetensors(new Map([['linear.weight', { shape: [1, 1], data: Float32Array.of(1) }]])),
    };
    for (const top of [{}, { 'config.json': bytes({ __version__: '0.2.5.1' }) }, dense])
      expect((await read({ ...inner, ...pooling, ...top })).model).toEqual(wanted);
  });

  test('a wheel with a zip inside', async () => {
    const inner = zipSync(under('model', golden));
    const wheel = zipSync({ 'pkg/__init__.py': bytes(''), 'pkg-1.0.dist-info/WHEEL': bytes('x'), 'pkg/data/model.zip': inner });
    expect((await readTeacher('wheel', [{ path: 'pkg-1.0-py3-none-any.whl', bytes: wheel }])).model).toEqual(wanted);
    // By its name alone.
    const bare = zipSync({ 'pkg/__init__.py': bytes(''), 'pkg/data/model.zip': inner });
    expect((await readTeacher('wheel', [{ path: 'pkg-1.0-py3-none-any.whl', bytes: bare }])).model).toEqual(wanted);
  });

  test('activations by the names of other implementations', () => {
    const activation = (hidden_act: string): string => parseConfig({ ...settings(), hidden_act }).hiddenAct;
    expect(activation('gelu_python')).toBe('gelu');
    expect(activation('gelu_fast')).toBe('gelu_pytorch_tanh');
    expect(() => activation('quick_gelu')).toThrow(
      'hidden_act — expected one of gelu, gelu_new, gelu_pytorch_tanh, relu, got "quick_gelu"',
    );
  });

  test("a tokenizer with more tokens than the model's table", async () => {
    const more = `${new TextDecoder().decode(golden['vocab.txt']).trimEnd()}\n[E1]\n[E2]\n`;
    const { report, tokenizer } = await read({ ...golden, 'vocab.txt': bytes(more) });
    expect(report.notes).toEqual([
      "The tokenizer has 63 tokens, the model's table of words 61 rows. A text that holds one of the tokens beyond it is refused.",
    ]);
    expect(tokenizer.vocabularySize).toBe(61);
  });
});

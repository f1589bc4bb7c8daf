import { readFileSync } from 'node:fs';
import { strToU8, zipSync } from 'fflate';
import { expect, test } from 'vitest';
import { sortGiven } from '../../src/studio/sortGiven.ts';
import type { GivenFile } from '../../src/studio/api/files.ts';

const read = (folder: string, name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../golden/checkpoints/${folder}/${name}`, import.meta.url)));

async function sorted(files: readonly GivenFile[]): Promise<{ teacher: string[]; text: string[] }> {
  const { teacher, text } = await sortGiven(files);
  const paths = (indices: readonly number[]): string[] => indices.map((index) => files[index]?.path ?? '');
  return { teacher: paths(teacher), text: paths(text) };
}

test('weights are told by their first bytes, whatever they are called', async () => {
  const files = [
    { path: 'a', bytes: read('safetensors', 'model.safetensors') },
    { path: 'b.dat', bytes: read('pytorch-zip', 'pytorch_model.bin') },
    { path: 'c', bytes: read('pytorch-legacy-gamma', 'pytorch_model.bin') },
    { path: 'd.txt', bytes: strToU8('prose') },
  ];
  expect(await sorted(files)).toEqual({ teacher: ['a', 'b.dat', 'c'], text: ['d.txt'] });
});

test("a folder's vocabulary, card and licence go with its weights; alone, a readme is text", async () => {
  const beside = ['m/config.json', 'm/vocab.txt', 'm/README.md', 'm/LICENSE.txt'].map((path) => ({ path, bytes: strToU8('x') }));
  const prose = { path: 'notes.md', bytes: strToU8('prose') };
  expect(await sorted([...beside, prose])).toEqual({
    teacher: ['m/config.json', 'm/vocab.txt', 'm/README.md', 'm/LICENSE.txt'],
    text: ['notes.md'],
  });
  expect(await sorted([{ path: 'README.md', bytes: strToU8('prose') }])).toEqual({ teacher: [], text: ['README.md'] });
});

test("what belongs to a teacher's folder by its name is never text, with or without its weights", async () => {
  // A folder of sentence-transformers as it lies on a hub, its weights aside.
  const folder = [
    '1_Pooling/config.json',
    '2_Dense/config.json',
    'config.json',
    'config_sentence_transformers.json',
    'data_config.json',
    'generation_config.json',
    'modules.json',
    'preprocessor_config.json',
    'sentence_bert_config.json',
    'special_tokens_map.json',
    'tokenizer.json',
    'tokenizer_config.json',
    'trainer_state.json',
    'vocab.txt',
  ].map((name) => ({ path: `st/${name}`, bytes: strToU8('{"a": 1}') }));
  const paths = folder.map(({ path }) => path);
  expect(await sorted(folder)).toEqual({ teacher: paths, text: [] });
  for (const file of folder) expect(await sorted([file])).toEqual({ teacher: [file.path], text: [] });
  const prose = { path: 'prose.json', bytes: strToU8('[{"text": "a"}]') };
  expect(await sorted([...folder, prose])).toEqual({ teacher: paths, text: ['prose.json'] });
});

test('what trainers note beside a teacher is not text, and may be text of its own elsewhere', async () => {
  const config = { path: 'm/config.json', bytes: strToU8('{}') };
  const beside = [
    'all_results.json',
    'similarity_evaluation_sts-dev_results.csv',
    'eval/binary_classification_evaluation_results.csv',
    'run.json',
    'requirements.txt',
  ].map((name) => ({ path: `m/${name}`, bytes: strToU8('x') }));
  const paths = beside.map(({ path }) => path);
  expect(await sorted([config, ...beside])).toEqual({ teacher: ['m/config.json', ...paths], text: [] });
  expect(await sorted(beside)).toEqual({ teacher: [], text: paths });
});

test("weights are a teacher's by name if their bytes are not: a pointer of Git LFS is refused where it is read", async () => {
  const pointer = strToU8('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n');
  const files = ['model.safetensors', 'pytorch_model-00001-of-00002.bin', 'tf_model.h5'].map((path) => ({ path, bytes: pointer }));
  expect(await sorted(files)).toEqual({ teacher: files.map(({ path }) => path), text: [] });
});

test('tables of Arrow go to the reader of text, which refuses them by name', async () => {
  const files = ['train/data-00000-of-00001.arrow', 'train/dataset_info.json', 'train/state.json'].map((path) => ({
    path,
    bytes: strToU8('ARROW1'),
  }));
  expect((await sorted(files)).text).toEqual(files.map(({ path }) => path));
});

test('a zip is a teacher if it holds a configuration, and text otherwise; pictures are neither', async () => {
  const files = [
    { path: 'bert.zip', bytes: zipSync({ 'bert/config.json': strToU8('{}'), 'bert/model.safetensors': strToU8('x') }) },
    { path: 'books.zip', bytes: zipSync({ 'one.txt': strToU8('prose') }) },
    { path: 'cat.png', bytes: Uint8Array.of(0x89, 0x50, 0x4e, 0x47) },
    { path: 'empty.txt', bytes: new Uint8Array(0) },
  ];
  expect(await sorted(files)).toEqual({ teacher: ['bert.zip'], text: ['books.zip', 'empty.txt'] });
});

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

test('a zip is a teacher if it holds a configuration, and text otherwise; pictures are neither', async () => {
  const files = [
    { path: 'bert.zip', bytes: zipSync({ 'bert/config.json': strToU8('{}'), 'bert/model.safetensors': strToU8('x') }) },
    { path: 'books.zip', bytes: zipSync({ 'one.txt': strToU8('prose') }) },
    { path: 'cat.png', bytes: Uint8Array.of(0x89, 0x50, 0x4e, 0x47) },
    { path: 'empty.txt', bytes: new Uint8Array(0) },
  ];
  expect(await sorted(files)).toEqual({ teacher: ['bert.zip'], text: ['books.zip', 'empty.txt'] });
});

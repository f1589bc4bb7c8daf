import { readdirSync, readFileSync } from 'node:fs';
import { zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { openPytorchLegacy } from '../../../src/formats/pytorchCheckpoint.ts';
import { openBytes } from '../../../src/tensor/byteSource.ts';
import { fingerprintOfTeacher } from '../../../src/studio/runs/fingerprint.ts';
import { readTeacher } from '../../../src/studio/teacher/teacher.ts';
import { goldenTeacher } from '../../golden/load.ts';
import { relativeError } from '../../../src/engines/conformance/relativeError.ts';

function folder(name: string): { path: string; bytes: Uint8Array }[] {
  const at = new URL(`../../golden/checkpoints/${name}/`, import.meta.url);
  return readdirSync(at).map((path) => ({ path: `${name}/${path}`, bytes: new Uint8Array(readFileSync(new URL(path, at))) }));
}

const wanted = goldenTeacher();

describe('the same teacher in every form', () => {
  test.each([
    ['safetensors', 0],
    ['sharded', 0],
    ['pytorch-zip', 0],
    ['pytorch-legacy-gamma', 0],
    // Half an ulp of 11 and of 8 significant bits.
    ['safetensors-f16', 2 ** -11],
    ['safetensors-bf16', 2 ** -8],
  ])('%s', async (name, tolerance) => {
    const { model } = await readTeacher(name, folder(name));
    expect([...model.tensors.keys()]).toEqual([...wanted.tensors.keys()]);
    for (const [tensor, { shape, data }] of wanted.tensors) {
      expect(model.tensors.get(tensor)?.shape, tensor).toEqual(shape);
      expect(relativeError(model.tensors.get(tensor)?.data ?? [], data), tensor).toBeLessThanOrEqual(tolerance);
    }
  });

  test('a zip of the folder, and files in another order', async () => {
    const files = folder('pytorch-zip');
    const zip = zipSync(Object.fromEntries(files.map(({ path, bytes }) => [path, bytes])));
    const { model } = await readTeacher('zip', [{ path: 'teacher.zip', bytes: zip }]);
    expect(model.tensors).toEqual((await readTeacher('x', files.toReversed())).model.tensors);
  });

  test('a run goes on with any form of its teacher, and with no other one', async () => {
    const marks = await Promise.all(
      ['safetensors', 'sharded', 'pytorch-zip', 'onnx-torchscript', 'safetensors-f16'].map(async (name) =>
        fingerprintOfTeacher(await readTeacher(name, folder(name))),
      ),
    );
    expect(new Set(marks.slice(0, 4)).size).toBe(1);
    expect(marks[4]).not.toBe(marks[0]);
  });

  test('says what it renamed and ignored', async () => {
    const { report } = await readTeacher('legacy', folder('pytorch-legacy-gamma'));
    expect(report.renamed.some((line) => line.includes('LayerNorm.gamma'))).toBe(true);
    expect((await readTeacher('zip', folder('pytorch-zip'))).report.ignored).toEqual(
      expect.arrayContaining(['bert.pooler.dense.weight', 'cls.seq_relationship.weight', 'bert.embeddings.position_ids']),
    );
  });
});

describe('an encoder without a head', () => {
  test('loads to the same tensors, and says what is missing', async () => {
    const { model, head, report } = await readTeacher('encoder', folder('encoder-only'));
    expect(head).toBe('none');
    const encoder = [...wanted.tensors].filter(([name]) => name.startsWith('bert.'));
    expect([...model.tensors]).toEqual(encoder);
    expect(report.tensors.filter(({ use }) => use === 'missing').map(({ name }) => name)).toEqual(
      [...wanted.tensors.keys()].filter((name) => name.startsWith('cls.')),
    );
    expect(report.notes).toEqual(['The checkpoint has no head for masked language modelling; one is fitted on the text.']);
  });
});

describe('what is not a teacher is refused in a sentence', () => {
  test('a missing shard', async () => {
    const files = folder('sharded').filter(({ path }) => !path.includes('-00002-of'));
    await expect(readTeacher('sharded', files)).rejects.toThrow(/expected 2 shards, got 1; model-00002-of-00002\.safetensors is missing/);
  });

  test('a pickle that would call a function', async () => {
    // cos\nsystem\n(S'x'\ntR. in protocol 2: the global is refused before anything is built of it.
    const pickle = new Uint8Array([0x80, 2, ...new TextEncoder().encode('cposix\nsystem\n'), 0x58, 1, 0, 0, 0, 0x78, 0x85, 0x52, 0x2e]);
    await expect(openPytorchLegacy(openBytes(pickle))).rejects.toThrow(
      /posix\.system — expected tensors and plain containers, got a Python object\. It was not run/,
    );
  });

  test('a zip whose path leaves it', async () => {
    const zip = zipSync({ '../config.json': new Uint8Array(3) });
    await expect(readTeacher('zip', [{ path: 'a.zip', bytes: zip }])).rejects.toThrow(/expected a path inside the zip/);
  });

  test('a zip bomb', async () => {
    const zip = zipSync({ 'config.json': new Uint8Array(50_000_000) });
    await expect(readTeacher('zip', [{ path: 'a.zip', bytes: zip }])).rejects.toThrow(/expected at most 200 times its packed size/);
  });
});

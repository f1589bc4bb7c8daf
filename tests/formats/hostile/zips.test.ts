import { readFileSync } from 'node:fs';
import { zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { openZip } from '../../../src/formats/zip.ts';
import { readTeacher } from '../../../src/studio/teacher/teacher.ts';
import { openBytes } from '../../../src/tensor/byteSource.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('zips', () => {
  const good = zipSync({ 'a/config.json': encode('{}'), 'a/vocab.txt': encode('[PAD]\n'.repeat(50)) });
  const directoryAt = new DataView(good.buffer, good.byteOffset).getUint32(good.length - 6, true);
  const changed = (at: number, value: number): Uint8Array => {
    const bytes = good.slice();
    new DataView(bytes.buffer).setUint32(at, value, true);
    return bytes;
  };

  test.each([['../a'], ['/a'], ['C:\\a'], ['a/../../b'], ['a\\..\\..\\b']])('the path %s', async (path) => {
    await expect(openZip(openBytes(zipSync({ [path]: encode('x') })))).rejects.toThrow(/expected a path inside the zip/);
  });

  test.each([
    ['a directory outside', changed(good.length - 6, 0xfffffff0), /expected a directory within/],
    ['a size that lies', changed(directoryAt + 24, 0xfffffff), /expected at most 200 times its packed size|stored in/],
    ['files that overlap', changed(directoryAt + 20, directoryAt), /expected to end before byte/],
    ['a file behind the end', changed(directoryAt + 42, 0x7fffffff), /expected to end before byte/],
    ['a bomb', zipSync({ a: new Uint8Array(20_000_000) }), /at most 200 times its packed size/],
    ['a part of a zip', good.slice(0, -30), /expected a zip with a directory at its end/],
  ])('%s', async (_, bytes, message) => {
    await expect(openZip(openBytes(bytes))).rejects.toThrow(message);
  });

  test('a file with another sum than its own is not given out', async () => {
    const [, vocabulary] = [...(await openZip(openBytes(changed(directoryAt + 46 + 'a/config.json'.length + 16, 7)))).values()];
    await expect(vocabulary?.read(0, 1)).rejects.toThrow(/expected 300 bytes as they were packed, got others/);
  });

  test('a bomb that claims to be small stops where it was to end', async () => {
    const bomb = zipSync({ a: new Uint8Array(20_000_000) });
    const view = new DataView(bomb.buffer, bomb.byteOffset);
    view.setUint32(view.getUint32(bomb.length - 6, true) + 24, 1000, true);
    const file = (await openZip(openBytes(bomb))).get('a');
    await expect(file?.read(0, 1000)).rejects.toThrow(/expected 1000 bytes as they were packed, got more/);
  });

  test('a zip in a zip is no folder', async () => {
    const inner = zipSync({ 'config.json': readFileSync(new URL('../../golden/checkpoints/safetensors/config.json', import.meta.url)) });
    await expect(readTeacher('x', [{ path: 'a.zip', bytes: zipSync({ 'b.zip': inner }) }])).rejects.toThrow(
      /expected config\.json, got no files/,
    );
  });
});

import { afterEach, expect, test, vi } from 'vitest';
import { browserPlace } from '../../../src/studio/runs/browserPlace.ts';
import { memoryFiles } from '../../../src/studio/runs/memoryFiles.ts';
import { isFull } from '../../../src/studio/runs/runFiles.ts';
import { sha256 } from '../../../src/studio/runs/sealedFile.ts';

afterEach(() => vi.unstubAllGlobals());

const refuse = (): Promise<never> => Promise.reject(new DOMException('The operation is insecure.', 'SecurityError'));
const locks = { query: () => Promise.resolve({ held: [] }) };
class Writable {
  createWritable(): void {}
}
class Readable {
  getFile(): void {}
}

/** A page of a browser that has these, and no more. */
function browser(secure: boolean, navigator: object, fileHandle: unknown): void {
  vi.stubGlobal('isSecureContext', secure);
  vi.stubGlobal('navigator', navigator);
  vi.stubGlobal('FileSystemFileHandle', fileHandle);
}

const granted = { locks, storage: { getDirectory: () => Promise.resolve({}) } };

test.each([
  ['plain HTTP', false, {}, undefined, /plain HTTP.*HTTPS, or on localhost/s],
  ['no locks', true, { storage: granted.storage }, Writable, /no file storage.*Use Chrome/s],
  ['no private file system', true, { locks, storage: {} }, Writable, /no file storage.*Use Chrome/s],
  ['no files at all', true, granted, undefined, /no file storage.*Use Chrome/s],
  ['a file system that cannot be written', true, granted, Readable, /no file storage.*Use Chrome/s],
  ['site data blocked', true, { locks, storage: { getDirectory: refuse } }, Writable, /refuses storage.*Allow site data/s],
  ['locks refused', true, { ...granted, locks: { query: refuse } }, Writable, /refuses storage.*Allow site data/s],
])('with %s, files last as long as the session, and the reason comes with its cure', async (_what, secure, navigator, fileHandle, why) => {
  browser(secure, navigator, fileHandle);
  const place = browserPlace();
  expect(await place.whyNotKept()).toMatch(why);
  const [runs, hub] = [place.files('runs'), place.files('hub')];
  await runs.write('a', [Uint8Array.of(1, 2), Uint8Array.of(3)]);
  expect(await runs.list()).toEqual(['a']);
  expect(await hub.list()).toEqual([]);
  expect([...(await runs.read('a'))]).toEqual([1, 2, 3]);
  const own = place.locks('runs');
  const lease = await own.hold('a');
  expect(lease).toBeDefined();
  expect(await own.hold('a')).toBeUndefined();
  await lease?.release();
  expect(await own.held('a')).toBe(false);
});

test('a browser that grants everything keeps what it is given', async () => {
  browser(true, granted, Writable);
  expect(await browserPlace().whyNotKept()).toBeNull();
});

test('what is written into memory is a copy, is read in parts, and is gone when it is removed', async () => {
  const files = memoryFiles();
  const given = Float32Array.of(1, 2, 3);
  await files.write('a', [new Uint8Array(given.buffer, 4, 8)]);
  given.fill(0);
  const source = await files.open('a');
  expect(source.size).toBe(8);
  expect([...new Float32Array((await source.read(4, 8)).buffer)]).toEqual([3]);
  await files.remove('a');
  expect(await files.list()).toEqual([]);
  const failure: unknown = await files.read('a').catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'file' });
  expect(isFull(failure)).toBe(false);
});

test('fingerprints are the same where a page has no Web Crypto', async () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
  const known = await sha256(bytes);
  vi.stubGlobal('crypto', {});
  expect([...(await sha256(bytes))]).toEqual([...known]);
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Remembered } from '../../src/engines/remembered.ts';
import { folderFiles } from '../../src/studio/runs/folderFiles.ts';
import { lockFiles } from '../../src/studio/runs/lockFiles.ts';
import { rememberedFiles } from '../../src/studio/session/rememberedFiles.ts';

const scratch = mkdtempSync(join(tmpdir(), 'wid-studio-remembered-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** As another process of this machine opens it. */
const open = (folder: string): Remembered => rememberedFiles(folderFiles(folder), lockFiles(folder));
const oneMore = (known: string | undefined): string => String(Number(known ?? 0) + 1);

test('what one session remembers, another one finds that had read the file before', async () => {
  const folder = join(scratch, 'two');
  const [here, there] = [open(folder), open(folder)];
  expect(await here.recall('a')).toBeUndefined();
  expect(await there.recall('a')).toBeUndefined();
  await here.remember('a', () => '1');
  await there.remember('b', () => '2');
  expect([await here.recall('a'), await here.recall('b'), await there.recall('a')]).toEqual(['1', '2', '1']);
});

test('sessions that change facts at the same time lose none of the changes', async () => {
  const folder = join(scratch, 'race');
  const sessions = [open(folder), open(folder), open(folder)];
  const told = await Promise.all(Array.from({ length: 6 }, () => sessions.map((session) => session.remember('count', oneMore))).flat());
  expect(told.map(Number).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 18 }, (_, i) => i + 1));
  expect(await open(folder).recall('count')).toBe('18');
});

test('a folder that cannot be written keeps facts for the session', async () => {
  const file = join(scratch, 'file');
  writeFileSync(file, '');
  const session = open(file);
  expect(await session.remember('count', oneMore)).toBe('1');
  expect(await session.remember('count', oneMore)).toBe('2');
  expect(await session.recall('count')).toBe('2');
  expect(await open(file).recall('count')).toBeUndefined();
});

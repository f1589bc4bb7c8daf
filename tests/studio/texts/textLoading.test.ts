import { readFileSync } from 'node:fs';
import { zipSync } from 'fflate';
import { beforeAll, describe, expect, test } from 'vitest';
import { createSession } from '../../../src/studio/session.ts';
import type { GivenFile } from '../../../src/studio/api/files.ts';
import type { StudioApi } from '../../../src/studio/studioApi.ts';
import { TextCache } from '../../../src/studio/texts/textCache.ts';
import { MemoryFolder } from '../runs/memoryFolder.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const teacherFiles: GivenFile[] = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'].map((path) => ({
  path,
  bytes: new Uint8Array(readFileSync(`public/demo/teacher/${path}`)),
}));
const prose = readFileSync('public/demo/prose/a1.txt', 'utf8');
const wish = { sequence: 64, seed: 1 };

describe('the session reads texts', () => {
  let session: StudioApi;
  beforeAll(async () => {
    session = createSession();
    await session.loadTeacher('demo', teacherFiles);
  });

  test('of several formats at once, zips told by their content, litter left out', async () => {
    const zip = zipSync({
      'notes/one.txt': bytes(prose),
      '__MACOSX/notes/._one.txt': Uint8Array.of(0, 1, 2),
      'notes/.DS_Store': Uint8Array.of(0, 5),
    });
    const report = await session.loadText(
      'mixed',
      [
        { path: 'archive.dat', bytes: zip },
        { path: 'rows.jsonl', bytes: bytes(`${JSON.stringify({ id: 7, body: prose.slice(0, 3000) })}\n`) },
        { path: 'table.csv', bytes: bytes('id,body\n1,"The town, and the river"\n2,\n') },
      ],
      wish,
    );
    expect(report).toMatchObject({ name: 'mixed', files: 3, documents: 3, sequence: 64 });
    expect(report.columns).toEqual({ names: ['body'], chosen: 'body' });
    expect(report.notices).toEqual(['table.csv: 1 rows hold no text in the chosen column and were left out.']);
    expect(report.lengths.reduce((sum, { documents }) => sum + documents, 0)).toBe(3);
  });

  test('and shows an example of its masking that has the right answers', async () => {
    const report = await session.loadText('a1', [{ path: 'a1.txt', bytes: bytes(prose) }], wish);
    expect(report.example[0]).toEqual({ token: '[CLS]' });
    const masked = report.example.filter(({ answer }) => answer !== undefined);
    expect(masked.length).toBeGreaterThan(2);
    const words = report.example.map(({ token, answer }) => answer ?? token).slice(1, 6);
    const plain = words.join(' ').replaceAll(' ##', '').replaceAll('##', '').toLowerCase();
    expect(prose.toLowerCase().replace(/\s+/g, ' ')).toContain(plain.split(' ').slice(0, 2).join(' '));
  });

  test('a cancel, and a text that fails, leave the one before in place', async () => {
    await session.loadText('a1', [{ path: 'a1.txt', bytes: bytes(prose) }], wish);
    const before = await session.evaluate(undefined, 2, 1);
    const long = session.loadText('long', [{ path: 'long.txt', bytes: bytes(prose.repeat(400)) }], wish, (event) => {
      if (event.kind === 'progress') void session.cancelText();
    });
    await expect(long).rejects.toMatchObject({ code: 'cancelled' });
    await expect(session.loadText('bad', [{ path: 'x.bin', bytes: Uint8Array.of(0) }], wish)).rejects.toMatchObject({ code: 'text' });
    await expect(session.loadText('none', [], wish)).rejects.toThrow('expected files with text, got none');
    expect(await session.evaluate(undefined, 2, 1)).toEqual(before);
  });
});

describe('the cache of texts', () => {
  test('gives back what was read, tells other wishes and content apart, and keeps the newest three', async () => {
    const files = new MemoryFolder();
    const session = createSession(undefined, { texts: new TextCache(files) });
    await session.loadTeacher('demo', teacherFiles);
    const text = (copies: number): GivenFile[] => [{ path: 'a.txt', bytes: bytes(prose.repeat(copies)) }];
    const first = await session.loadText('first', text(80), wish);
    expect(files.held.size).toBe(1);
    const again = createSession(undefined, { texts: new TextCache(files) });
    await again.loadTeacher('demo', teacherFiles);
    let progress = 0;
    const cached = await again.loadText('second', text(80), wish, () => (progress += 1));
    expect(cached).toEqual({ ...first, name: 'second' });
    expect(progress).toBe(0);
    expect(await again.evaluate(undefined, 2, 1)).toEqual(await session.evaluate(undefined, 2, 1));
    for (const seed of [2, 3, 4]) await again.loadText('other', text(80), { ...wish, seed });
    expect(files.held.size).toBe(3);
  });

  test('is of no consequence when damaged, small or full', async () => {
    const files = new MemoryFolder();
    const session = createSession(undefined, { texts: new TextCache(files) });
    await session.loadTeacher('demo', teacherFiles);
    await session.loadText('small', [{ path: 'a.txt', bytes: bytes(prose) }], wish);
    expect(files.held.size).toBe(0);
    const large: GivenFile[] = [{ path: 'a.txt', bytes: bytes(prose.repeat(80)) }];
    const report = await session.loadText('large', large, wish);
    const [[name, content] = ['', new Uint8Array(0)]] = files.held;
    files.held.set(name, content.with(content.length - 9, 1 ^ (content.at(-9) ?? 0)));
    expect(await session.loadText('large', large, wish)).toEqual(report);
    files.write = () => Promise.reject(new Error('disk full'));
    const full = createSession(undefined, { texts: new TextCache(files) });
    await full.loadTeacher('demo', teacherFiles);
    expect(await full.loadText('large', large, { ...wish, seed: 9 })).toMatchObject({ tokens: report.tokens });
  });
});

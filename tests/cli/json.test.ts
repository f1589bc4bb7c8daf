import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHECKPOINT, FAST, ROOT, SMALL, terminal, TEXT } from './terminal.ts';

let folder = '';
let student = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wid-studio-json-'));
  student = join(folder, 'student');
  expect((await terminal([...FAST, '--steps', '1', '--no-latency', '--no-int8', '--out', student])).code).toBe(0);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Kinds of the lines of stdout, every one of which must be an event. */
function kinds(stdout: string): string[] {
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const event: unknown = JSON.parse(line);
      if (typeof event !== 'object' || event === null || !('kind' in event) || typeof event.kind !== 'string')
        throw new Error(`not an event: ${line}`);
      return event.kind;
    });
}

describe('--json: stdout holds a line an event and nothing else', () => {
  test.each<[string, () => string[], string]>([
    ['inspect', () => ['inspect', '--teacher', CHECKPOINT, '--text', TEXT, '--sequence', '32'], 'text'],
    ['plan', () => ['plan', '--teacher', CHECKPOINT, '--recipe', join(student, 'run.json')], 'plan'],
    ['evaluate', () => ['evaluate', ...SMALL, '--student', student], 'evaluation'],
    [
      'attention',
      () => ['attention', ...SMALL, '--student', student, '--sentence', 'the mill', '--out', join(folder, 'maps')],
      'attention',
    ],
    ['export', () => ['export', '--student', student, '--no-int8', '--no-latency', '--out', join(folder, 'again')], 'written'],
    ['runs list', () => ['runs', 'list', '--out', student], 'run'],
    ['runs export', () => ['runs', 'export', 'Run 1', '--out', student, '--to', join(folder, 'run.zip')], 'exported'],
    ['runs import', () => ['runs', 'import', join(folder, 'run.zip'), '--out', join(folder, 'elsewhere')], 'run'],
    ['runs rename', () => ['runs', 'rename', 'Run 1', 'First', '--out', student], 'renamed'],
    ['runs delete', () => ['runs', 'delete', 'First', '--out', student], 'deleted'],
  ])('%s', async (_, options, last) => {
    const { code, stdout, stderr } = await terminal([...options(), '--json']);
    expect([code, stderr]).toEqual([0, '']);
    expect(kinds(stdout).at(-1)).toBe(last);
  });

  test('what is wrong is an event too, beside the sentence on stderr', async () => {
    const { code, stdout, stderr } = await terminal(['inspect', '--teacher', 'no/such/folder', '--json']);
    expect(code).toBe(2);
    expect(kinds(stdout)).toEqual(['error']);
    expect(stderr).toContain('no/such/folder: expected a file or folder');
  });

  test('through npm run -s', () => {
    const options = ['run', '-s', 'compress', '--', 'plan', '--teacher', CHECKPOINT, '--json'];
    const { status, stdout } = spawnSync('npm', options, { cwd: ROOT, encoding: 'utf8', shell: process.platform === 'win32' });
    expect(status).toBe(0);
    expect(kinds(stdout)).toEqual(['teacher', 'plan']);
  });

  test('by the bin from another folder, with paths from there', () => {
    for (const name of ['some words.txt', 'more words.txt']) writeFileSync(join(folder, name), 'The river ran past the mill. '.repeat(400));
    const options = ['inspect', '--teacher', 'student', '--text', 'some words.txt', 'more words.txt', '--sequence', '32', '--json'];
    const { INIT_CWD: _, ...env } = process.env;
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'scripts/compress.mjs'), ...options], {
      cwd: folder,
      encoding: 'utf8',
      env,
    });
    expect([status, stderr]).toEqual([0, '']);
    expect(kinds(stdout).at(-1)).toBe('text');
  });
});

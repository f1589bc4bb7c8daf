import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FAST, inScratch, interrupted, program, ROOT, SMALL, terminal } from './terminal.ts';

/** Calibration long enough to be met in the middle. */
const SLOW = [...SMALL, '--calibration-tokens', '200000'];

test('interrupted during calibration: nothing is written, code 130', () =>
  inScratch(async (folder) => {
    const out = join(folder, 'student');
    const { code, stderr } = await interrupted([...SLOW, '--steps', '5', '--json', '--out', out], '"model":"teacher"');
    expect(stderr).toContain('Stopping before the first step; nothing will be written.');
    expect(stderr).toContain('run: stopped during calibration');
    expect(code).toBe(130);
    expect(existsSync(join(out, 'model.safetensors'))).toBe(false);
  }));

test('interrupted twice while it trains: it ends at once, and --resume goes on from the last checkpoint', () =>
  inScratch(async (folder) => {
    const out = join(folder, 'student');
    const run = [...FAST, '--steps', '60', '--no-latency', '--out', out];
    // The export after the first press takes longer than the second press.
    const { code, stderr } = await interrupted([...run, '--json'], '"step":30,', 600);
    expect(code).toBe(130);
    expect(stderr).toContain('Stopping after this step;');
    if (stderr.includes('Ended;')) expect(readdirSync(out)).toEqual(['.runs']);
    const again = await terminal([...run, '--resume']);
    expect(again.stdout).toMatch(/Going on from step \d+ of 60/);
    expect(again.code).toBe(0);
  }));

test('interrupted while the files are written: they are, and the run counts as done', () =>
  inScratch(async (folder) => {
    const out = join(folder, 'student');
    const { code, stderr } = await interrupted([...FAST, '--steps', '1', '--json', '--out', out], '"kind":"result"');
    expect(stderr).toContain('The run is over and its student is being checked and written.');
    expect(code).toBe(0);
    expect(existsSync(join(out, 'model.safetensors'))).toBe(true);
  }));

/** The program with a reader that goes away when it has read `last`. */
function withoutReader(options: readonly string[], last: string): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [...program(), ...options], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (text.includes(last)) child.stdout.destroy();
  });
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, stderr }));
  });
}

test('a reader that goes away, as head does, ends a command without a word and a run as Ctrl-C does', () =>
  inScratch(async (folder) => {
    expect(await withoutReader(['evaluate', ...SMALL, '--json'], '{')).toEqual({ code: 130, stderr: '' });
    const out = join(folder, 'student');
    const { code, stderr } = await withoutReader([...FAST, '--steps', '100000', '--json', '--out', out], '"kind":"step"');
    expect(code).toBe(130);
    expect(stderr).toContain('Press again to end at once.');
    expect(stderr).not.toMatch(/EPIPE|\n\s+at /);
  }));

test('the npm script hands an interruption on as code 130', async () => {
  const child = spawn(process.execPath, ['scripts/compress.mjs', 'evaluate', '--demo', '--json'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  child.stdout.once('data', () => child.kill('SIGINT'));
  expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(130);
});

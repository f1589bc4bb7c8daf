import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { expect, test } from 'vitest';
import { FAST, inScratch, interrupted, terminal } from './terminal.ts';

const runOf = (stdout: string): { run: string; name: string; done: number } => {
  const value: unknown = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}');
  if (typeof value !== 'object' || value === null || !('run' in value) || !('name' in value) || !('done' in value))
    throw new Error(`not a run: ${stdout}`);
  return { run: String(value.run), name: String(value.name), done: Number(value.done) };
};

test('a stopped run is listed, leaves as a zip, goes on in another folder, and comes back after a delete', async () => {
  await inScratch(async (folder) => {
    const [first, second, zip] = [join(folder, 'first'), join(folder, 'second'), join(folder, 'run.zip')];
    await interrupted([...FAST, '--steps', '12', '--json', '--out', first], '"kind":"step"');
    const listed = runOf((await terminal(['runs', 'list', '--json', '--out', first])).stdout);
    expect(listed.name).toBe('Run 1');
    expect(listed.done).toBeGreaterThan(0);
    expect((await terminal(['runs', 'list', '--out', first])).stdout).toMatch(/Run 1: stopped, \d+ of 12 steps, held-out loss/);

    expect(await terminal(['runs', 'export', 'Run 1', '--out', first, '--to', zip])).toMatchObject({ code: 0, stderr: '' });
    const names = Object.keys(unzipSync(readFileSync(zip))).map((path) => path.split('/').at(-1));
    expect(new Set(names)).toEqual(new Set(['metrics.csv', 'metrics.json', 'run.ckpt', 'run.json', 'run.record', 'run.student']));
    const again = await terminal(['runs', 'export', 'Run 1', '--out', first, '--to', zip]);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('expected a new file')]);

    expect(runOf((await terminal(['runs', 'import', zip, '--json', '--out', second])).stdout)).toEqual(listed);
    const resumed = await terminal([...FAST, '--steps', '12', '--resume', '--out', second]);
    expect(resumed.stderr).toBe('');
    expect(resumed.code).toBe(0);
    expect(resumed.stdout).toContain(`Going on from step ${listed.done} of 12`);
    expect(existsSync(join(second, 'model.safetensors'))).toBe(true);

    expect(await terminal(['runs', 'rename', 'Run 1', 'The long one', '--out', second])).toMatchObject({ code: 0 });
    expect(await terminal(['runs', 'delete', 'The long one', '--out', second])).toMatchObject({ code: 0 });
    expect((await terminal(['runs', 'list', '--out', second])).stdout).toContain('holds no runs');
    expect(await terminal(['runs', 'restore', listed.run, '--out', second])).toMatchObject({ code: 0 });
    expect(runOf((await terminal(['runs', 'list', '--json', '--out', second])).stdout)).toMatchObject({ name: 'The long one', done: 12 });
  });
});

test('what is not there, or no run, is refused with what there is', async () => {
  await inScratch(async (folder) => {
    const unknown = await terminal(['runs', 'delete', 'Run 9', '--out', folder]);
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('got 0. There are: none.')]);
    const wrong = await terminal(['runs', 'import', 'package.json', '--out', folder]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/zip/);
    expect(wrong.stderr).not.toMatch(/\n\s+at /);
  });
});

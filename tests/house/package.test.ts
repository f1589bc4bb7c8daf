import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { expect, test } from 'vitest';
import { productionLicences } from '../../scripts/licences.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TEACHER = join(ROOT, 'tests/golden/checkpoints/safetensors');

/** The packages that npm would install beside it, from the ones that are here: those of development are not among them. */
function installPackages(folder: string): number {
  const names = new Set(productionLicences().map(({ name }) => name));
  for (const name of names) {
    const place = join('node_modules', name);
    mkdirSync(dirname(join(folder, place)), { recursive: true });
    symlinkSync(join(ROOT, place), join(folder, place), 'junction');
  }
  return names.size;
}

test('the tarball of npm run package runs in an empty folder: a run to a checked student, the demo, Parquet', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'wid-studio-package-'));
  try {
    const made = spawnSync(process.execPath, ['scripts/package.mjs', scratch], { cwd: ROOT, encoding: 'utf8' });
    expect(made.stderr).toBe('');
    const tarball = made.stdout.trim().split('\n').at(-1) ?? '';
    expect(spawnSync('tar', ['xzf', tarball, '-C', scratch]).status).toBe(0);
    const installed = join(scratch, 'package');
    expect(installPackages(installed)).toBeGreaterThan(10);
    const manifest: unknown = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    expect(manifest).toMatchObject({ bin: { 'wid-studio': 'scripts/compress.mjs' } });

    const empty = join(scratch, 'empty');
    mkdirSync(empty);
    const terminal = (...options: readonly string[]): { status: number | null; stdout: string; stderr: string } =>
      spawnSync(process.execPath, [join(installed, 'scripts/compress.mjs'), ...options], { cwd: empty, encoding: 'utf8' });
    const plan = terminal('plan', '--demo', '--max-mb', '10');
    expect(plan.stderr).toBe('');
    expect(plan.stdout).toContain('Teacher: 4 layers, width 256');

    const prose = readFileSync(join(ROOT, 'public/demo/prose/a1.txt'), 'utf8').split('\n');
    writeFileSync(
      join(empty, 'a1.parquet'),
      new Uint8Array(parquetWriteBuffer({ columnData: [{ name: 'text', data: prose, type: 'STRING' }] })),
    );
    const recipe = join(ROOT, 'tests/cli/fast.json');
    const sizes = ['--sequence', '32', '--batch', '4', '--steps', '1', '--engine', 'cpu', '--threads', '2', '--no-latency'];
    const run = terminal('compress', '--teacher', TEACHER, '--text', 'a1.parquet', '--recipe', recipe, ...sizes, '--out', 'student');
    expect(run.stderr).toBe('');
    expect(run.status).toBe(0);
    for (const file of ['model.safetensors', 'onnx/model.onnx', 'run.json']) expect(existsSync(join(empty, 'student', file))).toBe(true);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});

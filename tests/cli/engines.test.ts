import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CHECKPOINT, inScratch, ROOT, SMALL, terminal } from './terminal.ts';

const SOFTWARE_GPU = [join(ROOT, 'tests/cli/softwareGpu.ts')];
const MACHINE = 'wid-studio/machine/machine.json';
/** A list of drivers that is not there: no adapter, whatever the machine has. */
const NO_DRIVERS = { VK_DRIVER_FILES: join(ROOT, 'no', 'driver.json'), VK_ICD_FILENAMES: join(ROOT, 'no', 'driver.json') };

/** Everything remembered of this machine. */
function remembered(folder: string): string {
  return readFileSync(join(folder, MACHINE), 'utf8');
}

test('auto takes the CPU where the only GPU is a software one, says both speeds, and measures them once a machine', async () => {
  await inScratch(async (folder) => {
    const command = ['evaluate', ...SMALL];
    const first = await terminal(command, undefined, SOFTWARE_GPU, { XDG_CACHE_HOME: folder });
    expect(first).toMatchObject({ code: 0, stderr: '' });
    const said = /The GPU adapter is a software one \(.*SwiftShader.*\): (?<webgpu>[\d.]+) GFLOP\/s, the CPU engine (?<cpu>[\d.]+)\./i.exec(
      first.stdout,
    );
    expect(first.stdout).toMatch(/Engine: cpu /);
    expect(Number(said?.groups?.['webgpu'])).toBeGreaterThan(0);
    expect(Number(said?.groups?.['cpu'])).toBeGreaterThan(Number(said?.groups?.['webgpu']));
    const kept = remembered(folder);
    // To the last digit: a second measurement would differ.
    const second = await terminal([...command, '--json'], undefined, SOFTWARE_GPU, { XDG_CACHE_HOME: folder });
    expect(second.stdout).toContain(JSON.stringify(speedsIn(kept)).slice(1, -1));
    expect(remembered(folder)).toBe(kept);
  });
});

/** Both speeds of the remembered facts. */
function speedsIn(kept: string): unknown {
  const facts: unknown = JSON.parse(kept);
  const [, text] = Object.entries(facts ?? {}).find(([key]) => key.startsWith('speeds of 1 threads')) ?? [];
  return JSON.parse(String(text));
}

test('webgpu without an adapter ends by 2 with the cure', async () => {
  await inScratch(async (folder) => {
    const { code, stderr } = await terminal(['evaluate', ...SMALL, '--engine', 'webgpu'], undefined, [], {
      XDG_CACHE_HOME: folder,
      ...NO_DRIVERS,
    });
    expect(stderr).toMatch(/webgpu: this machine offers no GPU adapter — expected Vulkan.*use --engine cpu\./);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(code).toBe(2);
  });
});

test('float16 storage on another engine ends by 2 with the cure', async () => {
  const { code, stderr } = await terminal(['evaluate', ...SMALL, '--engine', 'cpu', '--storage', 'float16']);
  expect(stderr).toContain('--storage float16: expected --engine webgpu, got cpu. Other engines store float32 alone.');
  expect(code).toBe(2);
});

test('webgpu tells of compiling, and keeps what it measured, but measures nothing where it is told not to', async () => {
  await inScratch(async (folder) => {
    const cache = { XDG_CACHE_HOME: folder };
    // Products that are worth measuring.
    const evaluate = ['evaluate', ...SMALL, '--batch', '40', '--engine', 'webgpu'];
    const untuned = await terminal([...evaluate, '--no-tuning', '--storage', 'float16'], undefined, SOFTWARE_GPU, cache);
    expect(untuned.code, untuned.stderr).toBe(0);
    expect(untuned.stdout).toMatch(/Engine: webgpu \(.*SwiftShader.*, weights in float32 \(no shader-f16 here\)\)/i);
    expect(untuned.stdout).toMatch(/Compared its operations with the reference engine: all right \([\d.]+ s\)/);
    expect(remembered(folder)).toMatch(/"numbers of [^"]*SwiftShader[^"]*":"right"/);
    expect(remembered(folder)).not.toContain('matmul kernels');

    const tuned = await terminal(evaluate, undefined, SOFTWARE_GPU, cache);
    expect(tuned.code, tuned.stderr).toBe(0);
    // Once for an adapter and a build.
    expect(tuned.stdout).not.toContain('Compared its operations');
    expect(tuned.stdout).toMatch(/Measuring GPU kernels.*\d+[^]*Compiling GPU kernels.*\d+/);
    expect(remembered(folder)).toMatch(/"matmul kernels of [^"]*SwiftShader[^"]*":"\{.*chosen/);

    const out = ['--no-int8', '--no-latency', '--out', join(folder, 'teacher')];
    const exported = await terminal(['export', '--teacher', CHECKPOINT, '--engine', 'webgpu', ...out], undefined, SOFTWARE_GPU, cache);
    expect(exported.code, exported.stderr).toBe(0);
    expect(exported.stdout).toMatch(/Compiling GPU kernels.*\d+/);
  });
});

import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TOLERANCE } from '../../src/engines/conformance/conformance.ts';
import { CASES } from '../../src/engines/conformance/outputsOf.ts';
import { softwareGpuFor } from '../engines/softwareGpu.ts';
import type { DenoFindings } from './denoConformance.ts';

const PROGRAM = fileURLToPath(new URL('denoConformance.ts', import.meta.url));
/** Starts the program of the platform's own package, which npm installs without running a script. */
const DENO = createRequire(import.meta.url).resolve('deno/bin.cjs');

function isFindings(value: unknown): value is DenoFindings {
  return typeof value === 'object' && value !== null && ('missing' in value || 'cases' in value);
}

/** Runs a program in Deno. @returns its standard output, or what Deno said instead of running it */
function deno(args: readonly string[], env: Readonly<Record<string, string>>): { readonly ok: boolean; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [DENO, ...args], { encoding: 'utf8', env: { ...process.env, ...env } });
  return status === 0 ? { ok: true, said: stdout } : { ok: false, said: (stderr ?? '').trim().split('\n').at(-1) ?? '' };
}

const works = deno(['--version'], {});
if (!works.ok) console.warn(`SKIPPED: WebGPU in Deno was not tested, since Deno does not run on this machine: ${works.said}`);

// Firefox's WebGPU is wgpu, and so is Deno's: naga reads our WGSL and writes SPIR-V, MSL or HLSL.
describe.skipIf(!works.ok)('webgpu in Deno agrees with the reference engine', () => {
  let found: DenoFindings = { missing: 'it was not run' };
  let gpu: Awaited<ReturnType<typeof softwareGpuFor>> | undefined;
  beforeAll(async () => {
    gpu = await softwareGpuFor();
    const { ok, said } = deno(['run', '--quiet', '--no-config', '--no-lock', '--no-remote', '--no-npm', '--allow-all', PROGRAM], gpu.env);
    if (!ok) throw new Error(`Deno: expected findings, got ${said}`);
    const parsed: unknown = JSON.parse(said);
    if (!isFindings(parsed)) throw new TypeError(`denoConformance.ts: expected its findings, got ${said}`);
    found = parsed;
    if ('missing' in found) console.warn(`SKIPPED: WebGPU in Deno was not tested, since it says: ${found.missing}`);
    else console.log(`Deno: ${found.cases.length} cases on ${found.detail} in ${found.seconds.toFixed(1)} s`);
  });
  afterAll(() => gpu?.remove());

  test.for(CASES.map(({ operation }) => operation.name))('%s', (name, { skip }) => {
    if ('missing' in found) return skip(found.missing);
    const result = found.cases.find((each) => each.name === name);
    expect(result?.fault).toBeUndefined();
    expect(Number(result?.error)).toBeLessThan(TOLERANCE);
  });
});

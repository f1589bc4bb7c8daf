import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OPTIMISE_LATE } from '../optimiseLate.ts';
import { compiledTerminal } from './compiledTerminal.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const CHECKPOINT = join(ROOT, 'tests/golden/checkpoints/safetensors');
export const TEXT = join(ROOT, 'public/demo/prose/a1.txt');
/** A run of a second: the golden checkpoint, short sequences, one thread. */
export const SMALL = ['--teacher', CHECKPOINT, '--text', TEXT, '--sequence', '32', '--batch', '4', '--threads', '1'];

/** The same, calibrated on 2,000 tokens. */
export const FAST = [...SMALL, '--recipe', join(ROOT, 'tests/cli/fast.json')];

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Node's arguments to start the real terminal program. @param preload modules to load before it */
export function program(preload: readonly string[] = []): string[] {
  // Compiled once, since reading TypeScript takes longer than most commands. Preloaded TypeScript needs the loader all the same.
  const loader = preload.some((module) => module.endsWith('.ts')) ? ['tsx'] : [];
  return [...OPTIMISE_LATE, ...[...loader, ...preload].flatMap((module) => ['--import', module]), compiledTerminal()];
}

/** The same from its sources, as in a clone: only there is the command `bench`. */
const SOURCES = ['--import', 'tsx', 'src/cli/main.ts'];

/** Runs the real terminal program in its own process. `watch` sees stdout as it grows and may signal it. */
export function terminal(
  options: readonly string[],
  watch?: (stdout: string, kill: (signal: NodeJS.Signals) => void) => void,
  preload: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [...(options[0] === 'bench' ? SOURCES : program(preload)), ...options], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    watch?.(stdout, (signal) => child.kill(signal));
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/**
 * Runs the terminal program and interrupts it as Ctrl-C does, once it has written `said`.
 * @param againMs interrupts it a second time, so many milliseconds later
 */
export function interrupted(options: readonly string[], said: string, againMs?: number): Promise<Ended> {
  return terminal(options, undefined, ['./tests/cli/interruptAt.mjs'], {
    WID_STUDIO_INTERRUPT_AT: said,
    ...(againMs === undefined ? {} : { WID_STUDIO_INTERRUPT_AGAIN: String(againMs) }),
  });
}

/** A folder that is gone after `work`. */
export async function inScratch<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'wid-studio-cli-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

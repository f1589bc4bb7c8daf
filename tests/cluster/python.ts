import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PACKAGE = fileURLToPath(new URL('../../cluster', import.meta.url));

const candidates = [process.env['WID_PYTHON'], 'python3', 'python'].filter((name) => name !== undefined);

/** A Python with PyTorch, or nothing: CI has none, since its wheel is gigabytes. `WID_PYTHON` names one. */
export const PYTHON: string | undefined = candidates.find(
  (name) => spawnSync(name, ['-c', 'import torch, safetensors, transformers'], { stdio: 'ignore' }).status === 0,
);

if (PYTHON === undefined)
  console.warn('SKIPPED: tests/cluster needs a Python with torch, safetensors and transformers. Name it: WID_PYTHON=/path/to/python');

export interface PythonEnded {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs Python with the package in its path. @param environment beside this process's   @param started is told how to kill it */
export function python(
  options: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  watch: (stdout: string, kill: () => void) => void = () => {},
  started: (kill: () => void) => void = () => {},
): Promise<PythonEnded> {
  const child = spawn(PYTHON ?? 'python3', options, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PYTHONPATH: PACKAGE, PYTHONDONTWRITEBYTECODE: '1', OMP_NUM_THREADS: '1', HF_HUB_OFFLINE: '1', ...environment },
  });
  started(() => child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    watch(stdout, () => child.kill('SIGKILL'));
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** The job of a folder, trained. */
export function trainJob(job: string, options: readonly string[], environment?: Readonly<Record<string, string>>): Promise<PythonEnded> {
  return python(['-m', 'wid_cluster', job, '--threads', '1', ...options], environment);
}

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freshModel } from '../../src/models/freshModel.ts';
import { BATCH, batchOf, BERT, COMPARED_STEPS, GEMMS, LEARNING_RATE, WEIGHT_DECAY, WEIGHTS_SEED } from './problems.ts';

export interface PytorchResult {
  readonly version: string;
  /** Losses of the first steps from the same weights. */
  readonly losses: readonly number[];
  /** Milliseconds a step. */
  readonly step: readonly number[];
  /** Milliseconds a product, in the order of GEMMS. */
  readonly products: readonly (readonly number[])[];
}

/** @returns null where this Python has no torch */
export function runPytorch(python: string, threads: number, milliseconds: number): PytorchResult | null {
  if (spawnSync(python, ['-c', 'import torch']).status !== 0) return null;
  const folder = mkdtempSync(join(tmpdir(), 'wid-studio-pytorch-'));
  try {
    writeProblem(folder);
    const script = fileURLToPath(new URL('pytorch.py', import.meta.url));
    const { status, stdout, stderr } = spawnSync(python, [script, folder, String(threads), String(milliseconds)], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`bench: PyTorch failed.\n${stderr}`);
    const result: unknown = JSON.parse(stdout);
    if (!isResult(result)) throw new Error(`bench: pytorch.py printed ${stdout.slice(0, 200)}.`);
    return result;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function isResult(result: unknown): result is PytorchResult {
  return typeof result === 'object' && result !== null && ['version', 'losses', 'step', 'products'].every((key) => key in result);
}

function writeProblem(folder: string): void {
  const tensors: Record<string, { offset: number; shape: readonly number[]; integer: boolean }> = {};
  const parts: Uint8Array[] = [];
  let offset = 0;
  const put = (name: string, shape: readonly number[], data: ArrayLike<number>, integer: boolean): void => {
    const numbers = integer ? Int32Array.from(data) : Float32Array.from(data);
    tensors[name] = { offset, shape, integer };
    parts.push(new Uint8Array(numbers.buffer));
    offset += numbers.byteLength;
  };
  const model = freshModel(BERT, WEIGHTS_SEED).tensors;
  for (const [name, { shape, data }] of model) put(name, shape, data, false);
  for (const [name, data] of Object.entries(batchOf(BATCH))) put(name, [data.length], data, true);
  const config = { ...BERT, ...BATCH, learningRate: LEARNING_RATE, weightDecay: WEIGHT_DECAY, comparedSteps: COMPARED_STEPS };
  const manifest = { config, parameters: [...model.keys()], products: GEMMS.map(({ m, k, n }) => [m, k, n]), tensors };
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
  writeFileSync(join(folder, 'data.bin'), Buffer.concat(parts));
}

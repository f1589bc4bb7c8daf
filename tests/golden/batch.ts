import type { SafetensorsFile } from '../../src/formats/safetensors.ts';
import { keyRanges } from '../../src/models/inputs.ts';
import { maskedBatch } from '../../src/tasks/maskedWords.ts';
import type { TaskBatch } from '../../src/tasks/task.ts';

export const BATCH = 3;
export const SEQUENCE = 17;

/** A masked batch in the form of a training step. */
export interface GoldenBatch extends TaskBatch {
  readonly inputIds: Int32Array;
  readonly typeIds: Int32Array;
  readonly attention: Uint8Array;
  readonly keyRanges: Int32Array;
  readonly positions: Int32Array;
  readonly labels: Int32Array;
  readonly predicted: number;
}

export function integersOf(file: SafetensorsFile, name: string): Int32Array {
  const found = file.integers.get(name);
  if (found === undefined) throw new Error(`golden: no integers ${name}`);
  return found.data;
}

/** The golden file `batch` as the engine wants it. */
export function batchOf(file: SafetensorsFile): GoldenBatch {
  const attention = Uint8Array.from(integersOf(file, 'attention_mask'));
  const all = integersOf(file, 'labels');
  const positions = Int32Array.from([...all.keys()].filter((i) => (all[i] ?? -1) >= 0));
  const masked = {
    inputIds: integersOf(file, 'input_ids'),
    typeIds: integersOf(file, 'token_type_ids'),
    attention,
    keyRanges: keyRanges({ attention }, SEQUENCE),
    positions,
    labels: Int32Array.from(positions, (i) => all[i] ?? -1),
    predicted: positions.length,
  };
  return { ...masked, ...maskedBatch(masked) };
}

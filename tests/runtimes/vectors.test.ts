import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { exportStudent } from '../../src/studio/exporting/studentExport.ts';
import { finishedWith, givenTeacher, variant } from '../studio/exporting/exportFixture.ts';
import { Shelf } from './folders.ts';

const SCRIPT = fileURLToPath(new URL('check_vectors.py', import.meta.url));
/** `WID_PYTHON` names an interpreter that has the libraries, such as a virtual environment's. */
const PYTHON = process.env['WID_PYTHON'] ?? 'python3';

const probe = spawnSync(PYTHON, ['-c', 'import torch, optimum.onnxruntime, sentence_transformers'], { encoding: 'utf8' });
const missing = probe.status === 0 ? undefined : (probe.stderr ?? '').trim().split('\n').at(-1) || String(probe.error ?? 'it does not run');
if (missing !== undefined) console.warn(`SKIPPED: Optimum and sentence-transformers were not tested, since ${PYTHON} says: ${missing}`);

const shelf = new Shelf();
afterAll(() => shelf.remove());

test.skipIf(missing !== undefined)(
  "Optimum's feature extraction and the ONNX backend of sentence-transformers read an encoder without its head",
  async () => {
    const student = finishedWith(variant({}));
    const options = { latency: false, int8: false, outputs: 'last_hidden_state' } as const;
    const folder = await shelf.put(
      await exportStudent(new ReferenceEngine(), givenTeacher(), student, 'vectors', () => undefined, options),
    );
    const ran = spawnSync(PYTHON, [SCRIPT, folder], { encoding: 'utf8' });
    expect(ran.status, ran.stderr).toBe(0);
    const found: unknown = JSON.parse(ran.stdout);
    console.log(`Python: ${ran.stdout.trim()}`);
    expect(found).toMatchObject({ width: student.model.config.hiddenSize });
    for (const tool of ['optimum', 'sentences'] as const) {
      const apart = typeof found === 'object' && found !== null ? new Map<string, unknown>(Object.entries(found)).get(tool) : undefined;
      // float32 in another order, behind a LayerNorm.
      expect(typeof apart === 'number' ? apart : Number.NaN, tool).toBeLessThan(1e-4);
    }
  },
  120_000,
);

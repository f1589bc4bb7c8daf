import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { encodeStudentOnnx } from '../../src/export/onnxStudent.ts';
import { variant } from '../studio/exporting/exportFixture.ts';
import { Shelf } from './folders.ts';

const SCRIPT = fileURLToPath(new URL('count_products.py', import.meta.url));
/** `WID_PYTHON` names an interpreter that has the libraries, such as a virtual environment's. */
const PYTHON = process.env['WID_PYTHON'] ?? 'python3';

const probe = spawnSync(PYTHON, ['-c', 'import onnx, onnxruntime, onnxruntime.transformers.optimizer'], { encoding: 'utf8' });
const missing = probe.status === 0 ? undefined : (probe.stderr ?? '').trim().split('\n').at(-1) || String(probe.error ?? 'it does not run');
if (missing !== undefined)
  console.warn(`SKIPPED: ONNX Runtime's quantisers and optimiser were not tested, since ${PYTHON} says: ${missing}`);

const shelf = new Shelf();
afterAll(() => shelf.remove());

/** Six products a layer of three, and the head's transform. */
const PRODUCTS = 3 * 6 + 1;

test.skipIf(missing !== undefined)("ONNX Runtime's quantisers convert every product, and its optimiser fuses every layer", () => {
  const models = [variant({ tieWordEmbeddings: false }), variant({})];
  const given = models.flatMap((model, i) => {
    const path = join(shelf.path, `${i}.onnx`);
    writeFileSync(path, encodeStudentOnnx(model, 'tools', {}));
    return [path, String(model.config.heads), String(model.config.hiddenSize)];
  });
  const ran = spawnSync(PYTHON, [SCRIPT, ...given], { encoding: 'utf8' });
  expect(ran.status, ran.stderr).toBe(0);
  const [untied, tied] = ran.stdout
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  // Without preprocessing; the decoder is a product of its own.
  expect(untied).toMatchObject({ weighted: PRODUCTS + 1, bytes: PRODUCTS + 1, fourBits: PRODUCTS + 1 });
  // The one table is read by a Gemm: the 4-bit quantiser leaves it, and the lookup needs it in float32 anyway.
  expect(tied).toMatchObject({ weighted: PRODUCTS + 1, bytes: PRODUCTS + 1, fourBits: PRODUCTS });
  for (const found of [untied, tied]) {
    expect(found).toMatchObject({ fused: { Attention: 3, BiasGelu: 4, EmbedLayerNormalization: 1 } });
    expect(found).toHaveProperty('apart');
    // The golden model's logits reach 40: a few float32 roundings of that.
    expect(typeof found === 'object' && found !== null && 'apart' in found ? found.apart : Number.NaN).toBeLessThan(5e-4);
  }
});

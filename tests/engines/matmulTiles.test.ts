import { expect, test } from 'vitest';
import type { Engine } from '../../src/engines/engine.ts';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import type { MatmulTile } from '../../src/engines/webgpu/matmul/form.ts';
import { wholeTiles } from '../../src/engines/webgpu/matmul/candidates.ts';
import { WebGpuEngine } from '../../src/engines/webgpu/webgpuEngine.ts';
import { relativeError } from '../../src/engines/conformance/relativeError.ts';
import { DIFFERENTIABLE } from '../../src/engines/conformance/operationCases.ts';
import { outputsOf } from '../../src/engines/conformance/outputsOf.ts';
import { takeSoftwareGpu } from './softwareGpu.ts';
import { SOFTWARE_TRAITS } from './softwareTraits.ts';

const LOAD = { m: 0, n: 0, k: 256, batch: 1 };

/** Every kernel that some adapter would choose for some product. */
function tiles(): ReadonlyMap<string, MatmulTile> {
  const found = new Map<string, MatmulTile>();
  for (const software of [false, true])
    for (const size of [256, 96, 64, 32, 16, 4])
      for (const tile of wholeTiles({ ...LOAD, m: size, n: size }, { ...SOFTWARE_TRAITS, software })) {
        const { method, rows, columns, threadsX, threadsY, depth, steps = 4 } = tile;
        // Quads differ in nothing but where the right edge lies.
        const invocations = method === 'quad' ? `quads of ${steps} steps` : `${threadsX} x ${threadsY} invocations`;
        found.set(`${method} ${rows} x ${columns}, ${invocations}, depth ${depth}`, tile);
      }
  return found;
}

/** Every fourth: compiling kernels is what takes long here, and each form has its own. */
const PRODUCTS = DIFFERENTIABLE.filter(({ name }) => /matmul|A\^T B|A B\^T/.test(name)).filter((__, i) => i % 4 === 0);

// A software adapter would never choose most of these, and a GPU no others.
test.each([...tiles()])('%s', async (_, tile) => {
  await takeSoftwareGpu();
  const engine: Engine = await WebGpuEngine.create({ tile });
  const reference = new ReferenceEngine();
  for (const operation of PRODUCTS) {
    const expected = await outputsOf(reference, operation, true);
    const got = await outputsOf(engine, operation, true);
    for (const [name, values] of expected)
      expect(relativeError(got.get(name) ?? [], values), `${operation.name}: ${name}`).toBeLessThan(5e-6);
  }
  engine.dispose();
});

test('there are kernels of every method to test, on products of every form', () => {
  expect(tiles().size).toBeGreaterThan(8);
  expect(new Set([...tiles().values()].map(({ method }) => method))).toEqual(new Set(['registers', 'quad', 'workgroup']));
  expect(PRODUCTS.length).toBeGreaterThan(2);
});

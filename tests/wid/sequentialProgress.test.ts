import { expect, test } from 'vitest';
import type { Engine } from '../../src/engines/engine.ts';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { keptNorms } from '../../src/training/trainingGraph.ts';
import { calibrateOnePass } from '../../src/wid/calibrate.ts';
import { gatherMoments } from '../../src/wid/moments.ts';
import { calibrateSequentially } from '../../src/wid/sequential.ts';
import { spacesOf, spaceTable } from '../../src/wid/spaces.ts';
import { BATCH, SEQUENCE } from '../golden/batch.ts';
import { goldenBatch, goldenTeacher } from '../golden/load.ts';

/** Passes of one batch at most between two turns: teacher's and student's layer, and the products of what they read. */
const MOST = 3;

// Pause and stop are heard where progress is told: at BERT-base's size the batches of one layer take half a minute.
test.each([
  ['first', [0, 2], false],
  ['last', [1, 2], true],
] as const)('depth %s: every batch of every layer is told, those of layers that are left out too', async (depth, layerMap, tied) => {
  const teacher = goldenTeacher();
  const batches = Array.from({ length: 4 }, () => goldenBatch());
  const table = spaceTable(spacesOf(teacher.config), { residual: 16, heads: 4, headSize: 4, inner: 24, layers: 2 }, tied, depth);
  expect(table.layerMap).toEqual(layerMap);
  const inner = new ReferenceEngine();
  let runs = 0;
  const engine: Engine = {
    limits: inner.limits,
    planOptions: inner.planOptions,
    describe: () => inner.describe(),
    compile: (plan) => {
      const program = inner.compileReference(plan);
      const run = program.run.bind(program);
      program.run = () => {
        runs += 1;
        return run();
      };
      return Promise.resolve(program);
    },
    dispose: () => inner.dispose(),
  };
  const moments = await gatherMoments(inner, teacher, BATCH, SEQUENCE, batches, () => {});
  const onePass = await calibrateOnePass(teacher, table, moments, () => {});
  const norms = keptNorms(teacher.tensors, table, onePass.residual);
  const size = { batch: BATCH, sequence: SEQUENCE };
  const told: number[] = [];
  const between: number[] = [];
  let of = 0;
  await calibrateSequentially(engine, teacher, teacher.tensors, table, onePass, norms, size, batches, (done, total) => {
    told.push(done);
    between.push(runs);
    runs = 0;
    of = total;
  });
  expect(told).toEqual(Array.from({ length: of }, (_, i) => i + 1));
  expect(Math.max(...between)).toBeLessThanOrEqual(MOST);
  expect(runs, 'nothing is run after the last one').toBe(0);
});

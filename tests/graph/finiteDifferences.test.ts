import { describe, expect, test } from 'vitest';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { plan } from '../../src/graph/plan.ts';
import { caseGraph, writeCase } from '../../src/engines/conformance/caseGraph.ts';
import { DIFFERENTIABLE } from '../../src/engines/conformance/operationCases.ts';

/** Entries checked a tensor: enough to meet every branch, few enough for 129 x 129 x 259. */
const CHECKED = 6;
const STEP = 1e-4;

describe('gradients agree with central differences in float64', () => {
  test.each(DIFFERENTIABLE)('$name', async (operation) => {
    const made = caseGraph(operation, true);
    if (made.loss === undefined) throw new Error('a case with gradients has no loss');
    made.graph.output('loss', made.loss);
    const program = new ReferenceEngine().compileReference(plan(made.graph));
    writeCase(program, operation, made, true);
    await program.run();
    const gradients = new Map(Object.keys(operation.floats).map((name) => [name, program.readExact(`d.${name}`)]));
    let compared = 0;
    for (const [name, gradient] of gradients) {
      const at = program.readExact(name);
      const stride = Math.max(1, Math.floor(at.length / CHECKED));
      for (let i = 0; i < at.length; i += stride) {
        const loss = async (shift: number): Promise<number> => {
          program.writeExact(
            name,
            at.map((x, j) => (j === i ? x + shift : x)),
          );
          await program.run();
          return program.readExact('loss')[0] ?? Number.NaN;
        };
        const slope = ((await loss(STEP)) - (await loss(-STEP))) / (2 * STEP);
        program.writeExact(name, at);
        // Central differences err by STEP^2 times the third derivative, and by 1e-16 / STEP of the loss.
        expect(Math.abs(slope - (gradient[i] ?? Number.NaN)), `d.${name}[${i}]`).toBeLessThan(1e-6 * Math.max(1, Math.abs(slope)) * 10);
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(0);
  });
});

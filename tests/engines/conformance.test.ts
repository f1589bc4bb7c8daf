import { ADAMW_SETTINGS } from '../../src/graph/operation.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/engines/engine.ts';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { Graph } from '../../src/graph/graph.ts';
import { plan } from '../../src/graph/plan.ts';
import { TOLERANCE } from '../../src/engines/conformance/conformance.ts';
import { relativeError } from '../../src/engines/conformance/relativeError.ts';
import { ENGINES, PLAIN_WEBGPU } from './availableEngines.ts';
import { OTHERS, randomFloats } from '../../src/engines/conformance/operationCases.ts';
import { CASES, outputsOf } from '../../src/engines/conformance/outputsOf.ts';

describe.each([...ENGINES.filter(({ name }) => name !== 'reference'), PLAIN_WEBGPU])(
  '$name agrees with the reference engine',
  ({ create }) => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await create();
    });
    afterAll(() => engine.dispose());

    test.each([...CASES])('$operation.name', async ({ operation, gradients }) => {
      const expected = await outputsOf(new ReferenceEngine(), operation, gradients);
      const got = await outputsOf(engine, operation, gradients);
      expect(got.size).toBe(expected.size);
      for (const [name, values] of expected) {
        const error = relativeError(got.get(name) ?? [], values);
        expect(error, name).toBeLessThan(values instanceof Int32Array ? 1e-9 : TOLERANCE);
      }
    });

    test('numbers that are not finite leave weights and moments as they were', async () => {
      const found = OTHERS.find(({ name }) => name === 'adamw of 17');
      if (found === undefined) throw new Error('the case is gone');
      const graph = new Graph();
      const x = graph.input('x', [17]);
      const given = new Map([
        ['x', x],
        ['settings', graph.input('settings', [ADAMW_SETTINGS.length])],
        ['loss', graph.input('loss', [1])],
      ]);
      found.build(graph, (name) => given.get(name) ?? x);
      const program = await engine.compile(plan(graph, engine.planOptions));
      program.write('settings', found.constants?.['settings']?.data ?? new Float32Array(ADAMW_SETTINGS.length));
      const before = randomFloats([17], 5).map(Math.abs);
      for (const poison of [Number.NaN, Number.POSITIVE_INFINITY]) {
        for (const name of ['p', 'm', 'v']) program.write(name, before);
        program.write(
          'x',
          randomFloats([17], 6).map((value, i) => (i === 11 ? poison : value)),
        );
        await program.run();
        for (const name of ['p', 'm', 'v']) expect(await program.read(name)).toEqual(before);
      }
      program.write('x', randomFloats([17], 6));
      await program.run();
      expect(await program.read('p'), 'a sound run behind a fault').toEqual(before);
      program.write('halted', Float32Array.of(0));
      await program.run();
      expect(await program.read('p')).not.toEqual(before);
      program.dispose();
    });
  },
);

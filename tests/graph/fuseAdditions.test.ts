import { describe, expect, test } from 'vitest';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { Graph } from '../../src/graph/graph.ts';
import { assign, scale } from '../../src/graph/ops/elementwise.ts';
import { add } from '../../src/graph/ops/layout.ts';
import { matmul } from '../../src/graph/ops/matmul.ts';
import { transpose } from '../../src/graph/ops/view.ts';
import { plan } from '../../src/graph/plan.ts';
import type { Value } from '../../src/graph/value.ts';

interface Given {
  readonly graph: Graph;
  /** [2, 2], 1 2 3 4. */
  readonly a: Value;
  /** [2, 2], 5 6 7 8: a b = 19 22 43 50. */
  readonly b: Value;
  /** [2, 2], 100 200 300 400. */
  readonly rest: Value;
}

/** What the plan of a graph does, and what `y` is after a run. */
async function planned(build: (given: Given) => Value): Promise<{ kinds: string[]; y: number[] }> {
  const graph = new Graph();
  const [a, b, rest] = [graph.state('a', [2, 2]), graph.input('b', [2, 2]), graph.input('rest', [2, 2])];
  graph.output('y', build({ graph, a, b, rest }));
  const engine = new ReferenceEngine();
  const made = plan(graph, engine.planOptions);
  const program = await engine.compile(made);
  program.write('a', Float32Array.of(1, 2, 3, 4));
  program.write('b', Float32Array.of(5, 6, 7, 8));
  program.write('rest', Float32Array.of(100, 200, 300, 400));
  await program.run();
  return { kinds: made.nodes.map(({ operation }) => operation.kind), y: [...(await program.read('y'))] };
}

describe('a product that is only added to something', () => {
  test.each([true, false])('becomes one product with an addend (first: %s)', async (first) => {
    const { kinds, y } = await planned(({ graph, a, b, rest }) => {
      const product = matmul(graph, a, b);
      return first ? add(graph, product, rest) : add(graph, rest, product);
    });
    expect(kinds).toEqual(['matmul']);
    expect(y).toEqual([119, 222, 343, 450]);
  });

  test('keeps its bias and factor', async () => {
    const { kinds, y } = await planned(({ graph, a, b, rest }) => {
      const bias = graph.input('bias', [2]);
      return add(graph, matmul(graph, a, b, { alpha: 2, bias }), rest);
    });
    expect(kinds).toEqual(['matmul']);
    expect(y).toEqual([138, 244, 386, 500]);
  });

  test('takes one of two products', async () => {
    const { kinds, y } = await planned(({ graph, a, b }) => add(graph, matmul(graph, a, b), matmul(graph, a, b, { alpha: 2 })));
    expect(kinds).toEqual(['matmul', 'matmul']);
    expect(y).toEqual([57, 66, 129, 150]);
  });
});

describe('stays an addition', () => {
  test('where the product is read elsewhere', async () => {
    const { kinds, y } = await planned(({ graph, a, b, rest }) => {
      const product = matmul(graph, a, b);
      return add(graph, add(graph, product, rest), scale(graph, product, -1));
    });
    expect(kinds.filter((kind) => kind === 'add')).toHaveLength(2);
    expect(y).toEqual([100, 200, 300, 400]);
  });

  test('where the product is added to itself', async () => {
    const { kinds, y } = await planned(({ graph, a, b }) => {
      const product = matmul(graph, a, b);
      return add(graph, product, product);
    });
    expect(kinds).toEqual(['matmul', 'add']);
    expect(y).toEqual([38, 44, 86, 100]);
  });

  test('where the product is an output', async () => {
    const { kinds } = await planned(({ graph, a, b, rest }) => {
      const product = matmul(graph, a, b);
      graph.output('product', product);
      return add(graph, product, rest);
    });
    expect(kinds).toEqual(['matmul', 'add']);
  });

  test('where what the product reads is overwritten before the addition', async () => {
    const { kinds, y } = await planned(({ graph, a, b, rest }) => {
      const product = matmul(graph, a, b);
      assign(graph, a, scale(graph, rest, 1));
      return add(graph, product, rest);
    });
    expect(kinds).toContain('add');
    expect(y).toEqual([119, 222, 343, 450]);
  });

  test('where the layouts differ', async () => {
    const { y } = await planned(({ graph, a, b, rest }) => add(graph, transpose(graph, matmul(graph, a, b)), rest));
    expect(y).toEqual([119, 243, 322, 450]);
  });
});

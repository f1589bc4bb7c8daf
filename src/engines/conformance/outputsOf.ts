import type { Engine } from '../engine.ts';
import { plan } from '../../graph/plan.ts';
import { caseGraph, writeCase } from './caseGraph.ts';
import { DIFFERENTIABLE, OTHERS, type OperationCase } from './operationCases.ts';

export interface Case {
  readonly operation: OperationCase;
  /** Whether its gradients are compared as well. */
  readonly gradients: boolean;
}

/** Every operation at several sizes. */
export const CASES: readonly Case[] = [
  ...DIFFERENTIABLE.map((operation) => ({ operation, gradients: true })),
  ...OTHERS.map((operation) => ({ operation, gradients: false })),
];

/** The case with its gradients, run once; every tensor by name. */
export async function outputsOf(
  engine: Engine,
  operation: OperationCase,
  gradients: boolean,
): Promise<Map<string, Float32Array | Int32Array>> {
  const made = caseGraph(operation, gradients);
  const { graph } = made;
  const program = await engine.compile(plan(graph, engine.planOptions));
  writeCase(program, operation, made, gradients);
  await program.run();
  const results = new Map<string, Float32Array | Int32Array>();
  for (const [name, value] of graph.outputs)
    results.set(name, value.dtype === 'i32' ? await program.readIntegers(name) : await program.read(name));
  for (const name of graph.states.keys()) results.set(name, await program.read(name));
  program.dispose();
  return results;
}

import { plan, type Plan, type PlanOptions } from '../../graph/plan.ts';
import type { Program } from '../engine.ts';
import { ReferenceEngine } from '../reference/referenceEngine.ts';
import type { CheckGraph } from './checkGraph.ts';

/** What an engine is checked by. */
export interface Checked {
  readonly planOptions: PlanOptions;
  compile(plan: Plan): Promise<Program>;
}

/** A number that an engine computes wrongly. */
export interface WrongNumber {
  /** What it belongs to. */
  readonly what: string;
  /** Where it lies in that, row-major. */
  readonly place: number;
  readonly expected: number;
  readonly got: number;
}

/**
 * As a share of the largest number of a tensor. Another order of sums is 1e-6 off; a driver's exp and tanh may be 1e-5 off. A kernel
 * that is wrong, or is raced by another invocation, is off by whole numbers.
 */
const TOLERANCE = 1e-3;

/**
 * Runs a small program of every operation, and compares all that it computes with the reference engine.
 *
 * @returns the first number that is wrong, in the order of computation; undefined if all are right
 * @throws whatever the engine throws that cannot compile or run it
 */
export async function firstWrongNumber(engine: Checked, { graph, given }: CheckGraph): Promise<WrongNumber | undefined> {
  const reference = new ReferenceEngine();
  const truth = reference.compileReference(plan(graph, reference.planOptions));
  const program = await engine.compile(plan(graph, engine.planOptions));
  try {
    for (const [name, numbers] of given) {
      truth.write(name, numbers);
      program.write(name, numbers);
    }
    await Promise.all([program.run(), truth.run()]);
    // Outputs in the order in which they are computed, then what the update left behind. All at once: a browser may take a tenth
    // of a second to tell that one has come.
    const found = await Promise.all(
      [...graph.outputs, ...graph.states].map(async ([name, { dtype }]) =>
        dtype === 'i32'
          ? compare(name, await program.readIntegers(name), await truth.readIntegers(name))
          : compare(name, await program.read(name), await truth.read(name)),
      ),
    );
    return found.find((wrong) => wrong !== undefined);
  } finally {
    program.dispose();
  }
}

function compare(what: string, got: ArrayLike<number>, expected: ArrayLike<number>): WrongNumber | undefined {
  const numbers = Array.from(expected);
  const allowed = TOLERANCE * numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  // What is not a number is never within a tolerance.
  const place = numbers.findIndex((x, i) => !(Math.abs((got[i] ?? Number.NaN) - x) <= allowed));
  return place < 0 ? undefined : { what, place, expected: numbers[place] ?? Number.NaN, got: got[place] ?? Number.NaN };
}

/** As an error says it. */
export function wrongInWords({ what, place, expected, got }: WrongNumber): string {
  return `${what}, number ${place} — expected ${expected}, got ${got}`;
}

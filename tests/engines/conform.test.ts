// The comparison that browsers, Deno and the page's test of a GPU share: it finds what is wrong, and ends if it is told to.
import { expect, test } from 'vitest';
import { conform, TOLERANCE } from '../../src/engines/conformance/conformance.ts';
import { CASES } from '../../src/engines/conformance/outputsOf.ts';
import { DeviceLostError } from '../../src/engines/deviceLost.ts';
import type { Program } from '../../src/engines/engine.ts';
import { EngineError } from '../../src/engines/engineError.ts';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import type { Plan } from '../../src/graph/plan.ts';

const NAMES = ['softmax 2 x 2 x 17 x 17, documents apart', 'gelu of 17', 'argmaxRows 5 x 129', 'reduceSum of 17'];
const some = CASES.filter(({ operation }) => NAMES.includes(operation.name));

/** The reference engine with a fault: `compile` gives what `change` makes of a program. */
class FaultyEngine extends ReferenceEngine {
  readonly #change: (plan: Plan, program: Program) => Program;

  constructor(change: (plan: Plan, program: Program) => Program) {
    super();
    this.#change = change;
  }

  override async compile(plan: Plan): Promise<Program> {
    return this.#change(plan, await super.compile(plan));
  }
}

const has = (plan: Plan, kind: string): boolean => plan.nodes.some(({ operation }) => operation.kind === kind);

/** A program that gives other numbers for what it computes in float32. */
const reading = (program: Program, read: (name: string) => Promise<Float32Array>): Program => ({
  ahead: 0,
  write: (name, data) => program.write(name, data),
  run: () => program.run(),
  read,
  readIntegers: (name) => program.readIntegers(name),
  dispose: () => program.dispose(),
});

test('an engine that computes right is within the tolerance, case by case in their order', async () => {
  const seen: string[] = [];
  const results = await conform(new ReferenceEngine(), some, { progress: (done, total) => seen.push(`${done}/${total}`) });
  expect(results.map(({ name }) => name)).toEqual(some.map(({ operation }) => operation.name));
  expect(results).toHaveLength(4);
  for (const { error, tensors } of results) {
    expect(error).toBe(0);
    expect(tensors).toBeGreaterThan(0);
  }
  expect(seen).toEqual(['1/4', '2/4', '3/4', '4/4']);
});

test('one wrong number of one operation is found, and so is one that is no number', async () => {
  for (const wrong of [(x: number) => x + 1e-3, () => Number.NaN]) {
    const engine = new FaultyEngine((plan, program) =>
      has(plan, 'softmax')
        ? reading(program, async (name) => {
            const values = await program.read(name);
            values[values.length - 1] = wrong(values.at(-1) ?? 0);
            return values;
          })
        : program,
    );
    const results = await conform(engine, some);
    expect(results.filter(({ error }) => !(error < TOLERANCE)).map(({ name }) => name)).toEqual([NAMES[0]]);
  }
});

test('a kernel that does not compile is a fault of its case, and a lost device ends the comparison', async () => {
  const refusing = new FaultyEngine((plan, program) => {
    if (has(plan, 'gelu')) throw new EngineError('webgpu: kernel gelu — no');
    return program;
  });
  const results = await conform(refusing, some);
  expect(results.flatMap(({ name, fault, error }) => (fault === undefined ? [] : [{ name, fault, error }]))).toEqual([
    { name: NAMES[1], fault: 'webgpu: kernel gelu — no', error: Infinity },
  ]);
  const losing = new FaultyEngine(() => {
    throw new DeviceLostError('webgpu: the device was lost.');
  });
  await expect(conform(losing, some)).rejects.toBeInstanceOf(DeviceLostError);
});

test('nothing is begun after it is told to end', async () => {
  const stop = new AbortController();
  const results = await conform(new ReferenceEngine(), CASES, { progress: () => stop.abort(), signal: stop.signal });
  expect(results.length).toBeGreaterThan(0);
  expect(results.length).toBeLessThan(20);
});

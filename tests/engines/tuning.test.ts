import { beforeAll, expect, test, vi } from 'vitest';
import { DeviceLostError } from '../../src/engines/deviceLost.ts';
import { RememberedHere, type Remembered } from '../../src/engines/remembered.ts';
import type { MatmulTile } from '../../src/engines/webgpu/matmul/form.ts';
import { TileMemory, tileName } from '../../src/engines/webgpu/tuning/tileMemory.ts';
import type { Tuning } from '../../src/engines/webgpu/tuning/tileTuner.ts';
import { WebGpuEngine } from '../../src/engines/webgpu/webgpuEngine.ts';
import { WrongNumbersError } from '../../src/engines/wrongNumbers.ts';
import { Graph } from '../../src/graph/graph.ts';
import { matmul } from '../../src/graph/ops/matmul.ts';
import { plan } from '../../src/graph/plan.ts';
import { alterKernels } from './alterKernels.ts';
import { takeSoftwareGpu } from './softwareGpu.ts';

beforeAll(takeSoftwareGpu);

const SMALL: MatmulTile = { method: 'registers', rows: 4, columns: 4, threadsX: 8, threadsY: 1, depth: 0 };
const LARGE: MatmulTile = { method: 'registers', rows: 8, columns: 8, threadsX: 4, threadsY: 1, depth: 0 };
const THIRD: MatmulTile = { ...SMALL, threadsX: 16 };
/** One invocation a workgroup, which fills memory for itself alone: twenty times slower, whatever else the machine does. */
const SLOW: MatmulTile = { ...SMALL, method: 'workgroup', threadsX: 1, depth: 4 };
/** More invocations than any adapter allows: a pipeline that cannot be made. */
const IMPOSSIBLE: MatmulTile = { ...SMALL, threadsX: 65_536 };
const SIDE = 96;

/** What is kept, and how often it was written. */
class Noted implements Remembered {
  readonly #facts = new RememberedHere();
  readonly written: string[] = [];

  recall(key: string): Promise<string | undefined> {
    return this.#facts.recall(key);
  }

  async remember(key: string, make: (known: string | undefined) => string): Promise<string> {
    const text = await this.#facts.remember(key, make);
    this.written.push(text);
    return text;
  }
}

const tuning = (remembered: Remembered, tiles: readonly MatmulTile[] = [SMALL, LARGE]): Tuning => ({
  remembered,
  milliseconds: 60_000,
  candidates: () => tiles,
});

interface Compiled {
  /** What was measured for it. */
  readonly measured: readonly (readonly [string, number | undefined])[][];
  readonly chosen: readonly string[];
  readonly wrong: readonly (readonly string[])[];
  readonly stages: readonly string[];
  readonly kernels: ReadonlyMap<string, string>;
  readonly detail: string;
}

/** Compiles one product on an engine of its own, and checks what it computes. */
async function compiled(
  options: Tuning,
  signal?: AbortSignal,
  lose: boolean | number = false,
  more?: readonly [number, number, number],
): Promise<Compiled> {
  const engine = await WebGpuEngine.create({ tuning: options });
  try {
    const graph = new Graph();
    graph.output('c', matmul(graph, graph.input('a', [SIDE, SIDE]), graph.input('b', [SIDE, SIDE])));
    if (more !== undefined) {
      const [m, k, n] = more;
      graph.output('more', matmul(graph, graph.input('d', [m, k]), graph.input('e', [k, n])));
    }
    const stages: string[] = [];
    const program = await engine.compile(plan(graph, engine.planOptions), {
      progress: (stage, done, total) => {
        stages.push(`${stage} ${done} of ${total}`);
        if (stage === 'measuring' && (lose === true || done + 1 === lose)) engine.loseDevice();
      },
      ...(signal === undefined ? {} : { signal }),
    });
    const identity = Float32Array.from({ length: SIDE * SIDE }, (_, i) => (i % (SIDE + 1) === 0 ? 2 : 0));
    const numbers = Float32Array.from({ length: SIDE * SIDE }, (_, i) => i % 101);
    program.write('a', identity);
    program.write('b', numbers);
    await program.run();
    expect(await program.read('c')).toEqual(numbers.map((x) => 2 * x));
    const { measurements } = engine;
    return {
      measured: measurements.map(({ times }) => [...times]),
      chosen: measurements.map(({ chosen }) => chosen),
      wrong: measurements.map(({ wrong }) => wrong),
      stages,
      kernels: new Map(engine.kernels),
      detail: engine.describe().detail,
    };
  } finally {
    engine.dispose();
  }
}

test('measures every candidate once, takes the fastest, and measures nothing when it is recalled', async () => {
  const kept = new Noted();
  const first = await compiled(tuning(kept));
  const [times = []] = first.measured;
  expect(times.map(([name]) => name)).toEqual([tileName(SMALL), tileName(LARGE)]);
  const fastest = times.toSorted(([, a = Infinity], [, b = Infinity]) => a - b)[0];
  expect(fastest?.[1]).toBeGreaterThan(0);
  expect(first.chosen).toEqual([fastest?.[0]]);
  expect(first.stages).toEqual(['measuring 0 of 1', 'measuring 1 of 1']);
  expect(kept.written).toHaveLength(1);
  expect(kept.written[0]).toContain(JSON.stringify(fastest?.[0]));

  const second = await compiled(tuning(kept));
  expect(second.measured).toEqual([]);
  expect(second.stages.every((stage) => stage.startsWith('compiling'))).toBe(true);
  expect(second.stages).toContain('compiling 1 of 1');
  expect(kept.written).toHaveLength(1);
});

test('names what computes a product, by the kernel that was taken', async () => {
  const kept = new Noted();
  const [measured, recalled, other] = [
    await compiled(tuning(kept)),
    await compiled(tuning(kept)),
    await compiled(tuning(new Noted(), [THIRD])),
  ];
  expect([...measured.kernels.keys()]).toEqual([expect.stringContaining(`(${SIDE} x ${SIDE} x ${SIDE})`)]);
  expect(recalled.kernels).toEqual(measured.kernels);
  expect([...other.kernels.keys()]).toEqual([...measured.kernels.keys()]);
  expect(other.kernels).not.toEqual(measured.kernels);
  expect(measured.detail).toMatch(/, measured kernels$/);
});

test('does not take a kernel that is much slower, though it stands first', async () => {
  expect((await compiled(tuning(new Noted(), [SLOW, LARGE]))).chosen).toEqual([tileName(LARGE)]);
});

let text = '';
beforeAll(async () => {
  const kept = new Noted();
  await compiled(tuning(kept));
  [text = ''] = kept.written;
});
test.each([
  ['no JSON', () => '{"'],
  ['other JSON', () => '[1, null]'],
  ['a kernel that is no candidate', (text: string) => text.replaceAll('registers', 'quad')],
  ['wrong types', (text: string) => text.replaceAll(/"chosen":"(?:[^"\\]|\\.)*"/g, '"chosen":7')],
  ['other kernel code', (text: string) => text.replaceAll(/#[0-9a-f]{8}/g, '#00000000')],
])('measures again where the memory holds %s', async (_, damage) => {
  expect(damage(text)).not.toBe(text);
  const damaged: Remembered = { recall: () => Promise.resolve(damage(text)), remember: (_, make) => Promise.resolve(make(damage(text))) };
  expect((await compiled(tuning(damaged))).measured).toHaveLength(1);
});

test('passes over a kernel that cannot be compiled, and says so where there is no other', async () => {
  const { measured, chosen } = await compiled(tuning(new Noted(), [IMPOSSIBLE, SMALL]));
  expect(measured[0]?.[0]).toEqual([tileName(IMPOSSIBLE), undefined]);
  expect(chosen).toEqual([tileName(SMALL)]);
  await expect(compiled(tuning(new Noted(), [IMPOSSIBLE, IMPOSSIBLE]))).rejects.toThrow(
    /webgpu: kernel matmul registers 4x4 did not compile/,
  );
});

test('a device that is lost while a kernel is measured is told by its error, and the next one does without that kernel', async () => {
  const kept = new Noted();
  const three = tuning(kept, [SMALL, LARGE, THIRD]);
  await expect(compiled(three, undefined, true)).rejects.toBeInstanceOf(DeviceLostError);
  expect(kept.written.at(-1)).toContain(`"lost":[${JSON.stringify(tileName(SMALL))}]`);
  const { measured } = await compiled(three);
  expect(measured.map((times) => times.map(([name]) => name))).toEqual([[tileName(LARGE), tileName(THIRD)]]);
});

test('a kernel under which the device was lost is not taken where nothing is measured', async () => {
  const three = tuning(new Noted(), [IMPOSSIBLE, SMALL, LARGE]);
  await expect(compiled(three, undefined, true)).rejects.toBeInstanceOf(DeviceLostError);
  // The likeliest would not compile.
  expect((await compiled(three, AbortSignal.abort())).measured).toEqual([]);
});

test('what was measured before the device was lost is kept', async () => {
  const kept = new Noted();
  const two = tuning(kept);
  await expect(compiled(two, undefined, 2, [64, 96, 64])).rejects.toBeInstanceOf(DeviceLostError);
  expect(kept.written).toHaveLength(1);
  expect(kept.written[0]).toMatch(/"chosen":.*"lost":/);
  // The other product has one kernel left.
  expect((await compiled(two, undefined, false, [64, 96, 64])).measured).toEqual([]);
});

test('says so where the device was lost under every kernel', async () => {
  const kept = new Noted();
  await compiled(tuning(kept));
  const all = JSON.stringify([tileName(SMALL), tileName(LARGE)]);
  const damaged: Remembered = {
    recall: () => Promise.resolve((kept.written[0] ?? '').replace(/"chosen":"(?:[^"\\]|\\.)*"/, () => `"lost":${all}`)),
    remember: (_, make) => Promise.resolve(make(undefined)),
  };
  await expect(compiled(tuning(damaged))).rejects.toThrow(
    /webgpu: the device was lost under every matmul kernel for .*96.*Use the CPU engine/,
  );
});

test('where another session chose meanwhile, its choice stands, unless it is no kernel or was lost', async () => {
  const kept = new RememberedHere();
  const [first, second] = [new TileMemory(kept, 'adapter'), new TileMemory(kept, 'adapter')];
  const usable = (_: string, name: string): boolean => name !== 'foreign';
  await first.remember(
    new Map([
      ['p', { chosen: 'a' }],
      ['q', { chosen: 'foreign' }],
      ['r', { chosen: 'a' }],
    ]),
    usable,
  );
  const stands = await second.remember(
    new Map([
      ['p', { chosen: 'b' }],
      ['q', { chosen: 'b' }],
      ['r', { lost: ['a'] }],
    ]),
    usable,
  );
  expect(Object.fromEntries(stands)).toEqual({ p: { chosen: 'a' }, q: { chosen: 'b' }, r: { lost: ['a'] } });
  expect(await first.recall()).toEqual(stands);
});

test('measures nothing once it was cancelled, and keeps nothing of it', async () => {
  const kept = new Noted();
  const { measured } = await compiled(tuning(kept), AbortSignal.abort());
  expect(measured).toEqual([]);
  expect(kept.written).toEqual([]);
});

test('what there was no time for keeps its likeliest kernel, so that later programs are made of the same', async () => {
  const kept = new Noted();
  expect((await compiled({ ...tuning(kept), milliseconds: 0 })).measured).toEqual([]);
  expect((await compiled(tuning(kept))).measured).toEqual([]);
  expect(kept.written).toHaveLength(1);
});

test('what there was no time for goes by the winner of the same layout, where that was compared', async () => {
  const kept = new Noted();
  const tiles = [SLOW, LARGE];
  expect((await compiled(tuning(kept, tiles))).chosen).toEqual([tileName(LARGE)]);
  expect((await compiled({ ...tuning(kept, tiles), milliseconds: 0 }, undefined, false, [64, 96, 64])).measured).toEqual([]);
  const [first, second, ...others] = [...(kept.written.at(-1) ?? '').matchAll(/"chosen":"(?<name>(?:[^"\\]|\\.)*)"/g)].map(
    ({ groups }) => groups?.['name'],
  );
  expect(JSON.parse(`"${first}"`)).toBe(tileName(LARGE));
  expect(second).toBe(first);
  expect(others).toEqual([]);
});

test("compares the largest product's kernels though compiling them outlasts the time for measuring", async () => {
  const milliseconds = 2000;
  const engine = await WebGpuEngine.create({ tuning: { ...tuning(new RememberedHere()), milliseconds } });
  const graph = new Graph();
  graph.output('c', matmul(graph, graph.input('a', [SIDE, SIDE]), graph.input('b', [SIDE, SIDE])));
  const wait = { told: false };
  await engine.compile(plan(graph, engine.planOptions), {
    progress: (stage, done) => {
      if (stage !== 'measuring' || done > 0) return;
      wait.told = true;
      const until = performance.now() + milliseconds + 1;
      while (performance.now() < until);
    },
  });
  expect(wait.told).toBe(true);
  expect(engine.measurements.map(({ times }) => [...times.keys()])).toEqual([[tileName(SMALL), tileName(LARGE)]]);
  engine.dispose();
});

test('a kernel that computes wrongly is dropped, however fast it is, and no kernel is left where all do', async () => {
  const spoil = (names: RegExp): void =>
    void alterKernels(({ name, code }) =>
      names.test(name) ? code.replace('let alpha = sizes.alpha;', 'let alpha = 1.01 * sizes.alpha;') : code,
    );
  try {
    spoil(/matmul registers 8x8/);
    const { chosen, measured, wrong } = await compiled(tuning(new Noted(), [LARGE, SLOW]));
    expect(chosen).toEqual([tileName(SLOW)]);
    expect(wrong).toEqual([[tileName(LARGE)]]);
    expect(measured[0]?.[0]).toEqual([tileName(LARGE), undefined]);
    vi.restoreAllMocks();
    spoil(/matmul/);
    const error: unknown = await compiled(tuning(new Noted(), [LARGE, SLOW])).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(WrongNumbersError);
    expect(String(error)).toMatch(/this GPU computes wrongly: .*96 x 96 x 96.* — expected a kernel that is right, got 2 that are wrong\./);
  } finally {
    vi.restoreAllMocks();
  }
});

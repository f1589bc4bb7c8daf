import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { RememberedHere } from '../../src/engines/remembered.ts';
import { checkGraph } from '../../src/engines/selfCheck/checkGraph.ts';
import { firstWrongNumber } from '../../src/engines/selfCheck/selfCheck.ts';
import { WasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { KERNELS } from '../../src/engines/webgpu/built/kernels.ts';
import { WebGpuEngine } from '../../src/engines/webgpu/webgpuEngine.ts';
import { WrongNumbersError } from '../../src/engines/wrongNumbers.ts';
import { alterKernels } from './alterKernels.ts';
import { takeSoftwareGpu } from './softwareGpu.ts';

/** Entry points of all kernels but the matrix product, whose text is made. */
const ENTRIES = Object.values(KERNELS).flatMap((text) =>
  [...text.matchAll(/@compute[^{]*?fn (?<name>\w+)\(/gs)].flatMap(({ groups }) => groups?.['name'] ?? []),
);

let engine: WebGpuEngine;
beforeAll(async () => {
  await takeSoftwareGpu();
  engine = await WebGpuEngine.create();
});
afterAll(() => engine.dispose());
afterEach(() => vi.restoreAllMocks());

/** What all of it fails with, as it must. */
async function errorOf(work: Promise<unknown>): Promise<Error> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new Error('expected an error, got none');
  return error;
}

test('a device that computes rightly is compared once, by kernels of every kind', async () => {
  const entries = alterKernels(({ code }) => code);
  const remembered = new RememberedHere();
  expect(await engine.check(remembered)).toMatchObject({ remembered: false });
  // The statistics of a row stand alone only if the norm's own gradient is wanted and its output is not.
  expect(ENTRIES.filter((entry) => !entries.has(entry))).toEqual(['rowStatistics']);
  vi.restoreAllMocks();
  const again = alterKernels(({ code }) => code);
  expect(await engine.check(remembered)).toMatchObject({ remembered: true });
  expect([...again]).toEqual([]);
});

test('another engine agrees in the large products too, which a software GPU is not asked for', async () => {
  const cpu = await WasmEngine.create(2);
  expect(await firstWrongNumber(cpu, checkGraph(true))).toBeUndefined();
  expect(checkGraph(true).graph.outputs.size).toBeGreaterThan(checkGraph(false).graph.outputs.size);
  cpu.dispose();
});

/** What the last value becomes, if a hundredth more is not another number of its kind. */
const WRONG: Readonly<Record<string, string>> = {
  copy: '^ 0x00400000u',
  argmaxRows: '+ 1',
  narrowKeys: '+ 1',
  fill: '+ 0.25',
  globalNorm: '+ 0.25',
};

/** The last thing that an entry point writes, by one hundredth too large, or another whole number. */
function spoil(code: string, entry: string): string {
  const from = code.indexOf(`fn ${entry}(`);
  const to = code.indexOf('\n}', from);
  const body = code.slice(from, to);
  const last = [...body.matchAll(/^\s+(?:PARAMETERS|\w+)\[[^=;]+\] (?:\*|\|)?=(?<value>[^;]+);/gm)].at(-1);
  if (last?.groups === undefined) return code;
  const { value = '' } = last.groups;
  const wrong = `(${value}) ${WRONG[entry] ?? '* 1.01'}`;
  const place = last.index + last[0].lastIndexOf(value);
  return `${code.slice(0, from)}${body.slice(0, place)} ${wrong}${body.slice(place + value.length)}${code.slice(to)}`;
}

test.each(ENTRIES.filter((entry) => !['rowStatistics', 'matmul', 'linkRows'].includes(entry)))(
  'a wrong kernel is found: %s',
  async (entry) => {
    let changed = 0;
    alterKernels((shader) => {
      if (shader.entry !== entry) return shader.code;
      const code = spoil(shader.code, entry);
      if (code !== shader.code) changed += 1;
      return code;
    });
    const error = await errorOf(engine.check(new RememberedHere()));
    expect(changed).toBeGreaterThan(0);
    expect(error).toBeInstanceOf(WrongNumbersError);
    expect(error.message).toMatch(
      /^webgpu: this GPU computes wrongly: .+, number \d+ — expected -?[\d.e-]+, got .+\. Use the CPU engine .*Please report this message; the device is .+\.$/s,
    );
  },
);

test('a wrong matrix product is found, and sums that lack a lane', async () => {
  alterKernels(({ code, entry }) =>
    entry === 'matmul' ? code.replace('let alpha = sizes.alpha;', 'let alpha = 1.01 * sizes.alpha;') : code,
  );
  expect(await errorOf(engine.check(new RememberedHere()))).toBeInstanceOf(WrongNumbersError);
  vi.restoreAllMocks();
  // A subgroup that is smaller than the workgroup sums a part of the row only.
  alterKernels(({ code }) => code.replace('return subgroupAdd(x);', 'return subgroupAdd(select(x, 0.0, id == 1u));'));
  expect(await errorOf(engine.check(new RememberedHere()))).toBeInstanceOf(WrongNumbersError);
});

// `npm run checkpoint`: a state larger than a buffer may be, written and read by the run store in Node; and on the built page
// in Chromium what a checkpoint takes from the demo's steps at its default interval. A minute or two; not part of `npm test`.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import type { Checkpoint } from '../src/studio/runs/checkpointFile.ts';
import { folderFiles } from '../src/studio/runs/folderFiles.ts';
import { NO_METRICS } from '../src/studio/runs/runMetrics.ts';
import { RunStore } from '../src/studio/runs/runStore.ts';
import { defaultRecipe } from '../src/studio/recipe/recipe.ts';
import { Random } from '../src/tensor/random.ts';
import { openStage } from '../tests/browser/browser.ts';

const { values } = parseArgs({
  options: {
    gib: { type: 'string', default: '2.5' },
    steps: { type: 'string', default: '80' },
    'no-browser': { type: 'boolean', default: false },
  },
});
const GIB = 2 ** 30;

const rss = (): string => `${(process.memoryUsage().rss / GIB).toFixed(2)} GiB`;

/** Random numbers in tensors of 64 MiB, in place of weights and moments. */
function largeCheckpoint(gib: number): Checkpoint {
  const random = new Random(1);
  const length = 2 ** 24;
  const tensors = new Map(
    Array.from({ length: Math.ceil((gib * GIB) / (4 * length)) }, (_, i) => {
      const data = new Float32Array(length);
      const words = new Uint32Array(data.buffer);
      // Two words in a thousand are enough to tell places apart; the rest need not be dear to make.
      for (let at = 0; at < length; at += 500) words[at] = random.integer(2 ** 31);
      return [`tensor ${i}`, { shape: [length], data }] as const;
    }),
  );
  const recipe = defaultRecipe({
    shape: { layers: 12, hiddenSize: 768, heads: 12, headSize: 64, intermediateSize: 3072 },
    maxPositions: 512,
    tiedDecoder: true,
  });
  return {
    family: 'bert',
    task: 'maskedWords',
    state: {
      recipe,
      phase: 'polish',
      done: 1,
      updates: 1,
      stream: { random: random.state(), order: [] },
      heads: [],
      untrained: { loss: 1, accuracy: 0, agreement: 0 },
      seconds: 1,
      tensors,
      compactors: new Map(),
    },
    metrics: NO_METRICS,
    fingerprints: { teacher: '', text: '' },
    engine: 'none',
    savedAt: 0,
  };
}

async function large(gib: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'wid-studio-checkpoint-'));
  try {
    const store = new RunStore(folderFiles(folder));
    const checkpoint = largeCheckpoint(gib);
    console.log(`state of ${gib} GiB made; memory ${rss()}`);
    const delays = monitorEventLoopDelay({ resolution: 10 });
    delays.enable();
    let begun = performance.now();
    await store.save('run-large', checkpoint);
    delays.disable();
    const bytes = await store.bytesOf('run-large');
    console.log(
      `written: ${(bytes / GIB).toFixed(2)} GiB in ${((performance.now() - begun) / 1000).toFixed(1)} s, longest block of the event loop ${(delays.max / 1e6).toFixed(0)} ms; memory ${rss()}`,
    );
    begun = performance.now();
    const read = await store.load('run-large');
    console.log(`checked and read in ${((performance.now() - begun) / 1000).toFixed(1)} s; memory ${rss()}`);
    for (const [name, { data }] of checkpoint.state.tensors) {
      const words = new Uint32Array(data.buffer);
      const back = read?.state.tensors.get(name)?.data;
      if (back === undefined || !new Uint32Array(back.buffer, back.byteOffset, back.length).every((word, i) => word === words[i]))
        throw new Error(`checkpoint: ${name} came back changed`);
    }
    console.log('every number came back');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Heard {
  readonly kind: string;
  readonly step: number;
  readonly at: number;
}

const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;

async function inBrowser(steps: number): Promise<void> {
  const stage = await openStage();
  try {
    const context = await stage.browser.newContext();
    // The loader of TypeScript names inner functions by a helper that pages lack.
    await context.addInitScript({ content: 'globalThis.__name = (made) => made;' });
    // What the session says crosses by message ports; noted as it arrives.
    await context.addInitScript(() => {
      const heard: unknown[] = [];
      Reflect.set(globalThis, 'heard', heard);
      const plain: unknown = Reflect.get(MessagePort.prototype, 'addEventListener');
      Reflect.set(MessagePort.prototype, 'addEventListener', function (this: MessagePort, ...given: unknown[]): void {
        if (typeof plain !== 'function') return;
        const note = ({ data }: MessageEvent<{ argumentList?: { value?: { kind?: string; step?: number } }[] }>): void => {
          const { kind, step } = data.argumentList?.[0]?.value ?? {};
          if (kind === 'step' || kind === 'kept') heard.push(`${kind} ${step} ${performance.now()}`);
        };
        if (given[0] === 'message') Reflect.apply(plain, this, ['message', note]);
        Reflect.apply(plain, this, given);
      });
    });
    const page = await context.newPage();
    await page.goto(new URL(`#steps=${steps}&evaluateEvery=100000&calibration=one-pass&compactorShare=1`, stage.url).href);
    await page.getByTestId('try-demo').click();
    await page.locator('[data-testid=run-status]:is([data-status=done], [data-status=failed])').waitFor({ timeout: 150_000 });
    const lines = await page.evaluate(() => {
      const list: unknown = Reflect.get(globalThis, 'heard');
      return Array.isArray(list) ? list.map(String) : [];
    });
    const heard: Heard[] = lines.map((line) => {
      const [kind = '', step, when] = line.split(' ');
      return { kind, step: Number(step), at: Number(when) };
    });
    const at = new Map(heard.filter(({ kind }) => kind === 'step').map((event) => [event.step, event.at]));
    const took = (step: number): number => (at.get(step) ?? Number.NaN) - (at.get(step - 1) ?? Number.NaN);
    const all = Array.from({ length: steps - 10 }, (_, i) => i + 10);
    const kept = heard.filter(({ kind }) => kind === 'kept');
    const lag = kept.map(({ at: when, step }) => all.filter((other) => other > step && (at.get(other) ?? 0) <= when).length);
    const beside = new Set(kept.flatMap(({ step }, i) => Array.from({ length: (lag[i] ?? 0) + 1 }, (_, more) => step + 1 + more)));
    const usual = median(all.filter((step) => !beside.has(step)).map(took));
    const excess = all.filter((step) => beside.has(step)).reduce((sum, step) => sum + took(step) - usual, 0);
    const whole = all.reduce((sum, step) => sum + took(step), 0);
    console.log(
      `Chromium, demo: a step takes ${usual.toFixed(0)} ms; states of steps ${kept.map(({ step }) => step).join(', ')} were kept, ${lag.join(', ')} steps after they were taken, at ${(excess / kept.length).toFixed(0)} ms each, ${((100 * excess) / whole).toFixed(1)} % of ${(whole / 1000).toFixed(0)} s`,
    );
  } finally {
    await stage.close();
  }
}

if (Number(values.gib) > 0) await large(Number(values.gib));
if (!values['no-browser']) await inBrowser(Number(values.steps));

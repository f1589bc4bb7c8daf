import { expect, test } from 'vitest';
import type { MergedStudent } from '../../../src/studio/student.ts';
import type { ModelShape, Recipe } from '../../../src/studio/api/recipe.ts';
import type { RunResult, StudioEvent } from '../../../src/studio/api/run.ts';
import { HEADLESS, RunBench, stopAfter, TEACHER, type Opened } from './runBench.ts';

const bench = new RunBench();

const SMALL: ModelShape = { layers: 2, hiddenSize: 12, heads: 3, headSize: 4, intermediateSize: 20 };
const DIMENSIONS: ModelShape = { layers: 3, hiddenSize: 16, heads: 4, headSize: 4, intermediateSize: 24 };
/** The released settings train the teacher's weights too; these leave them. */
const compactorsAlone = ({ paper }: Recipe): Partial<Recipe> => ({ mode: 'paper', paper: { ...paper, weightLearningRate: 0 } });

interface Case {
  readonly name: string;
  readonly change: (recipe: Recipe) => Partial<Recipe>;
  /** Steps of 12 after which the run is stopped and another session goes on. */
  readonly stops: readonly number[];
  readonly headless?: boolean;
}

const CASES: readonly Case[] = [
  { name: 'plain', change: () => ({}), stops: [5, 6] },
  { name: 'paper', change: () => ({ mode: 'paper' }), stops: [3, 9] },
  { name: 'paper, the teacher as it is', change: compactorsAlone, stops: [3, 9] },
  // Gates close over the first 6 steps, and dimensions are removed on the way.
  { name: 'progressive', change: () => ({ mode: 'progressive' }), stops: [1, 2, 3, 4, 5, 6, 8] },
  { name: 'progressive, tied', change: () => ({ mode: 'progressive', student: DIMENSIONS, tied: true }), stops: [2, 4, 9] },
  { name: 'mixtures of layers', change: () => ({ depth: 'mixture' }), stops: [4, 8] },
  { name: 'a teacher that learns', change: () => ({ teacherLearningRate: 1e-5 }), stops: [4, 8] },
  { name: 'guided by the teacher', change: () => ({ guidance: 0.5 }), stops: [4, 8] },
  {
    name: 'a teacher that learns, mixtures, tied',
    change: () => ({ teacherLearningRate: 1e-5, depth: 'mixture', tied: true }),
    stops: [4, 8],
  },
  { name: 'compactors of low rank', change: () => ({ rank: 3 }), stops: [4, 8] },
  { name: 'low rank, a teacher that learns and guides', change: () => ({ rank: 2, teacherLearningRate: 1e-4, guidance: 1 }), stops: [4] },
  { name: 'gradient accumulation', change: () => ({ accumulation: 2 }), stops: [4, 8] },
  { name: 'gradient accumulation, progressive', change: () => ({ mode: 'progressive', accumulation: 4 }), stops: [4, 8] },
  { name: 'distillation', change: () => ({ mode: 'distil' }), stops: [5] },
  { name: 'distillation of hidden states', change: () => ({ mode: 'distil', distillationHidden: 0.5, decay: 'cosine' }), stops: [5, 9] },
  { name: 'pruning', change: () => ({ mode: 'prune' }), stops: [5] },
  { name: 'from scratch', change: () => ({ mode: 'scratch' }), stops: [5] },
  { name: 'cosine decay', change: () => ({ decay: 'cosine', warmup: 0.3, warmupSteps: 1 }), stops: [1, 8] },
  { name: 'whole words', change: () => ({ wholeWords: true, masking: 0.3 }), stops: [4, 8] },
  { name: 'guided on more tokens than are hidden', change: () => ({ guidance: 1, predicted: 0.5 }), stops: [4] },
  { name: 'a long memory of second moments', change: () => ({ beta2: 0.999 }), stops: [5] },
  { name: 'one-pass calibration', change: () => ({ calibration: 'one-pass' }), stops: [4, 8] },
  { name: 'a teacher whose head is fitted', change: () => ({}), stops: [4, 8], headless: true },
];

/** Everything that was said after a step and does not depend on the clock. */
function numbers(events: readonly StudioEvent[], from: number): unknown[] {
  return events.flatMap((event): unknown[] => {
    if (event.kind === 'step' && event.step > from) return [[event.step, event.phase, event.loss, event.gradientNorm, event.learningRate]];
    if ((event.kind === 'heldOut' || event.kind === 'similarity') && event.step > from) return [[event.step, event.value]];
    return [];
  });
}

const withoutClock = (result: RunResult): object => ({ ...result, seconds: 0 });

async function studentOf({ store }: Opened): Promise<MergedStudent | undefined> {
  const [known] = await store.known();
  return store.student(known?.run ?? '');
}

/** First losses by case: an option that changes none would be tested by none. */
const losses = new Map<string, string>();

test.each(CASES)(
  '$name: a run that is stopped and resumed is one that never stopped, bit for bit',
  async ({ name, change, stops, headless }) => {
    const open = (folder: string): Promise<Opened> =>
      bench.open(`${name} ${folder}`, {}, undefined, 'cpu', headless === true ? HEADLESS : TEACHER);
    const whole = await open('whole');
    const recipe: Recipe = { ...whole.recipe, student: SMALL, evaluateEvery: 6, calibrationTokens: 200, ...change(whole.recipe) };
    const straight: StudioEvent[] = [];
    const wanted = await whole.session.start(recipe, (event) => straight.push(event));
    expect(wanted).toMatchObject({ stepsDone: 12, stopped: false, fault: null });

    let session = await open('stopped');
    await session.session.start(recipe, stopAfter(session.session, stops[0] ?? 0));
    let result: RunResult | undefined;
    for (const [i, stop] of stops.entries()) {
      session = await open('stopped');
      const { session: next } = session;
      const [waiting] = await next.unfinished();
      expect(waiting?.done).toBe(stop);
      const later: StudioEvent[] = [];
      const again = stopAfter(next, stops[i + 1] ?? Infinity);
      result = await next.resumeRun(waiting?.run ?? '', (event) => {
        later.push(event);
        again(event);
      });
      const until = stops[i + 1];
      if (until === undefined) expect(numbers(later, stop)).toEqual(numbers(straight, stop));
    }
    expect(result === undefined ? undefined : withoutClock(result)).toEqual(withoutClock(wanted));
    expect(await studentOf(session)).toEqual(await studentOf(whole));

    const own = JSON.stringify(straight.flatMap((event) => (event.kind === 'step' ? [event.loss] : [])));
    expect([...losses].filter(([, other]) => other === own)).toEqual([]);
    losses.set(name, own);
  },
);

import { expect, test } from 'vitest';
import { PUBLISHED } from '../../../src/wid/paper/settings.ts';
import { RunBench } from '../runs/runBench.ts';

const bench = new RunBench();

/** What `start` says to the golden teacher's default recipe with some settings changed. */
async function refusal(name: string, change: Readonly<Record<string, unknown>>): Promise<string> {
  const { session, recipe } = await bench.open(name);
  return session
    .start({ ...recipe, ...change }, () => {})
    .then(
      () => 'it ran',
      (error: unknown) => String(error),
    );
}

test.each<[string, Readonly<Record<string, unknown>>, string]>([
  ['mode', { mode: 'magic' }, 'recipe: mode — expected calibrated, paper, progressive, prune, distil, scratch, got magic.'],
  ['start', { start: 'fresh' }, 'recipe: start — expected selection, calibrated, got fresh.'],
  ['depth', { depth: 'odd' }, 'recipe: depth — expected first, even, mixture, got odd.'],
  ['decay', { decay: 'step' }, 'recipe: decay — expected linear, cosine, got step.'],
  ['calibration', { calibration: 'none' }, 'recipe: calibration — expected one-pass, sequential, got none.'],
  ['weight decay below 0', { weightDecay: -1e9 }, 'recipe: weight decay — expected a number from 0, got -1000000000.'],
  ['weight decay of no number', { weightDecay: Number.NaN }, 'recipe: weight decay — expected a number from 0, got NaN.'],
  ['temperature', { distillationTemperature: 0 }, 'recipe: distillation temperature — expected a number above 0, got 0.'],
  ['steps below 0', { steps: -1 }, 'recipe: steps — expected a whole number from 0 to 1000000000, got -1.'],
  [
    'no step in paper mode',
    { steps: 0, mode: 'paper', tied: false },
    'recipe: steps — expected at least 1 in paper mode, whose steps squeeze the teacher, got 0. Ask for more steps, or choose mode calibrated or prune or distil.',
  ],
  [
    'no step in progressive mode',
    { steps: 0, mode: 'progressive' },
    'expected at least 1 in progressive mode, whose steps close the gates',
  ],
  ['no step from scratch', { steps: 0, mode: 'scratch' }, 'expected at least 1 in scratch mode, whose start is random weights'],
  ['masking of nothing', { masking: 0 }, 'recipe: masking — expected a number above 0 to 1, got 0.'],
  [
    'low rank with mixtures of layers',
    { rank: 8, depth: 'mixture' },
    'recipe: rank of compactors — expected 65536 with learned mixtures of layers, whose matrices change every step, got 8. Choose another depth, or that rank.',
  ],
  ['switch', { tied: 'yes' }, 'recipe: tied decoder — expected true or false, got yes.'],
  ['penalty', { paper: { ...PUBLISHED, penalty: -1 } }, 'recipe: penalty in paper mode — expected a number from 0, got -1.'],
  ['parts', { batch: 4, accumulation: 3 }, 'recipe: accumulation — expected parts of the same size out of 4 sequences a step, got 3.'],
])('a recipe is refused for its %s, in words', async (name, change, words) => {
  expect(await refusal(name, change)).toContain(words);
});

test.each([
  [{ hiddenSize: 30, heads: 2, headSize: 8 }, 'width 16 = 2 heads x 8'],
  [{ hiddenSize: 40, heads: 5, headSize: 8 }, 'width 32 = 4 heads x 8'],
  [{ hiddenSize: 32, heads: 4, headSize: 8, layers: 9 }, 'width 32 = 4 heads x 8 with 3 layers'],
  [{ hiddenSize: 17, heads: 4, headSize: 4.25 }, 'width 16 = 4 heads x 4'],
])('an illegal student is refused by a run with legal ones beside it: %o', async (sizes, nearest) => {
  const student = { layers: 3, intermediateSize: 24, ...sizes };
  const said = await refusal(JSON.stringify(sizes).replaceAll(/\W/g, ''), { student });
  expect(said).toContain(`got width ${student.hiddenSize}, heads ${student.heads}, head size ${student.headSize}`);
  expect(said).toContain(`Nearest legal: ${nearest}`);
});

test('a sequence longer than the teacher knows is refused with its limit', async () => {
  const { session, recipe } = await bench.open('length');
  await expect(session.stepCosts({ ...recipe, sequence: 41 })).rejects.toThrow(
    "recipe: tokens a sequence — expected a whole number from 3 to 40, the teacher's positions, got 41.",
  );
});

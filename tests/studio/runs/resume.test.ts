import { describe, expect, test } from 'vitest';
import type { RunResult, StudioEvent } from '../../../src/studio/api/run.ts';
import type { StudioApi } from '../../../src/studio/studioApi.ts';
import { RunBench, stopAfter } from './runBench.ts';

const bench = new RunBench();
const open = bench.open.bind(bench);

/** Everything about a run that does not depend on the clock. */
function numbers(events: readonly StudioEvent[], from: number): unknown[] {
  return events.flatMap((event) => {
    if (event.kind === 'step' && event.step > from) return [[event.step, event.loss, event.gradientNorm, event.learningRate]];
    if ((event.kind === 'heldOut' || event.kind === 'similarity') && event.step > from) return [[event.step, event.value]];
    return [];
  });
}

describe('a run that was stopped and resumed', () => {
  test.each([2, 6, 9])('after step %i gives the numbers of one that never stopped, bit for bit', async (stopAt) => {
    const whole = await open(`whole-${stopAt}`);
    const straight: StudioEvent[] = [];
    const wanted = await whole.session.start(whole.recipe, (event) => straight.push(event));
    expect(await whole.session.unfinished()).toEqual([]);

    const first = await open(`stop-${stopAt}`);
    const stopped = await first.session.start(first.recipe, stopAfter(first.session, stopAt));
    expect(stopped).toMatchObject({ stopped: true, stepsDone: stopAt });
    const second = await open(`stop-${stopAt}`);
    const [waiting] = await second.session.unfinished();
    expect(waiting).toMatchObject({ done: stopAt, recipe: first.recipe });
    const later: StudioEvent[] = [];
    const result = await second.session.resumeRun(waiting?.run ?? '', (event) => later.push(event));
    expect(numbers(later, stopAt)).toEqual(numbers(straight, stopAt));
    const plain = (run: RunResult): object => ({ ...run, seconds: 0 });
    expect(plain(result)).toEqual(plain(wanted));
    expect(await second.session.unfinished()).toEqual([]);

    // The history shows one curve, whatever happened on the way.
    const [kept] = await second.session.runs();
    const [uninterrupted] = await whole.session.runs();
    const plainEvents = async (session: StudioApi, run = ''): Promise<unknown[]> => numbers(await session.runEvents(run), -1);
    expect(await plainEvents(second.session, kept?.run)).toEqual(await plainEvents(whole.session, uninterrupted?.run));
  });

  test('needs the same teacher and text', async () => {
    const first = await open('other');
    await first.session.start(first.recipe, (event) => {
      if (event.kind === 'step') void first.session.stop();
    });
    const [waiting] = await first.session.unfinished();
    await first.session.loadText(
      'prose',
      [{ path: 'b.txt', bytes: new TextEncoder().encode('Another text, in pieces.\n\n'.repeat(2000)) }],
      { sequence: 32, seed: 1 },
    );
    await expect(first.session.resumeRun(waiting?.run ?? '', () => {})).rejects.toThrow(/was trained with another text/);
  });
});

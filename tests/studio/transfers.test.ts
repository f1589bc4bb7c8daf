import { expose, wrap } from 'comlink';
import { afterAll, expect, test } from 'vitest';
import type { StudioEvent } from '../../src/studio/api/run.ts';
import { createSession } from '../../src/studio/session.ts';
import type { StudioApi } from '../../src/studio/studioApi.ts';
import { installTransfers } from '../../src/studio/transfers.ts';
import { TEACHER, TEXT } from './runs/runBench.ts';

installTransfers();
const { port1, port2 } = new MessageChannel();
expose(createSession(), port1);
/** What the page has: every verb of a session that is elsewhere, with nothing written for any of them. */
const api: StudioApi = wrap<StudioApi>(port2);

afterAll(() => {
  port1.close();
  port2.close();
});

test('functions are called across, and give their answers back; errors keep code and details', async () => {
  const shapes: string[] = [];
  const events: StudioEvent[] = [];
  const opened = await api.open(
    [...TEACHER, { path: 'prose/a1.txt', bytes: TEXT[0]?.bytes ?? new Uint8Array() }],
    ({ teacher }) => {
      shapes.push(String(teacher?.report.shape.hiddenSize));
      return Promise.resolve({ sequence: 32, seed: 1 });
    },
    (event) => events.push(event),
  );
  expect(shapes).toEqual(['32']);
  expect(opened.text?.report).toMatchObject({ name: 'prose', sequence: 32 });

  const recipe = { ...(await api.defaults()), steps: 2, batch: 2, sequence: 32, calibrationTokens: 300, evaluateEvery: 1 };
  await api.engine('cpu', 1);
  await api.start(recipe, (event) => events.push(event));
  // Events travel by a channel of their own, and may arrive after the answer.
  await expect.poll(() => events.filter(({ kind }) => kind === 'step').length).toBe(2);
  await expect(api.student({ width: 33 }, true)).rejects.toMatchObject({ code: 'student', details: { nearest: [{ layers: 3 }] } });
});

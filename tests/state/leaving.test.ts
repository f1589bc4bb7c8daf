import { beforeEach, expect, test } from 'vitest';
import { useHistory } from '../../src/state/historyStore.ts';
import { losesWork } from '../../src/state/leaving.ts';
import { useRun } from '../../src/state/runStore.ts';

beforeEach(() => {
  useRun.setState(useRun.getInitialState(), true);
  useHistory.setState(useHistory.getInitialState(), true);
});

test('leaving loses nothing of an idle page, and of a run only what no checkpoint holds', () => {
  expect(losesWork()).toBe(false);
  for (const status of ['preparing', 'running', 'pausing', 'paused', 'stopping'] as const) {
    useRun.setState({ status, keptAt: undefined });
    expect(losesWork(), status).toBe(true);
    useRun.setState({ keptAt: 25 });
    expect(losesWork(), status).toBe(false);
  }
  useRun.setState({ status: 'failed', keptAt: undefined });
  expect(losesWork()).toBe(false);
  useRun.setState({ exporting: true });
  expect(losesWork()).toBe(true);
});

test('where nothing is kept, a checkpoint is no consolation', () => {
  useHistory.setState({ whyNotKept: 'a private window' });
  expect(losesWork()).toBe(false);
  useRun.setState({ status: 'running', keptAt: 25 });
  expect(losesWork()).toBe(true);
});

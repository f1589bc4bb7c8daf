import { afterEach, expect, test, vi } from 'vitest';
import { Desk } from '../../src/state/actions/desk.ts';
import { exportActions } from '../../src/state/actions/exportActions.ts';
import { inputActions } from '../../src/state/actions/inputActions.ts';
import { useRun } from '../../src/state/runStore.ts';
import { useSetup } from '../../src/state/setupStore.ts';
import { makeEngine } from '../../src/studio/session/makeEngine.ts';
import { createSession } from '../../src/studio/session.ts';
import { zipContents } from '../../src/studio/exporting/zipContents.ts';
import { TEACHER, TEXT } from '../studio/runs/runBench.ts';

afterEach(() => {
  vi.unstubAllGlobals();
  useSetup.setState(useSetup.getInitialState(), true);
  useRun.setState(useRun.getInitialState(), true);
});

test('the page saves its recipe as a job, and says what PyTorch does not train', async () => {
  const session = createSession(undefined, { makeEngine: () => makeEngine('cpu', 1) });
  const desk = new Desk(session, '');
  vi.stubGlobal('location', { hash: '#sequence=32', search: '' });
  await inputActions(desk).open(Promise.resolve([...TEACHER, ...TEXT]));
  const { recipe } = useSetup.getState();
  if (recipe === undefined) throw new Error('no recipe');
  useSetup.setState({ recipe: { ...recipe, batch: 4, calibrationTokens: 300 } });
  const job = await exportActions(desk).saveJob();
  expect(useRun.getState().fault).toBeUndefined();
  expect(job?.name).toBe('job-calibrated-3x16.zip');
  const files = await zipContents(job?.zip ?? new Blob());
  expect(files.map(({ path }) => path)).toEqual(expect.arrayContaining(['run.json', 'blueprint.json', 'start.safetensors', 'README.md']));
  expect(useSetup.getState().reading).toBeUndefined();

  useSetup.setState({ recipe: { ...recipe, mode: 'progressive' } });
  expect(await exportActions(desk).saveJob()).toBeUndefined();
  expect(useRun.getState().fault?.message).toMatch(/^job: mode — expected one that PyTorch trains/);
});

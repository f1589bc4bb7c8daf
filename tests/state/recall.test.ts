import { afterEach, expect, test } from 'vitest';
import { Desk } from '../../src/state/actions/desk.ts';
import { inputActions } from '../../src/state/actions/inputActions.ts';
import { recall } from '../../src/state/actions/recall.ts';
import { loadText } from '../../src/state/actions/textReading.ts';
import { useRun } from '../../src/state/runStore.ts';
import { useSetup } from '../../src/state/setupStore.ts';
import { InputStore } from '../../src/studio/runs/inputStore.ts';
import { createSession } from '../../src/studio/session.ts';
import { MemoryFolder } from '../studio/runs/memoryFolder.ts';
import { RunBench, stopAfter, TEACHER, TEXT } from '../studio/runs/runBench.ts';

const bench = new RunBench();

afterEach(() => {
  useSetup.setState(useSetup.getInitialState(), true);
  useRun.setState(useRun.getInitialState(), true);
});

test('a text that came back with its run is not packed otherwise in silence: its files are asked for by name', async () => {
  const inputs = new InputStore(new MemoryFolder());
  const first = await bench.open('recalled', { inputs });
  await first.session.start(first.recipe, stopAfter(first.session, 2));
  const [run] = await first.session.runs();
  const session = createSession(first.store, { inputs });
  const desk = new Desk(session, '');
  useSetup.setState({ teacher: await session.loadTeacher('golden', TEACHER), recipe: first.recipe });
  expect(await recall(desk, run?.run ?? '', 'golden')).toEqual([]);
  expect(useSetup.getState().text).toMatchObject({ name: 'prose', sequence: 32 });
  await loadText(desk);
  // What its run measured, or was told, is not asked for again.
  useSetup.setState({ recipe: { ...first.recipe, documents: 'auto' } });
  await loadText(desk);
  expect(useSetup.getState().text?.packing?.documents).toBe('joined');
  useSetup.setState({ recipe: { ...first.recipe, documents: 'apart' } });
  await expect(loadText(desk)).rejects.toThrow(/pack its documents otherwise, .*, or choose that documents are joined\.$/);

  useSetup.setState({ recipe: { ...first.recipe, sequence: 16 } });
  await expect(loadText(desk)).rejects.toThrow(/pack it to 16, .*packed to 32 tokens. Drop a1.txt on this page, or set .* to 32\.$/);
  await inputActions(desk).chooseColumn('body');
  expect(useRun.getState().fault?.message).toMatch(/read another column, .*Drop a1.txt on this page\.$/);

  desk.text = { name: 'prose', files: TEXT };
  await loadText(desk);
  expect(useSetup.getState().text).toMatchObject({ sequence: 16 });
});

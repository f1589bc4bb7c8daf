import { afterEach, expect, test, vi } from 'vitest';
import { Desk } from '../../src/state/actions/desk.ts';
import { inputActions } from '../../src/state/actions/inputActions.ts';
import { recipeActions } from '../../src/state/actions/recipeActions.ts';
import { useRun } from '../../src/state/runStore.ts';
import { useSetup } from '../../src/state/setupStore.ts';
import { whileReading } from '../../src/state/whileReading.ts';
import type { GivenFile } from '../../src/studio/api/files.ts';
import { createSession } from '../../src/studio/session.ts';
import { TEACHER, TEXT } from '../studio/runs/runBench.ts';

const reading = (): string | undefined => useSetup.getState().reading;

afterEach(() => {
  vi.unstubAllGlobals();
  useSetup.setState(useSetup.getInitialState(), true);
  useRun.setState(useRun.getInitialState(), true);
});

test('a slider that is moved while a text is read does not say that the text is there', async () => {
  const session = createSession();
  const desk = new Desk(session, '');
  const teacher = await session.loadTeacher('golden', TEACHER);
  const narrower = await session.defaults();
  const byShape = { onlyShallower: await session.defaults(teacher.shape), narrower };
  useSetup.setState({ teacher, byShape, recipe: { ...narrower, sequence: 32 } });
  // The address that a browser keeps the recipe in.
  vi.stubGlobal('history', { replaceState: () => {} });
  let arrive: (given: readonly GivenFile[]) => void = () => {};
  const files = new Promise<readonly GivenFile[]>((resolve) => {
    arrive = resolve;
  });
  const opened = inputActions(desk).open(files);
  expect(reading()).toBe('Looking at the files');
  const shape = useSetup.getState().recipe?.student;
  recipeActions(desk).changeStudent({ layers: 1, hiddenSize: 16, heads: 4, headSize: 4, intermediateSize: 24 });
  await vi.waitFor(() => expect(useSetup.getState().plan?.parameters).toBeGreaterThan(0));
  expect(useSetup.getState().recipe?.student).not.toEqual(shape);
  // Start is enabled by a text and by nothing being read.
  expect(reading()).toBe('Looking at the files');
  arrive(TEXT);
  await opened;
  expect(useRun.getState().fault).toBeUndefined();
  expect(useSetup.getState().text?.sequence).toBe(32);
  expect(reading()).toBeUndefined();
});

test('each piece of reading ends its own words alone, also if it fails', async () => {
  let end = (): void => {};
  const first = whileReading('the first', () => new Promise<void>((resolve) => (end = resolve)));
  const second = whileReading('the second', async (say) => {
    say('the second, half');
    expect(reading()).toBe('the second, half');
    await Promise.resolve();
    throw new Error('unreadable');
  });
  await expect(second).rejects.toThrow('unreadable');
  expect(reading()).toBe('the first');
  end();
  await first;
  expect(reading()).toBeUndefined();
});

test('a text that is dropped while a teacher is read is read with it, and each question is asked once', async () => {
  const asked: string[] = [];
  const session = new Proxy(createSession(), {
    get(verbs, verb): unknown {
      asked.push(String(verb));
      return Reflect.get(verbs, verb);
    },
  });
  const actions = inputActions(new Desk(session, ''));
  vi.stubGlobal('location', { hash: '#sequence=32' });
  await Promise.all([actions.open(Promise.resolve(TEACHER)), actions.open(Promise.resolve(TEXT))]);
  expect(useRun.getState().fault).toBeUndefined();
  expect(useSetup.getState().text).toMatchObject({ name: 'a1', sequence: 32 });
  expect(useSetup.getState().costs?.length).toBeGreaterThan(0);
  expect(reading()).toBeUndefined();

  asked.length = 0;
  await actions.open(Promise.resolve([...TEACHER, ...TEXT]));
  expect(useSetup.getState().text).toMatchObject({ name: 'a1', sequence: 32 });
  expect(asked).toEqual(['open', 'plan', 'stepCosts']);
});

import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createSession } from '../../../src/studio/session.ts';
import type { GivenFile } from '../../../src/studio/api/files.ts';
import type { StudioEvent } from '../../../src/studio/api/run.ts';
import { openBytes } from '../../../src/tensor/byteSource.ts';

const CHECKPOINTS = new URL('../../golden/checkpoints/', import.meta.url);

function folder(name: string): GivenFile[] {
  const at = new URL(`${name}/`, CHECKPOINTS);
  return readdirSync(at).map((path) => ({ path, bytes: new Uint8Array(readFileSync(new URL(path, at))) }));
}

/** The same files from a disk that takes its time. */
function slow(files: readonly GivenFile[]): GivenFile[] {
  return files.map(({ path, bytes }) => {
    const source = openBytes(bytes);
    const read = async (start: number, end: number): Promise<Uint8Array<ArrayBuffer>> => {
      await new Promise((resolve) => setTimeout(resolve, 12));
      return source.read(start, end);
    };
    return { path, bytes: { size: source.size, read } };
  });
}

const nothing = (): void => undefined;

test('a teacher that takes a while says how far it is, and can be given up; the one before stays', async () => {
  const session = createSession();
  await session.loadTeacher('first', folder('safetensors'));
  const events: StudioEvent[] = [];
  const report = await session.loadTeacher('slow', slow(folder('sharded')), (event) => events.push(event));
  expect(report.name).toBe('slow');
  expect(events.length).toBeGreaterThan(0);
  for (const event of events)
    expect(event).toMatchObject({ kind: 'progress', stage: 'Reading the weights', total: 4 * report.parameters, unit: 'bytes' });

  const given = session.loadTeacher('given up', slow(folder('encoder-only')), () => void session.cancelTeacher());
  await expect(given).rejects.toMatchObject({ code: 'cancelled' });
  // Its students are those of a teacher with a head, whose vocabulary counts.
  expect((await session.plan(await session.defaults())).teacherParameters).toBe(report.parameters);
});

test('of two teachers asked for at once, the last one counts', async () => {
  const session = createSession();
  const first = session.loadTeacher('first', slow(folder('safetensors')), nothing).catch((error: unknown) => error);
  const second = await session.loadTeacher('second', folder('encoder-only'), nothing);
  expect(await first).toMatchObject({ code: 'cancelled' });
  expect(second.head).toBe('none');
  expect((await session.plan(await session.defaults())).teacherParameters).toBe(second.parameters);
});

test('no other teacher is taken while a run goes on', async () => {
  const session = createSession();
  await session.engine('cpu', 1);
  await session.loadTeacher('golden', folder('safetensors'));
  const prose = new Uint8Array(readFileSync(new URL('../../../public/demo/prose/a1.txt', import.meta.url)));
  await session.loadText('prose', [{ path: 'a1.txt', bytes: prose }], { sequence: 32, seed: 1 });
  const recipe = { ...(await session.defaults()), steps: 3, batch: 4, sequence: 32, calibrationTokens: 500 };
  const asked: Promise<unknown>[] = [];
  await session.start(recipe, (event) => {
    if (event.kind === 'step') asked.push(session.loadTeacher('other', folder('sharded')).catch((error: unknown) => error));
  });
  expect(asked.length).toBe(3);
  for (const answer of asked) expect(String(await answer)).toMatch(/Stop it before loading another teacher/);
});

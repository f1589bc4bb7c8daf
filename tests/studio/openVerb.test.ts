import { strToU8 } from 'fflate';
import { expect, test } from 'vitest';
import type { Arrival, WishFor } from '../../src/studio/api/opening.ts';
import { createSession } from '../../src/studio/session.ts';
import { TEACHER, TEXT } from './runs/runBench.ts';

const under = (folder: string, files: typeof TEXT): typeof TEXT => files.map(({ path, bytes }) => ({ path: `${folder}/${path}`, bytes }));

/** Answers always alike, and notes what it is told. */
function asked(sequence = 32): { readonly wishFor: WishFor; readonly arrivals: Arrival[] } {
  const arrivals: Arrival[] = [];
  const wishFor: WishFor = (arrival) => {
    arrivals.push(arrival);
    return Promise.resolve({ sequence, seed: 1 });
  };
  return { wishFor, arrivals };
}

test('a teacher and a text that are dropped together are sorted, read and reported', async () => {
  const session = createSession();
  const { wishFor, arrivals } = asked();
  const opened = await session.open([...under('drop/my-bert', TEACHER), ...under('drop/books', TEXT)], wishFor);
  expect(opened.teacher?.report).toMatchObject({ name: 'my-bert', head: 'mlm' });
  expect(opened.teacher?.beginnings).toEqual(await session.beginnings());
  expect(opened.text).toMatchObject({ name: 'books', files: [{ path: 'a1.txt' }], report: { name: 'books', sequence: 32, files: 1 } });
  expect(arrivals).toEqual([{ teacher: opened.teacher, readsText: true }]);
  const { byShape } = await session.beginnings();
  expect(byShape).toEqual({
    narrower: await session.defaults(),
    onlyShallower: await session.defaults(opened.teacher?.report.shape),
  });
});

test('a teacher alone reads the text at hand again, from the same column; a text alone leaves the teacher', async () => {
  const session = createSession();
  const { wishFor, arrivals } = asked(16);
  const rows = ['id,first,second', ...Array.from({ length: 30 }, (_, i) => `${i},the small cat sat ${i},a dog ran home ${i}`)];
  const table = { name: 'rows', files: [{ path: 'rows.csv', bytes: strToU8(rows.join('\n')) }], column: 'second' };
  expect((await session.open(TEACHER, wishFor)).text).toBeNull();
  const again = await session.open(TEACHER, wishFor, undefined, table);
  expect(again.text).toMatchObject({ ...table, report: { columns: { chosen: 'second' }, documents: 30 } });
  const text = await session.open(TEXT, wishFor, undefined, table);
  expect(text).toMatchObject({ teacher: null, text: { name: 'a1', report: { columns: null } } });
  expect(arrivals.map(({ teacher, readsText }) => [teacher !== null, readsText])).toEqual([
    [true, false],
    [true, true],
    [false, true],
  ]);
});

test('what is neither is refused, and so is a text without a teacher; a teacher stays if the text beside it fails', async () => {
  const session = createSession();
  const { wishFor } = asked();
  const picture = { path: 'cat.png', bytes: Uint8Array.of(0x89, 0x50, 0x4e, 0x47) };
  await expect(session.open([picture], wishFor)).rejects.toThrow(/^drop: these files — expected .*, got neither\. Drop/);
  await expect(session.open(TEXT, () => Promise.resolve(undefined))).rejects.toThrow(/^drop: text alone — expected a teacher first/);
  await expect(session.open(TEXT, wishFor)).rejects.toThrow(/^drop: text alone/);
  const damaged = { path: 'bad.txt', bytes: Uint8Array.of(0x61, 0, 0x62) };
  await expect(session.open([...TEACHER, damaged], wishFor)).rejects.toThrow(/bad\.txt/);
  expect((await session.defaults()).student.layers).toBeGreaterThan(0);
  await expect(session.open(TEXT, wishFor)).resolves.toMatchObject({ teacher: null });
});

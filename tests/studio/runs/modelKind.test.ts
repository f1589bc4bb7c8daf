import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { familyIds } from '../../../src/models/families/registry.ts';
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from '../../../src/studio/runs/checkpointFile.ts';
import { keptKind } from '../../../src/studio/runs/modelKind.ts';
import { decodeRecord, encodeRecord, type RunRecord } from '../../../src/studio/runs/runRecord.ts';
import { seal, unseal } from '../../../src/studio/runs/sealedFile.ts';
import { decodeStudent, encodeStudent, type StoredStudent } from '../../../src/studio/runs/studentFile.ts';
import { decodeTeacher, encodeTeacher } from '../../../src/studio/runs/teacherFile.ts';
import { readTeacher } from '../../../src/studio/teacher/teacher.ts';
import { TASKS } from '../../../src/tasks/registry.ts';
import { STUDIO_VERSION } from '../../../src/studio/version.ts';
import { RunBench, stopAfter, TEACHER } from './runBench.ts';

const KIND = { family: 'bert', task: 'maskedWords' };
const bench = new RunBench();
const bytesOf = async (parts: Promise<Iterable<Uint8Array>>): Promise<Uint8Array> => Buffer.concat([...(await parts)]);

/** The three files of a run that was stopped. */
async function keptRun(
  folder: string,
): Promise<{ readonly record: RunRecord; readonly checkpoint: Checkpoint; readonly student: StoredStudent }> {
  const { session, store, recipe } = await bench.open(folder);
  await session.start(recipe, stopAfter(session, 2));
  const [run = ''] = await store.runs();
  const [record, checkpoint, student] = [await store.record(run), await store.load(run), await store.student(run)];
  if (record === undefined || checkpoint === undefined || student === undefined) throw new Error('the run was not kept');
  return { record, checkpoint, student };
}

test('every file of a run, and its teacher, say of which family the model is, what it is trained for, and who wrote them', async () => {
  const { record, checkpoint, student } = await keptRun('kinds');
  for (const kept of [record, checkpoint, student]) expect(kept).toMatchObject(KIND);
  const teacher = await bytesOf(encodeTeacher(await readTeacher('golden', TEACHER)));
  const files = [
    ['WIDRUNR', await bytesOf(encodeRecord(record))],
    ['WIDCKPT', await bytesOf(encodeCheckpoint(checkpoint))],
    ['WIDSTUD', await bytesOf(encodeStudent(student))],
    ['WIDTCHR', teacher],
  ] as const;
  for (const [kind, bytes] of files)
    expect((await unseal('kept', kind, 9, bytes)).plain).toMatchObject({ ...KIND, studio: STUDIO_VERSION });
  expect(await decodeRecord('kept', files[0][1])).toEqual(record);
  expect((await decodeTeacher('kept', teacher)).task.name).toBe('maskedWords');
});

test('files of builds that knew one family and one task mean those', async () => {
  for (const version of [1, 2]) {
    const name = `version-${version}.ckpt`;
    expect(await decodeCheckpoint(name, readFileSync(new URL(`checkpoints/${name}`, import.meta.url)))).toMatchObject(KIND);
  }
  const { record, student } = await keptRun('older');
  const { family: _family, task: _task, metrics, ...plain } = record;
  const kept = { ...plain, metrics: { phases: metrics.phases, others: metrics.others } };
  expect(await decodeRecord('older', await bytesOf(seal('WIDRUNR', 2, kept, new Map())))).toMatchObject(KIND);
  const tensors = new Map([...student.model.tensors].map(([name, tensor]) => [`student/${name}`, tensor]));
  const older = await decodeStudent('older', await bytesOf(seal('WIDSTUD', 2, { config: student.model.config }, tensors)));
  expect(older).toMatchObject(KIND);
  expect([...older.model.tensors.keys()]).toEqual([...student.model.tensors.keys()]);
});

test('a file of another family or task is refused by what it is and the version that can read it', async () => {
  const { record, checkpoint, student } = await keptRun('others');
  const cases = [
    { other: { family: 'lumen', task: 'maskedWords' }, got: '"lumen" for the task "maskedWords"' },
    { other: { family: 'bert', task: 'haiku' }, got: '"bert" for the task "haiku"' },
  ];
  const anyOf = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(' or ');
  const families = anyOf(familyIds());
  const tasks = anyOf(TASKS.map(({ name }) => name));
  for (const { other, got } of cases) {
    const sentence = `kept: expected a model of family ${families} for the task ${tasks}, got a model of family ${got}, written by WID Studio "${STUDIO_VERSION}". Open it with that version or a newer one; this is ${STUDIO_VERSION}.`;
    const kept = [
      { decode: decodeRecord, bytes: await bytesOf(encodeRecord({ ...record, ...other })) },
      { decode: decodeCheckpoint, bytes: await bytesOf(encodeCheckpoint({ ...checkpoint, ...other })) },
      { decode: decodeStudent, bytes: await bytesOf(encodeStudent({ ...student, ...other })) },
    ];
    for (const { decode, bytes } of kept)
      await expect(decode('kept', bytes)).rejects.toMatchObject({ code: 'checkpoint', message: sentence });
  }
  expect(() => keptKind('kept', { family: 'lumen' })).toThrow(/written by a newer WID Studio\. Open it with that version/);
  expect(() => keptKind('kept', { family: ['bert'], studio: 3 })).toThrow(/got a model of family a list of 1/);
});

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blueprintOf } from '../../../src/models/blueprint.ts';
import { parseConfig } from '../../../src/models/config.ts';
import { ReferenceEngine } from '../../../src/engines/reference/referenceEngine.ts';
import { readSafetensors, type SafetensorsFile } from '../../../src/formats/safetensors.ts';
import { createSession } from '../../../src/studio/session.ts';
import { readTeacher } from '../../../src/studio/teacher/teacher.ts';
import { recipeTable } from '../../../src/studio/recipe/recipe.ts';
import type { ExportResult } from '../../../src/studio/api/exporting.ts';
import type { GivenFile } from '../../../src/studio/api/files.ts';
import type { Recipe } from '../../../src/studio/api/recipe.ts';
import type { StudioEvent } from '../../../src/studio/api/run.ts';
import type { StudioApi } from '../../../src/studio/studioApi.ts';
import { mergeStudent } from '../../../src/training/mergeStudent.ts';
import { keepHeads } from '../../../src/wid/keepHeads.ts';

const CHECKPOINT = new URL('../../golden/checkpoints/safetensors/', import.meta.url);
const README = '---\nlicense: apache-2.0\nlanguage: en\n---\n# A teacher\n';
const FILES: GivenFile[] = [
  ...['config.json', 'model.safetensors', 'vocab.txt'].map((path) => ({
    path,
    bytes: new Uint8Array(readFileSync(new URL(path, CHECKPOINT))),
  })),
  { path: 'README.md', bytes: new TextEncoder().encode(README) },
];
const TEXT: GivenFile[] = [
  { path: 'a1.txt', bytes: new Uint8Array(readFileSync(new URL('../../../public/demo/prose/a1.txt', import.meta.url))) },
];

const scratch = mkdtempSync(join(tmpdir(), 'wid-studio-export-'));
const events: StudioEvent[] = [];
let session: StudioApi;
let recipe: Recipe;
let exported: ExportResult;
let files: Map<string, Uint8Array>;

beforeAll(async () => {
  session = createSession();
  await session.engine('cpu', 1);
  await session.loadTeacher('golden', FILES);
  await session.loadText('prose', TEXT, { sequence: 32, seed: 1 });
  const defaults = await session.defaults();
  const student = { layers: 2, hiddenSize: 12, heads: 3, headSize: 4, intermediateSize: 20 };
  recipe = { ...defaults, student, steps: 3, batch: 4, sequence: 32, documents: 'joined', compactorShare: 1, calibrationTokens: 500 };
  await session.start(recipe, () => undefined);
  exported = await session.exportStudent('small one', (event) => events.push(event), { fp16: true });
  files = new Map(Object.entries(unzipSync(new Uint8Array(await exported.zip.arrayBuffer()))));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const text = (path: string): string => new TextDecoder().decode(files.get(`small-one/${path}`));
const tensors = (path: string): SafetensorsFile => readSafetensors(files.get(`small-one/${path}`) ?? new Uint8Array());
const runFile = (): Map<string, unknown> => {
  const value: unknown = JSON.parse(text('run.json'));
  return new Map(Object.entries(typeof value === 'object' && value !== null ? value : {}));
};

describe('a finished run leaves as a folder', () => {
  test('whose ONNX files passed, with held-out accuracy and latency', () => {
    expect(exported.onnx.map(({ path, withheld }) => [path, withheld])).toEqual([
      ['onnx/model.onnx', null],
      ['onnx/model_fp16.onnx', null],
      ['onnx/model_quantized.onnx', null],
    ]);
    const [full, half, bytes] = exported.onnx;
    expect(full?.heldOut).toBeNull();
    for (const file of [half, bytes]) {
      expect(file?.heldOut?.tokens).toBeGreaterThan(20);
      expect(file?.heldOut?.engineAccuracy).toBe(half?.heldOut?.engineAccuracy);
      // The student hardly knows anything, so little may be lost; a broken file would answer with one word.
      expect(Math.abs((file?.heldOut?.accuracy ?? 1) - (file?.heldOut?.engineAccuracy ?? 0))).toBeLessThan(0.1);
    }
    for (const latency of [...exported.onnx.map((file) => file.latency), exported.teacherLatency]) {
      expect(latency).toMatchObject({ batch: 1, length: 40 });
      expect(latency?.runs).toBeGreaterThanOrEqual(5);
      expect(latency?.median).toBeGreaterThan(0);
      expect(latency?.p95).toBeGreaterThanOrEqual(latency?.median ?? Infinity);
    }
    expect(full?.checked.map(({ batch, length }) => [batch, length])).toEqual([1, 3].flatMap((b) => [1, 7, 40].map((l) => [b, l])));
    for (const { path, bytes: size } of exported.files) expect(files.get(`small-one/${path}`)?.length).toBe(size);
  });

  test('and each was told of as it was done', () => {
    const told = events.flatMap((event) => (event.kind === 'onnxFile' ? [event.file] : []));
    expect(told).toEqual(exported.onnx);
    const stages = new Set(events.flatMap((event) => (event.kind === 'progress' ? [event.stage] : [])));
    expect([...stages]).toEqual(
      expect.arrayContaining([
        'Answering in the engine',
        'Checking onnx/model.onnx',
        'Filling held-out masks with onnx/model_quantized.onnx',
      ]),
    );
  });

  test('whose compactors, merged into the teacher again, are the student', async () => {
    const teacher = await readTeacher('golden', FILES);
    const table = recipeTable(teacher, recipe);
    const { tensors: trained, metadata } = tensors('wid/compactors.safetensors');
    const heads: unknown = JSON.parse(metadata.get('heads') ?? '');
    if (!Array.isArray(heads)) throw new TypeError('the heads are missing');
    const kept = new Map(table.layerMap.map((from, layer) => [from, Array.isArray(heads[layer]) ? heads[layer].map(Number) : []]));
    const merged = await mergeStudent(
      new ReferenceEngine(),
      teacher.model,
      keepHeads(blueprintOf(teacher.model.config), teacher.model.tensors, table.teacher.headSize, kept),
      table,
      trained,
    );
    const student = tensors('model.safetensors').tensors;
    for (const [name, { data }] of merged.tensors) {
      const written = student.get(name)?.data ?? new Float32Array(0);
      const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const gap = data.reduce((most, value, i) => Math.max(most, Math.abs(value - (written[i] ?? Number.NaN))), 0);
      expect(gap / largest, name).toBeLessThan(1e-5);
    }
    expect(parseConfig(JSON.parse(text('config.json')))).toEqual(merged.config);
    expect(JSON.parse(metadata.get('recipe') ?? '')).toEqual(recipe);
  });

  test('whose model card and run.json carry what was measured', () => {
    const card = text('README.md');
    expect(card.split('\n')[1]).toBe('license: apache-2.0');
    expect(card).toContain('hidden size 12, 3 heads and intermediate size 20');
    expect(card).toContain('Of 3 steps of 4 x 32 tokens, 3 trained the compactors (peak learning rate');
    expect(card).toContain('npm run compress -- --teacher TEACHER --text TEXT --recipe run.json --out again');
    for (const { path, largestDifference, heldOut } of exported.onnx) {
      const row = card.split('\n').find((line) => line.startsWith(`| \`${path}\` |`));
      expect(row).toContain(largestDifference.toExponential(1));
      if (heldOut !== null) expect(row).toContain(`${(100 * heldOut.accuracy).toFixed(1)} %`);
    }
    const run = runFile();
    expect(run.get('recipe')).toEqual(recipe);
    expect(run.get('onnx')).toEqual(exported.onnx);
    expect(JSON.stringify(run.get('versions'))).toMatch(/^{"widStudio":"\d+\.\d+\.\d+","onnxruntimeWeb":"1\.\d+\.\d+/);
    expect(run.get('teacher')).toMatchObject({ name: 'golden', licence: 'apache-2.0' });
  });

  test('whose zip, given back as a teacher, is the student', async () => {
    const again = await readTeacher('again', [{ path: 'student.zip', bytes: exported.zip }]);
    const student = tensors('model.safetensors').tensors;
    expect([...again.model.tensors.keys()].toSorted()).toEqual(
      [...student.keys()].filter((name) => name !== 'cls.predictions.decoder.bias').toSorted(),
    );
    for (const [name, { data }] of again.model.tensors) expect(data).toEqual(student.get(name)?.data);
    expect(again.licence).toBe('apache-2.0');
  });

  test('that other zip readers open', async () => {
    const path = join(scratch, 'student.zip');
    writeFileSync(path, new Uint8Array(await exported.zip.arrayBuffer()));
    const script = 'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); print(z.testzip(), len(z.namelist()))';
    const { status, stdout, error } = spawnSync('python3', ['-c', script, path], { encoding: 'utf8' });
    if (error !== undefined) {
      console.warn(`SKIPPED: Python's zipfile was not tried: ${error.message}`);
      return;
    }
    expect([status, stdout.trim()]).toEqual([0, `None ${files.size}`]);
  });
});

test('an export can be cancelled, nothing else starts beside it, and the next one works', async () => {
  const again = session.exportStudent('small one', (event) => {
    if (event.kind === 'progress' && event.stage === 'Checking onnx/model.onnx') void session.cancelExport();
  });
  await expect(session.start(recipe, () => undefined)).rejects.toThrow(
    'session: an export is going on. Wait for it, or cancel it, before starting another.',
  );
  await expect(session.exportTeacher('golden', () => undefined)).rejects.toThrow('before exporting');
  await expect(again).rejects.toMatchObject({ code: 'cancelled', message: 'export: cancelled. No file was written.' });
  await session.cancelExport();
  const { files: written } = await session.exportStudent('small one', () => undefined, { latency: false, int8: false, compactors: false });
  expect(written.map(({ path }) => path)).not.toContain('wid/compactors.safetensors');
});

test('the loaded teacher leaves in the same forms, its weights unchanged', async () => {
  const { zip, onnx, teacherLatency } = await session.exportTeacher('golden', () => undefined, { latency: false });
  const written = unzipSync(new Uint8Array(await zip.arrayBuffer()));
  expect(onnx.map(({ withheld }) => withheld)).toEqual([null, null]);
  expect(teacherLatency).toBeNull();
  const before = readSafetensors(readFileSync(new URL('model.safetensors', CHECKPOINT))).tensors;
  const after = readSafetensors(written['golden/model.safetensors'] ?? new Uint8Array()).tensors;
  for (const [name, { data }] of after) expect(data).toEqual(before.get(name)?.data);
  expect(new TextDecoder().decode(written['golden/README.md'])).toContain('Its weights are unchanged.');
});

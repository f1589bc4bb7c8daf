import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WasmEngine } from '../../../src/engines/wasm/wasmEngine.ts';
import { readSafetensors } from '../../../src/formats/safetensors.ts';
import type { Recipe } from '../../../src/studio/api/recipe.ts';
import { zipContents } from '../../../src/studio/exporting/zipContents.ts';
import { jobFolder, type JobInputs } from '../../../src/studio/job/jobFolder.ts';
import { TRIED } from '../../../src/studio/job/jobReadme.ts';
import { defaultRecipe } from '../../../src/studio/recipe/recipe.ts';
import { cutTeacher, usesOf } from '../../../src/studio/teacher/cutTeacher.ts';
import { readTeacher, type Teacher } from '../../../src/studio/teacher/teacher.ts';
import { buildCorpus, type Corpus } from '../../../src/text/corpus.ts';
import { TEACHER, TEXT } from '../runs/runBench.ts';

let engine: WasmEngine;
let teacher: Teacher;
let corpus: Corpus;

beforeAll(async () => {
  engine = await WasmEngine.create(1);
  teacher = await readTeacher('golden', TEACHER);
  const text = TEXT.map(({ path, bytes }) => ({
    name: path,
    text: new TextDecoder().decode(bytes instanceof Uint8Array ? bytes : undefined),
  }));
  corpus = await buildCorpus(text, teacher.tokenizer, { sequence: 16, seed: 1 });
});

afterAll(() => engine.dispose());

async function written(recipe: Partial<Recipe>, given: Partial<JobInputs> = {}): Promise<Map<string, Uint8Array>> {
  const whole: Recipe = {
    ...defaultRecipe(teacher.report),
    steps: 4,
    batch: 4,
    sequence: 16,
    calibrationTokens: 300,
    documents: 'joined',
    ...recipe,
  };
  const inputs = { teacher, corpus, recipe: whole, fingerprints: { teacher: 't', text: '' }, text: 'prose', ...given };
  const { zip } = await jobFolder(
    inputs,
    'my job',
    () => Promise.resolve(engine),
    () => {},
  );
  const files = new Map<string, Uint8Array>();
  for (const file of await zipContents(zip)) {
    const parts: Uint8Array[] = [];
    for await (const piece of file.pieces()) parts.push(piece);
    files.set(file.path, Buffer.concat(parts));
  }
  return files;
}

const startOf = (files: ReadonlyMap<string, Uint8Array>): string[] => [
  ...readSafetensors(files.get('start.safetensors') ?? new Uint8Array()).tensors.keys(),
];

test('a job holds recipe, blueprints, start and tokenizer, and neither the teacher’s weights nor the text', async () => {
  const files = await written({});
  expect([...files.keys()].filter((path) => !path.startsWith('tokenizer/'))).toEqual([
    'run.json',
    'blueprint.json',
    'start.safetensors',
    'requirements.txt',
    'README.md',
  ]);
  expect(files.has('tokenizer/tokenizer.json')).toBe(true);
  const readme = Buffer.from(files.get('README.md') ?? []).toString();
  expect(readme).toContain('python -m wid_cluster my-job --teacher TEACHER --text TEXT');
  const names = startOf(files);
  expect(names).toContain('compactors/layer.0.query.R');
  expect(names.every((name) => name.startsWith('compactors/') && !name.startsWith('compactors/teacher.'))).toBe(true);
});

test('what is not merged has the start that its method gives', async () => {
  expect(startOf(await written({ mode: 'paper' }, { corpus: undefined }))).toEqual([]);
  expect(startOf(await written({ mode: 'scratch' }, { corpus: undefined }))).toContain('student/bert.embeddings.word_embeddings.weight');
  expect(startOf(await written({ mode: 'distil', distillationHidden: 1 }))).toContain('distillation.projection');
});

test.each([
  [{ mode: 'progressive' }, 'job: mode — expected one that PyTorch trains (calibrated, paper, prune, distil, scratch), got progressive.'],
  [{ steps: 0 }, 'job: steps — expected at least 1, got 0.'],
])('%j is refused by name', async (recipe, message) => {
  await expect(written(recipe)).rejects.toThrow(message);
});

test('a teacher whose vocabulary was cut is refused, since its weights are not those of its checkpoint', async () => {
  const counted = { uses: usesOf(corpus, teacher), text: { words: 1, tokens: corpus.tokens, unknownShare: 0 } };
  const cut = cutTeacher(teacher, counted, { vocabulary: teacher.model.config.vocabSize - 1, vocabularyText: false }, 'whole');
  await expect(written({}, { teacher: cut })).rejects.toThrow("job: vocabulary — expected the teacher's 61 tokens, got 60, a cut one.");
});

test('the package knows the settings that a usual recipe needs, and a job names those that it needs', async () => {
  const source = readFileSync(new URL('../../../cluster/wid_cluster/job.py', import.meta.url), 'utf8');
  const [, listed = ''] = /^_KNOWN = \{([^}]*)\}/m.exec(source) ?? [];
  const known = [...listed.matchAll(/"(\w+)"/g)].map(([, name]) => name);
  const needs = async (recipe: Partial<Recipe>): Promise<unknown> => {
    const run: unknown = JSON.parse(Buffer.from((await written(recipe)).get('run.json') ?? []).toString());
    return typeof run === 'object' && run !== null && 'needs' in run ? run.needs : undefined;
  };
  const usual = await needs({});
  expect(usual).toEqual(expect.arrayContaining(['guidance', 'teacherLearningRate']));
  expect(known).toEqual(expect.arrayContaining(Array.isArray(usual) ? usual : ['none']));
  expect(await needs({ rank: 4 })).toContain('rank');
  expect(usual).not.toContain('rank');
});

test('the packages that a job asks for are those of the package itself', () => {
  expect(readFileSync(new URL('../../../cluster/requirements.txt', import.meta.url), 'utf8')).toBe(TRIED);
});

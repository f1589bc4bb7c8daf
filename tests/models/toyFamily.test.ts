import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AttentionProbe } from '../../src/analysis/attentionProbe.ts';
import { layerSimilarity } from '../../src/analysis/attentionSimilarity.ts';
import { Evaluator } from '../../src/analysis/evaluation.ts';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { WasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { writeOnnx } from '../../src/export/onnxStudent.ts';
import { writeSafetensors } from '../../src/formats/safetensors.ts';
import { blueprintOf } from '../../src/models/blueprint.ts';
import { configToJson, parseConfig } from '../../src/models/config.ts';
import { addFamily } from '../../src/models/families/registry.ts';
import { freshModel } from '../../src/models/freshModel.ts';
import { longestSequence, parameterShapes, type BertModel } from '../../src/models/model.ts';
import { compress } from '../../src/studio/compression/compression.ts';
import { exportStudent } from '../../src/studio/exporting/studentExport.ts';
import { defaultRecipe } from '../../src/studio/recipe/recipe.ts';
import { decodeStudent, encodeStudent } from '../../src/studio/runs/studentFile.ts';
import { readTeacher, type Teacher } from '../../src/studio/teacher/teacher.ts';
import { engineLogits } from '../../src/studio/verification/engineAnswer.ts';
import type { GivenFile } from '../../src/studio/api/files.ts';
import type { Recipe } from '../../src/studio/api/recipe.ts';
import { maskedWords } from '../../src/tasks/maskedWords.ts';
import { Random } from '../../src/tensor/random.ts';
import { buildCorpus, type Corpus } from '../../src/text/corpus.ts';
import { compactorTraining, keptNorms } from '../../src/training/trainingGraph.ts';
import { fitHead } from '../../src/training/fitHead.ts';
import { mergeStudent } from '../../src/training/mergeStudent.ts';
import { teacherStates } from '../../src/training/teacherStates.ts';
import { Trainer } from '../../src/training/trainer.ts';
import { calibrateOnePass } from '../../src/wid/calibrate.ts';
import { gatherMoments, type CalibrationBatch } from '../../src/wid/moments.ts';
import { calibrateSequentially } from '../../src/wid/sequential.ts';
import { spacesOf, spaceTable, type SpaceTable } from '../../src/wid/spaces.ts';
import { relativeError } from '../../src/engines/conformance/relativeError.ts';
import { TEACHER, TEXT } from '../studio/runs/runBench.ts';
import { slowToy } from './slowToy.ts';
import { toy } from './toyFamily.ts';

// Step 2 of docs/adding-a-family.md, by a test's way.
addFamily(toy);

const LENGTH = 16;
const BATCH = 3;

function modelOf(settings: Record<string, unknown>): BertModel {
  const model = freshModel(parseConfig({ model_type: 'toy', ...settings }), 5);
  const random = new Random(9);
  // Biases, gains and shifts that are not 0 and 1 tell whether they are read at all.
  const tensors = new Map(
    [...model.tensors].map(([name, { shape, data }]) => [name, { shape, data: data.map((x) => x + 0.1 * random.normal()) }]),
  );
  return { ...model, tensors };
}

function filesOf({ config, tensors }: BertModel): GivenFile[] {
  return [
    { path: 'config.json', bytes: new TextEncoder().encode(JSON.stringify(configToJson(config))) },
    { path: 'model.safetensors', bytes: writeSafetensors(tensors, {}) },
    ...TEACHER.filter(({ path }) => path === 'vocab.txt'),
  ];
}

const ids = Int32Array.from({ length: BATCH * LENGTH }, (_, i) => (i % LENGTH === 0 ? 2 : 5 + ((i * 7) % 56)));
const attention = Uint8Array.from(ids, (_, i) => (i >= 2 * LENGTH + 11 ? 0 : 1));
const batch: CalibrationBatch = { inputIds: ids, attention, typeIds: new Int32Array(ids.length) };

function slow(model: BertModel): ReturnType<typeof slowToy> {
  const { layers, heads, layerNormEps, tieWordEmbeddings } = model.config;
  return slowToy(model.tensors, { blocks: layers, eyes: heads, tiny: layerNormEps, tied: tieWordEmbeddings }, ids, attention, LENGTH);
}

/** Rows of tokens: padding is no one's business. */
function real(logits: ArrayLike<number>): number[] {
  const classes = logits.length / ids.length;
  return Array.from({ length: logits.length }, (_, i) => i)
    .filter((i) => attention[Math.floor(i / classes)] === 1)
    .map((i) => logits[i] ?? Number.NaN);
}

describe('a family of one file', () => {
  let engine: WasmEngine;
  let teacher: Teacher;
  let corpus: Corpus;
  const tied = modelOf({ one_lexicon: true });

  beforeAll(async () => {
    engine = await WasmEngine.create(1);
    teacher = await readTeacher('toy', filesOf(modelOf({})));
    const [file] = TEXT;
    const text = new TextDecoder().decode(file?.bytes instanceof Uint8Array ? file.bytes : new Uint8Array());
    corpus = await buildCorpus([{ name: 'a1', text }], teacher.tokenizer, { sequence: LENGTH, seed: 1 });
  });
  afterAll(() => engine.dispose());

  const half = (layers = 2): SpaceTable =>
    spaceTable(spacesOf(teacher.model.config), { residual: 16, heads: 4, headSize: 4, inner: 24, layers }, false, 'last');

  test('its modules are those of the blueprint without segments and two norms', () => {
    const { modules, norms, tables } = blueprintOf(teacher.model.config);
    expect(tables.map(({ role }) => role)).toEqual(['words', 'positions']);
    expect(norms.map(({ key }) => key)).toEqual([0, 1, 2].flatMap((layer) => [`attentionNorm ${layer}`, `outputNorm ${layer}`]));
    expect(modules).toHaveLength(2 + 3 * 8 + 2);
    expect(longestSequence(teacher.model.config)).toBe(40);
  });

  test('is imported: every tensor by its own name, and the configuration as it was', () => {
    const own = modelOf({});
    expect(teacher.model.config).toEqual(own.config);
    expect(teacher.head).toBe('mlm');
    expect(teacher.report.maxPositions).toBe(40);
    expect([...teacher.model.tensors]).toEqual([...own.tensors]);
    for (const name of parameterShapes(own.config).keys()) expect(name).not.toMatch(/bert|embeddings|dense|LayerNorm|cls/);
  });

  test('is refused with a part missing, and under a name that no family has', async () => {
    const model = modelOf({});
    const less = { ...model, tensors: new Map([...model.tensors].filter(([name]) => name !== 'b1.match.plus')) };
    await expect(readTeacher('toy', filesOf(less))).rejects.toThrow(/b1\.match\.plus — expected \[32\], got nothing/);
    expect(() => parseConfig({ model_type: 'toys' })).toThrow(/model_type — expected "bert" or .*"toy", got "toys"/);
  });

  test.each([['untied'], ['tied']])('%s: engines give the numbers of a forward pass in float64 that knows no blueprint', async (form) => {
    const model = form === 'tied' ? tied : teacher.model;
    const wanted = real(slow(model).logits.flat());
    const reference = real(await engineLogits(new ReferenceEngine(), model, ids, attention, BATCH, LENGTH));
    expect(relativeError(reference, wanted)).toBeLessThan(2e-6);
    expect(relativeError(real(await engineLogits(engine, model, ids, attention, BATCH, LENGTH)), wanted)).toBeLessThan(2e-5);
  });

  test('attention maps are those of the float64 pass, and a model is like itself', async () => {
    const probe = await AttentionProbe.create(engine, teacher.model, BATCH, LENGTH);
    const maps = await probe.read(batch);
    probe.dispose();
    const wanted = slow(teacher.model).attentions;
    expect(maps).toHaveLength(3);
    maps.forEach((map, layer) => {
      expect(relativeError(map.probabilities, wanted[layer] ?? [])).toBeLessThan(2e-5);
      for (const { divergence } of layerSimilarity(map, map, [0, 1, 2, 3], attention).heads) expect(divergence).toBeCloseTo(1, 5);
    });
  });

  test('calibration at full size gives the teacher again, and at half size a student that beats one pass', async () => {
    const { model } = teacher;
    const moments = await gatherMoments(engine, model, BATCH, LENGTH, [batch], () => {});
    const whole = spaceTable(spacesOf(model.config), { ...spacesOf(model.config) }, false, 'last');
    const same = await calibrateOnePass(model, whole, moments, () => {});
    const again = await mergeStudent(
      engine,
      model,
      model.tensors,
      whole,
      new Map([...same.compactors, ...keptNorms(model.tensors, whole, same.residual)]),
    );
    const wanted = real(await engineLogits(engine, model, ids, attention, BATCH, LENGTH));
    // Least squares lean on their ridge, which is 1e-3 of what they solve.
    expect(relativeError(real(await engineLogits(engine, again, ids, attention, BATCH, LENGTH)), wanted)).toBeLessThan(0.1);

    const table = half(3);
    const onePass = await calibrateOnePass(model, table, moments, () => {});
    const norms = keptNorms(model.tensors, table, onePass.residual);
    const refitted = await calibrateSequentially(
      engine,
      model,
      model.tensors,
      table,
      onePass,
      norms,
      { batch: BATCH, sequence: LENGTH },
      [batch],
      () => {},
    );
    const errors: number[] = [];
    for (const { compactors } of [onePass, refitted]) {
      const student = await mergeStudent(engine, model, model.tensors, table, new Map([...compactors, ...norms]));
      const logits = real(await engineLogits(engine, student, ids, attention, BATCH, LENGTH));
      expect(relativeError(logits, real(slow(student).logits.flat()))).toBeLessThan(5e-5);
      errors.push(logits.reduce((sum, x, i) => sum + (x - (wanted[i] ?? 0)) ** 2, 0));
    }
    expect(errors[1]).toBeLessThan(errors[0] ?? 0);
  });

  test('merged training: its loss is that of the merged student, and falls', async () => {
    const { model } = teacher;
    const table = half();
    const [given] = maskedWords.heldOut({ sequences: corpus.heldOut, sequence: LENGTH, tokenizer: teacher.tokenizer }, BATCH, 1, 1);
    if (given === undefined) throw new Error('no batch');
    const shape = { task: maskedWords, batch: BATCH, sequence: LENGTH, slots: maskedWords.slots({ batch: BATCH, sequence: LENGTH }) };
    const moments = await gatherMoments(engine, model, BATCH, LENGTH, [batch], () => {});
    const { compactors, residual } = await calibrateOnePass(model, table, moments, () => {});
    const start = new Map([...compactors, ...keptNorms(model.tensors, table, residual)]);
    const graph = compactorTraining(model.config, table, shape);
    const trainer = await Trainer.create(engine, graph, shape, new Map([...teacherStates(model.config, table, model.tensors), ...start]));
    const losses: number[] = [];
    for (let step = 0; step < 12; step++) losses.push((await trainer.step([given], 3e-3)).loss);
    const trained = await trainer.read();
    trainer.dispose();
    const evaluator = await Evaluator.create(engine, await mergeStudent(engine, model, model.tensors, table, start), shape);
    expect(losses[0]).toBeCloseTo((await evaluator.evaluate([given])).loss, 4);
    evaluator.load(await mergeStudent(engine, model, model.tensors, table, trained));
    expect((await evaluator.evaluate([given])).loss).toBeLessThan((losses[0] ?? 0) - 0.1);
    evaluator.dispose();
  });

  const recipe = (change: Partial<Recipe>): Recipe => ({
    ...defaultRecipe(teacher.report),
    steps: 12,
    batch: 4,
    sequence: LENGTH,
    calibrationTokens: 200,
    evaluateEvery: 6,
    ...change,
  });
  const run = (change: Partial<Recipe>): ReturnType<typeof compress> =>
    compress(engine, teacher, corpus, recipe(change), { proceed: () => Promise.resolve(true) }, () => {});

  test.each(['calibrated', 'paper', 'progressive', 'prune', 'distil', 'scratch'] satisfies Recipe['mode'][])(
    'a whole run in mode %s leaves a student that the float64 pass agrees with',
    async (mode) => {
      const { result, model: student } = await run({ mode });
      expect(result).toMatchObject({ stepsDone: 12, fault: null });
      expect(student.config.family).toBe('toy');
      const logits = real(await engineLogits(engine, student, ids, attention, BATCH, LENGTH));
      expect(relativeError(logits, real(slow(student).logits.flat()))).toBeLessThan(5e-5);
    },
  );

  test('is exported: onnxruntime-web agrees with the engine, and the files are read again', async () => {
    const finished = await run({ steps: 2 });
    const { onnx, zip } = await exportStudent(
      engine,
      teacher,
      { ...finished, recipe: recipe({ steps: 2 }) },
      'toy',
      () => {},
      { int8: true, fp16: true, latency: false },
      corpus,
    );
    expect(onnx.map(({ withheld }) => withheld)).toEqual(onnx.map(() => null));
    const files = unzipSync(new Uint8Array(await zip.arrayBuffer()));
    const text = (file: string): string => new TextDecoder().decode(files[`toy/${file}`]);
    expect(parseConfig(JSON.parse(text('config.json')))).toEqual(finished.model.config);
    expect(text('README.md')).toContain(`A toy of ${finished.model.config.layers} layers`);
    expect(JSON.parse(text('tokenizer_config.json'))).toMatchObject({ model_input_names: ['said', 'there'] });
    for (const model of [finished.model, tied]) {
      const given = [
        ...filesOf(model).filter(({ path }) => path !== 'model.safetensors'),
        { path: 'model.onnx', bytes: writeOnnx(model, 'toy', {}).model },
      ];
      const again = await readTeacher('toy', given);
      expect([...again.model.tensors.keys()]).toEqual([...parameterShapes(model.config).keys()]);
      for (const [name, { data }] of model.tensors) expect(again.model.tensors.get(name)?.data, name).toEqual(data);
    }
  });

  test('no head is fitted to an encoder of it: the start of a fitted head needs the norm that it lacks', async () => {
    const shape = { batch: 1, sequence: LENGTH, slots: 1 };
    await expect(fitHead(engine, tied, shape, [], [], () => {})).rejects.toThrow(
      /transform has a LayerNorm.*Give a checkpoint with its head/,
    );
  });

  test('a stored student is of its family again', async () => {
    const kept = { model: tied, compactors: new Map(), family: toy.id, task: 'maskedWords' };
    const bytes = new Uint8Array(Buffer.concat([...(await encodeStudent(kept))]));
    const { model, family } = await decodeStudent('toy', bytes);
    expect(model.config).toEqual(tied.config);
    expect(family).toBe(toy.id);
  });
});

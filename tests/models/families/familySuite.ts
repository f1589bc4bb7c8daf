import { plainAlgebra } from '../../../src/tensor/algebra.ts';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AttentionProbe } from '../../../src/analysis/attentionProbe.ts';
import { layerSimilarity } from '../../../src/analysis/attentionSimilarity.ts';
import type { Engine } from '../../../src/engines/engine.ts';
import { WasmEngine } from '../../../src/engines/wasm/wasmEngine.ts';
import { weightsFile } from '../../../src/export/checkpointFiles.ts';
import { writeOnnx } from '../../../src/export/onnxStudent.ts';
import { readSafetensors, writeSafetensors } from '../../../src/formats/safetensors.ts';
import { differentiate } from '../../../src/graph/differentiate.ts';
import { Graph } from '../../../src/graph/graph.ts';
import { plan } from '../../../src/graph/plan.ts';
import { blueprintOf } from '../../../src/models/blueprint.ts';
import { configToJson, parseConfig } from '../../../src/models/config.ts';
import { familyOf } from '../../../src/models/families/registry.ts';
import { writeSegments, writeTokens } from '../../../src/models/inputs.ts';
import { parameterShapes, type BertModel } from '../../../src/models/model.ts';
import { laidAs } from '../../../src/models/runnable.ts';
import { compress } from '../../../src/studio/compression/compression.ts';
import { exportStudent } from '../../../src/studio/exporting/studentExport.ts';
import { defaultRecipe } from '../../../src/studio/recipe/recipe.ts';
import { decodeStudent, encodeStudent } from '../../../src/studio/runs/studentFile.ts';
import { fitTeacherHead } from '../../../src/studio/teacher/headedTeacher.ts';
import { readTeacher, type Teacher } from '../../../src/studio/teacher/teacher.ts';
import { engineAnswer } from '../../../src/studio/verification/engineAnswer.ts';
import type { Recipe } from '../../../src/studio/api/recipe.ts';
import { maskedWords } from '../../../src/tasks/maskedWords.ts';
import { matrix, multiply, transposed, type Matrix } from '../../../src/tensor/matrix.ts';
import type { NamedTensors } from '../../../src/tensor/tensor.ts';
import { buildCorpus, type Corpus } from '../../../src/text/corpus.ts';
import { mergeStudent } from '../../../src/training/mergeStudent.ts';
import { frozenName } from '../../../src/training/teacherStates.ts';
import { Trainer } from '../../../src/training/trainer.ts';
import { compactorTraining } from '../../../src/training/trainingGraph.ts';
import { calibrateOnePass, leastSquares, momentOf } from '../../../src/wid/calibrate.ts';
import { keepHeads } from '../../../src/wid/keepHeads.ts';
import { gatherMoments } from '../../../src/wid/moments.ts';
import { spacesOf, spaceTable } from '../../../src/wid/spaces.ts';
import { ENGINES } from '../../engines/availableEngines.ts';
import { relativeError } from '../../../src/engines/conformance/relativeError.ts';
import { TEXT } from '../../studio/runs/runBench.ts';
import { BATCH, familyGolden, milder, ofQueries, ofTokens, parsed, recordOf, SEQUENCE } from './familyGolden.ts';

const MODES = ['calibrated', 'paper', 'progressive', 'prune', 'distil', 'scratch'] satisfies Recipe['mode'][];

interface SuiteOptions {
  /** If the folder is not called so. */
  readonly family?: string;
  readonly engines?: typeof ENGINES;
}

/** The reference and one of each kind: enough for modules that another folder has on all engines. */
export const FEW_ENGINES = ENGINES.filter(({ name }) => ['reference', 'cpu, 2 threads', 'webgpu'].includes(name));

/**
 * Everything that docs/families.md says of a family, against PyTorch's numbers in tests/golden/families.
 * @param folder of tests/golden/families   @param parts words that its tensors' names must have, as a proof that they are its own
 */
export function familySuite(folder: string, parts: RegExp, { family = folder, engines = ENGINES }: SuiteOptions = {}): void {
  const { files, batch, saved, numbers, under, student: STUDENT, heads: keptHeads } = familyGolden(folder);
  const { residual: hiddenSize, heads, headSize, inner: intermediateSize, layers } = STUDENT;
  /** The same as a recipe says it. */
  const SHAPE = { hiddenSize, heads, headSize, intermediateSize, layers };
  const shape = { task: maskedWords, batch: BATCH, sequence: SEQUENCE, slots: batch.predicted };
  const textBatch = { batch: BATCH, length: SEQUENCE, ids: batch.inputIds, attention: batch.attention, types: batch.typeIds };
  const tokens = (values: ArrayLike<number>): number[] => ofTokens(batch, values);
  const logitsOf = async (engine: Engine, model: BertModel): Promise<number[]> =>
    tokens((await engineAnswer(engine, model, textBatch, 'answer')).get('logits') ?? []);

  describe(`${folder}: import`, () => {
    test('every tensor that Hugging Face saves is read under its own name', async () => {
      const { model, head, report } = await readTeacher(family, files);
      const held = readSafetensors(bytesOf('model.safetensors')).tensors;
      expect(model.config.family).toBe(family);
      expect(head).toBe('mlm');
      // Written again, it is the same file: tensors that hold several parameters among them.
      const written = readSafetensors(await whole(weightsFile(model, 'fp32').pieces)).tensors;
      expect(new Set(written.keys())).toEqual(new Set(held.keys()));
      for (const [name, tensor] of written) expect(tensor, name).toEqual(held.get(name));
      for (const name of model.tensors.keys()) expect(name).toMatch(parts);
      expect(report.ignored).toEqual([]);
      expect(parseConfig(configToJson(model.config))).toEqual(model.config);
    });

    test('without a head and its root, and behind a wrapper, it is the same encoder', async () => {
      const { model } = await readTeacher(family, files);
      const blueprint = blueprintOf(model.config);
      const encoder = [...model.tensors].filter(([name]) => blueprint.owner(name)?.part !== 'head');
      const root = /^[^.]+\./;
      for (const rename of [(name: string) => name.replace(root, ''), (name: string) => `module.model.${name}`]) {
        const given = replaced('model.safetensors', writeSafetensors(new Map(encoder.map(([name, tensor]) => [rename(name), tensor])), {}));
        const again = await readTeacher(family, given);
        expect(again.head).toBe('none');
        for (const [name, { data }] of encoder) expect(again.model.tensors.get(name)?.data, name).toEqual(data);
      }
    });

    test('the family is known by the architecture alone; its tensors are refused under the settings of a BERT', async () => {
      const { model_type: _, ...settings } = recordOf(parsed(bytesOf('config.json')));
      const named = await readTeacher(family, replaced('config.json', new TextEncoder().encode(JSON.stringify(settings))));
      expect(named.model.config.family).toBe(family);
      const bert = new TextEncoder().encode(
        JSON.stringify({ model_type: 'bert', hidden_size: 27, num_attention_heads: 3, vocab_size: 61, num_hidden_layers: 2 }),
      );
      await expect(readTeacher(family, replaced('config.json', bert))).rejects.toThrow(
        /expected tensors of a BERT, got others\. They are those of "\w+": take the config\.json that came with them/,
      );
    });

    test('a part of another model is refused, and a missing one named', async () => {
      const { model } = await readTeacher(family, files);
      const first = [...model.tensors.keys()].find((name) => name.includes('.0.')) ?? '';
      const less = new Map([...model.tensors].filter(([name]) => name !== first));
      const escaped = first.replaceAll('.', '\\.');
      await expect(readTeacher(family, replaced('model.safetensors', writeSafetensors(less, {})))).rejects.toThrow(
        new RegExp(`${escaped} — expected .*, got nothing`),
      );
      const strange = `${first.slice(0, first.indexOf('.'))}.extra.weight`;
      const more = new Map([...model.tensors, [strange, { shape: [1], data: new Float32Array(1) }]]);
      await expect(readTeacher(family, replaced('model.safetensors', writeSafetensors(more, {})))).rejects.toThrow(
        /extra\.weight — expected no such tensor/,
      );
    });

    function bytesOf(path: string): Uint8Array {
      const found = files.find((file) => file.path === path)?.bytes;
      if (!(found instanceof Uint8Array)) throw new Error(`golden: no ${path}`);
      return found;
    }
    function replaced(path: string, bytes: Uint8Array): typeof files {
      return files.map((file) => (file.path === path ? { path, bytes } : file));
    }
  });

  describe.each(engines)(`${folder}: golden numbers on $name`, ({ name: engineName, create }) => {
    let engine: Engine;
    let teacher: Teacher;
    beforeAll(async () => {
      engine = await create();
      teacher = await readTeacher(family, files);
    });
    afterAll(() => engine.dispose());
    const table = (): ReturnType<typeof spaceTable> => spaceTable(spacesOf(teacher.model.config), STUDENT, false, 'last');
    const start = (): NamedTensors => new Map([...under('compactor.'), ...[...kept()].map(([n, t]) => [frozenName(n), t] as const)]);
    /** The teacher without the heads that go whole. */
    const kept = (): NamedTensors => {
      const { config, tensors } = teacher.model;
      return keepHeads(blueprintOf(config), tensors, spacesOf(config).headSize, keptHeads);
    };

    test('logits, loss, attention and the gradient of every parameter', async () => {
      const { model } = teacher;
      const graph = new Graph();
      const values = new Map([...parameterShapes(model.config)].map(([name, dims]) => [name, graph.state(name, dims)]));
      const parameter = (name: string) => values.get(name) ?? fail(name);
      // Every position is a slot, so that all logits come out; only labelled ones count.
      const all = BATCH * SEQUENCE;
      const laid = maskedWords.part(graph, { ...shape, slots: all }, 0).model(laidAs(graph, model.config, parameter));
      graph.output('logits', laid.answers);
      graph.output('hidden', laid.encoder.hidden);
      graph.output('lossSum', laid.lossSum);
      laid.encoder.layers.forEach((layer, i) => graph.output(`attentions.${i}`, layer.attention));
      const gradients = differentiate(graph, laid.lossSum, [...values.values()], graph.input('weight', [1]));
      [...values.keys()].forEach((name, i) => graph.output(`d.${name}`, gradients[i] ?? fail(name)));
      const program = await engine.compile(plan(graph, engine.planOptions));
      for (const [name, tensor] of model.tensors) program.write(name, tensor.data);
      const blueprint = blueprintOf(model.config);
      writeTokens(program, blueprint, shape, batch);
      writeSegments(program, blueprint, batch.typeIds);
      program.write(
        'positions',
        Int32Array.from({ length: all }, (_, i) => i),
      );
      const labels = new Int32Array(all).fill(-1);
      batch.positions.forEach((position, i) => (labels[position] = batch.labels[i] ?? -1));
      program.write('labels', labels);
      program.write('weight', Float32Array.of(1 / batch.predicted));
      await program.run();
      for (const name of ['logits', 'hidden'])
        expect(relativeError(tokens(await program.read(name)), tokens(numbers(name))), name).toBeLessThan(1e-5);
      for (let layer = 0; layer < STUDENT.layers; layer++)
        expect(
          relativeError(ofQueries(batch, await program.read(`attentions.${layer}`)), ofQueries(batch, numbers(`attentions.${layer}`))),
        ).toBeLessThan(1e-5);
      const [sum = 0] = await program.read('lossSum');
      expect(sum / batch.predicted / (numbers('loss')[0] ?? 0)).toBeCloseTo(1, 5);
      const wanted = under('gradient.');
      expect(new Set(wanted.keys())).toEqual(new Set(values.keys()));
      for (const [name, { data }] of wanted) {
        // A key's bias has no gradient: softmax does not see it. Both sides hold rounding there.
        if (blueprint.owner(name)?.role === 'key' && name.endsWith('.bias')) continue;
        expect(relativeError(await program.read(`d.${name}`), data), name).toBeLessThan(1e-4);
      }
      program.dispose();
    });

    test('calibration: least squares, and products of head factors', async () => {
      // 30 tokens leave the solves to their ridge, and float32 activations move them.
      const tolerance = engineName === 'reference' ? 2e-4 : 2e-3;
      const moments = await gatherMoments(engine, teacher.model, BATCH, SEQUENCE, [batch], () => {});
      const sites = under('least.');
      expect(sites.size).toBe(3 * STUDENT.layers + 2 + (teacher.model.config.embedding === undefined ? 0 : 1));
      for (const [
        site,
        {
          shape: [width = 0, kept = 0],
          data,
        },
      ] of sites) {
        const L = leastSquares(
          plainAlgebra,
          momentOf(moments, site).C,
          Array.from({ length: kept }, (_, i) => 2 * i),
        );
        expect([L.rows, L.columns]).toEqual([width, kept]);
        expect(relativeError(L.data, data), site).toBeLessThan(tolerance);
      }
      const { compactors, heads: chosen } = await calibrateOnePass(teacher.model, table(), moments, () => {});
      expect(chosen).toEqual(keptHeads);
      if (keptHeads.size > 0) return;
      const [a, ours] = [spacesOf(teacher.model.config).headSize, STUDENT.headSize];
      for (let layer = 0; layer < STUDENT.layers; layer++)
        for (let head = 0; head < STUDENT.heads; head++) {
          const block = (name: string, rows: number, columns: number): Matrix =>
            matrix(
              rows,
              columns,
              compactors.get(`layer.${layer}.${name}`)?.data.subarray(head * rows * columns, (head + 1) * rows * columns),
            );
          const products = [
            ['query_key', multiply(transposed(block('query.R', ours, a)), block('key.R', ours, a))],
            ['value_output', multiply(block('attention.output.L', a, ours), block('value.R', ours, a))],
          ] as const;
          for (const [name, { data }] of products)
            expect(relativeError(data, numbers(`${layer}.${head}.${name}`)), `${layer}.${head}.${name}`).toBeLessThan(tolerance);
        }
    });

    test('the merged student is that of Hugging Face, tensor by tensor and in its attention', async () => {
      const student = await mergeStudent(engine, teacher.model, kept(), table(), start());
      const wanted = under('merged.');
      expect(new Set(student.tensors.keys())).toEqual(new Set(wanted.keys()));
      for (const [name, { data }] of wanted) expect(relativeError(student.tensors.get(name)?.data ?? [], data), name).toBeLessThan(1e-5);
      expect(relativeError(await logitsOf(engine, student), tokens(numbers('merged logits')))).toBeLessThan(1e-5);
      const maps = await Promise.all(
        [teacher.model, student].map(async (model) => {
          const probe = await AttentionProbe.create(engine, model, BATCH, SEQUENCE);
          probe.writeTypes(batch.typeIds);
          const found = await probe.read(batch);
          probe.dispose();
          return found;
        }),
      );
      const [theirs = [], ours = []] = maps;
      for (let layer = 0; layer < STUDENT.layers; layer++) {
        const [a, b] = [theirs[layer] ?? fail('map'), ours[layer] ?? fail('map')];
        expect(relativeError(ofQueries(batch, b.probabilities), ofQueries(batch, numbers(`merged attentions.${layer}`)))).toBeLessThan(
          1e-5,
        );
        const theirHeads = keptHeads.get(layer) ?? [0, 1, 2];
        const heads = layerSimilarity(a, b, theirHeads, batch.attention).heads;
        const wantedHeads = layerSimilarity(
          { ...a, probabilities: numbers(`attentions.${layer}`) },
          { ...b, probabilities: numbers(`merged attentions.${layer}`) },
          theirHeads,
          batch.attention,
        ).heads;
        heads.forEach(({ divergence }, head) => expect(divergence).toBeCloseTo(wantedHeads[head]?.divergence ?? Number.NaN, 4));
      }
    });

    test('three steps of merged training', async () => {
      const trainer = await Trainer.create(engine, compactorTraining(teacher.model.config, table(), shape), shape, start());
      trainer.writeTypes(batch.typeIds);
      for (const [step, loss] of numbers('losses').entries()) {
        const done = await trainer.step([batch], 1e-3);
        expect(Math.abs(done.loss / loss - 1)).toBeLessThan(5e-5);
        expect(Math.abs(done.gradientNorm / (numbers('grad_norms')[step] ?? 0) - 1)).toBeLessThan(5e-4);
      }
      const after = await trainer.read();
      trainer.dispose();
      // Adam divides noise by noise where a gradient is zero but for rounding.
      for (const [name, { data }] of under('after.')) expect(relativeError(after.get(name)?.data ?? [], data), name).toBeLessThan(2e-3);
    });
  });

  describe(`${folder}: runs and exports`, () => {
    let engine: WasmEngine;
    let teacher: Teacher;
    let corpus: Corpus;
    beforeAll(async () => {
      engine = await WasmEngine.create(1);
      teacher = await readTeacher(family, files);
      const [text] = TEXT;
      const words = new TextDecoder().decode(text?.bytes instanceof Uint8Array ? text.bytes : new Uint8Array());
      corpus = await buildCorpus([{ name: 'a1', text: words }], teacher.tokenizer, { sequence: 16, seed: 1 });
    });
    afterAll(() => engine.dispose());
    const recipe = (change: Partial<Recipe>): Recipe => ({
      ...defaultRecipe(teacher.report),
      student: SHAPE,
      steps: 8,
      batch: 4,
      sequence: 16,
      calibrationTokens: 200,
      evaluateEvery: 4,
      ...change,
    });
    const run = (change: Partial<Recipe>): ReturnType<typeof compress> =>
      compress(engine, teacher, corpus, recipe(change), { proceed: () => Promise.resolve(true) }, () => {});

    test.each(MODES)('mode %s trains a student, and onnxruntime-web answers as the engine does', async (mode) => {
      const finished = await run({ mode });
      expect(finished.result).toMatchObject({ stepsDone: 8, fault: null });
      expect(finished.model.config.family).toBe(family);
      const written = readSafetensors(await whole(weightsFile(finished.model, 'fp32').pieces)).tensors;
      expect(new Set(written.keys())).toEqual(
        new Set(Object.keys(saved[finished.model.config.tieWordEmbeddings ? 'tied' : 'untied'].tensors)),
      );
      const { onnx } = await exportStudent(
        engine,
        teacher,
        { ...finished, recipe: recipe({ mode }) },
        mode,
        () => {},
        { latency: false },
        corpus,
      );
      expect(onnx.map(({ withheld }) => withheld)).toEqual([null, null]);
      const kept = { model: finished.model, compactors: new Map(), family, task: 'maskedWords' };
      const stored = await decodeStudent(mode, new Uint8Array(Buffer.concat([...(await encodeStudent(kept))])));
      expect(stored.model.config).toEqual(finished.model.config);
    });

    test.each(['tied', 'untied'] as const)('%s: configuration and tensors are those that save_pretrained writes', async (form) => {
      const given = parseConfig(saved[form].config);
      const ours = configToJson(given);
      // The library writes tokens of generation, and dropouts of tasks, that no encoder reads.
      for (const [key, value] of Object.entries(ours)) if (key in saved[form].config) expect(value, key).toEqual(saved[form].config[key]);
      for (const key of ['model_type', 'architectures', 'tie_word_embeddings']) expect(ours).toHaveProperty(key);
      const tensors = new Map(
        [...parameterShapes(given)].map(([name, dims]) => [name, { shape: dims, data: new Float32Array(dims.reduce((a, b) => a * b, 1)) }]),
      );
      const written = readSafetensors(await whole(weightsFile({ config: given, tensors }, 'fp32').pieces)).tensors;
      const shapes = Object.fromEntries([...written].map(([name, tensor]) => [name, tensor.shape]));
      expect(shapes).toEqual(saved[form].tensors);
    });

    test('the exported folder is read again, and so is its ONNX file alone, under the inputs of the family', async () => {
      const trained = await run({ steps: 2 });
      const finished = { ...trained, model: milder(trained.model) };
      const { onnx, zip } = await exportStudent(
        engine,
        teacher,
        { ...finished, recipe: recipe({ steps: 2 }) },
        'out',
        () => {},
        {
          latency: false,
          fp16: true,
          attentions: true,
        },
        corpus,
      );
      expect(onnx.map(({ withheld }) => withheld)).toEqual(onnx.map(() => null));
      const unzipped = unzipSync(new Uint8Array(await zip.arrayBuffer()));
      const { label, onnxInputs } = familyOf(family);
      const text = (file: string): string => new TextDecoder().decode(unzipped[`out/${file}`]);
      expect(text('README.md')).toMatch(new RegExp(`An? ${label} of ${layers} layers`));
      const inputs = Object.values<string>({ ...onnxInputs }).toSorted();
      const given = recordOf(parsed(unzipped['out/tokenizer_config.json'] ?? new Uint8Array()))['model_input_names'];
      // BertTokenizer is named if it makes the same tokens, and then says its inputs itself.
      expect(Array.isArray(given) ? given.map(String).toSorted() : ['attention_mask', 'input_ids', 'token_type_ids']).toEqual(inputs);
      const folder = Object.entries(unzipped).map(([path, bytes]) => ({ path, bytes }));
      expect((await readTeacher('out', folder)).model.config).toEqual(finished.model.config);
      for (const model of [finished.model, teacher.model]) {
        const alone = [
          { path: 'config.json', bytes: new TextEncoder().encode(JSON.stringify(configToJson(model.config))) },
          { path: 'model.onnx', bytes: writeOnnx(model, family, {}).model },
          ...files.filter(({ path }) => path === 'vocab.txt'),
        ];
        const again = await readTeacher('onnx', alone);
        for (const [name, { data }] of model.tensors) expect(again.model.tensors.get(name)?.data, name).toEqual(data);
      }
    });

    test('an encoder alone is exported under the name of its class, and gets a head from the text', async () => {
      const blueprint = blueprintOf(teacher.model.config);
      const encoder = new Map([...teacher.model.tensors].filter(([name]) => blueprint.owner(name)?.part !== 'head'));
      const given = files.map((file) =>
        file.path === 'model.safetensors' ? { path: file.path, bytes: writeSafetensors(encoder, {}) } : file,
      );
      const headless = await readTeacher(family, given);
      const [architecture] = Object.values([configToJson(headless.model.config, true)['architectures']].flat());
      expect(String(architecture)).toMatch(/Model$/);
      const headed = await fitTeacherHead(engine, headless, corpus, { proceed: () => Promise.resolve(true) }, () => {});
      expect(headed.head).toBe('mlm');
      // Its weights are random: there is little to know beyond how frequent a word is.
      expect(headed.headFit?.loss).toBeLessThan(1.05 * (headed.headFit?.frequencyLoss ?? 0));
    });
  });
}

function fail(name: string): never {
  throw new Error(`golden: no ${name}`);
}

async function whole(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return new Uint8Array(Buffer.concat(all));
}

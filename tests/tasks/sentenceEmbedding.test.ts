import { unzipSync } from 'fflate';
import { beforeAll, describe, expect, test } from 'vitest';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { differentiate } from '../../src/graph/differentiate.ts';
import { Graph } from '../../src/graph/graph.ts';
import { plan } from '../../src/graph/plan.ts';
import { blueprintOf } from '../../src/models/blueprint.ts';
import { freshModel } from '../../src/models/freshModel.ts';
import { writeOneSegment, writeTokens } from '../../src/models/inputs.ts';
import { plainRunnable } from '../../src/models/runnable.ts';
import type { BertConfig } from '../../src/models/config.ts';
import type { GivenFile } from '../../src/studio/api/files.ts';
import type { Recipe } from '../../src/studio/api/recipe.ts';
import type { RunResult, StudioEvent } from '../../src/studio/api/run.ts';
import { openOnnx } from '../../src/studio/verification/onnxRuntime.ts';
import type { StudioApi } from '../../src/studio/studioApi.ts';
import { SENTENCES_TASK, TASK_NAMES } from '../../src/studio/settings/tasks.ts';
import { TASKS } from '../../src/tasks/registry.ts';
import { sentenceEmbedding } from '../../src/tasks/sentenceEmbedding.ts';
import { cosine, unit } from '../../src/tasks/sentenceScores.ts';
import type { TaskBatch, TaskText } from '../../src/tasks/task.ts';
import { Random } from '../../src/tensor/random.ts';
import { packApart } from '../../src/text/packedText.ts';
import { createTokenizer } from '../../src/text/tokenizer.ts';
import { HEADLESS, RunBench, stopAfter, TEXT, type Opened } from '../studio/runs/runBench.ts';

const bench = new RunBench();
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const json = (path: string, value: unknown): GivenFile => ({ path, bytes: bytes(JSON.stringify(value)) });

/** The golden encoder as a sentence-transformers folder. */
function folder(pooling: object = { pooling_mode_mean_tokens: true }, normalised = true): GivenFile[] {
  const kinds = ['Transformer', 'Pooling', ...(normalised ? ['Normalize'] : [])];
  const modules = kinds.map((kind, idx) => ({
    idx,
    name: String(idx),
    path: idx === 0 ? '' : `${idx}_${kind}`,
    type: `sentence_transformers.models.${kind}`,
  }));
  return [
    ...HEADLESS,
    json('modules.json', modules),
    json('1_Pooling/config.json', { word_embedding_dimension: 32, ...pooling }),
    json('sentence_bert_config.json', { max_seq_length: 30, do_lower_case: false }),
  ];
}

/** Three words of the prose a line. */
function lines(): string[] {
  const [file] = TEXT;
  const words = new TextDecoder().decode(file?.bytes instanceof Uint8Array ? file.bytes : new Uint8Array()).split(/\s+/);
  return Array.from({ length: 160 }, (_, i) => words.slice(3 * i, 3 * i + 3).join(' '));
}

const SENTENCES: GivenFile[] = [{ path: 's.txt', bytes: bytes(lines().join('\n')) }];

async function open(name: string, teacher = folder()): Promise<Opened> {
  const opened = await bench.open(name, {}, undefined, 'cpu', teacher);
  const { session } = opened;
  await session.loadText('lines', SENTENCES, { sequence: 32, seed: 1 });
  const recipe: Recipe = {
    ...(await session.defaults()),
    steps: 8,
    batch: 8,
    sequence: 32,
    sentences: 8,
    accumulation: 2,
    calibrationTokens: 500,
    evaluateEvery: 4,
    compactorShare: 0.5,
    keptStates: 1,
  };
  return { ...opened, recipe };
}

describe('the loss of sentence vectors', () => {
  const config: BertConfig = {
    vocabSize: 11,
    hiddenSize: 6,
    layers: 1,
    heads: 2,
    intermediateSize: 7,
    hiddenAct: 'gelu',
    maxPositions: 9,
    typeVocabSize: 1,
    layerNormEps: 1e-12,
    padTokenId: 0,
    tieWordEmbeddings: true,
    initializerRange: 0.5,
    hiddenDropout: 0,
    attentionDropout: 0,
    sentence: { poolers: ['mean', 'lasttoken'], dense: 5, normalised: true },
  };
  const special = { pad: 0, unknown: 1, classify: 2, separate: 3, mask: 4 };
  const random = new Random(3);
  const vectors = unit({ width: 5, data: Float32Array.from({ length: 3 * 5 }, () => random.normal()) });
  const text: TaskText = {
    ...packApart(
      [[5, 6, 7], [8], [9, 10]].map((ids) => Int32Array.from(ids)),
      9,
      special,
    ),
    tokenizer: { vocabularySize: 11, special, encode: () => [], token: String, isContinuation: () => false },
    taught: { poolers: ['mean', 'lasttoken'], vectors },
  };
  const shape = { batch: 2, sequence: 9, slots: 7, likeness: 3 };
  const settings = { masking: 0.15, predicted: 0, wholeWords: false, sentences: 7 };
  // No seven sentences find room.
  const [first] = sentenceEmbedding.stream(text, shape, 1, 5, settings).next();
  if (first === undefined) throw new Error('expected a batch, got none');
  const batch: TaskBatch = first;
  const targets = Float32Array.from(batch.inputs.get('targets') ?? []);

  async function program(
    likeness: number,
  ): Promise<{ run: () => Promise<number>; read: (name: string) => Float64Array; write: (name: string, data: Float64Array) => void }> {
    const graph = new Graph();
    const model = freshModel(config, 2);
    const runnable = plainRunnable(model);
    const laid = sentenceEmbedding.part(graph, { ...shape, likeness }, 0).model(runnable.lay(graph));
    const target = laid.target ?? laid.lossSum;
    graph.output('target', target);
    graph.output('rows', laid.rows);
    graph.output('vectors', laid.answers);
    const names = [...graph.states.keys()];
    const weight = graph.input('weight', [1]);
    const states = names.map((name) => graph.states.get(name));
    differentiate(
      graph,
      target,
      states.filter((state) => state !== undefined),
      weight,
    ).forEach((gradient, i) => graph.output(`d.${names[i] ?? ''}`, gradient));
    const made = new ReferenceEngine().compileReference(plan(graph));
    for (const name of names) made.write(name, model.tensors.get(name)?.data ?? new Float32Array());
    writeTokens(made, blueprintOf(config), shape, batch);
    writeOneSegment(made, blueprintOf(config), shape);
    for (const [name, numbers] of batch.inputs) if (graph.inputs.has(name)) made.write(name, numbers);
    made.write('weight', Float32Array.of(1));
    await made.run();
    return {
      run: async () => {
        await made.run();
        return made.readExact('target')[0] ?? Number.NaN;
      },
      read: (name) => made.readExact(name),
      write: (name, data) => made.writeExact(name, data),
    };
  }

  test.each([0, 3])('agrees with central differences, likeness %i', async (likeness) => {
    const { run, read, write } = await program(likeness);
    let compared = 0;
    for (const name of [...plainRunnable(freshModel(config, 2)).tensors.keys()].filter((each) => /dense|query|words|word_emb/.test(each))) {
      const gradient = read(`d.${name}`).slice();
      const at = read(name).slice();
      for (let i = 0; i < at.length; i += Math.max(1, Math.floor(at.length / 5))) {
        const loss = (shift: number): Promise<number> => {
          write(
            name,
            at.map((x, j) => (j === i ? x + shift : x)),
          );
          return run();
        };
        const slope = ((await loss(1e-5)) - (await loss(-1e-5))) / 2e-5;
        write(name, at);
        expect(Math.abs(slope - (gradient[i] ?? Number.NaN)), `${name}[${i}]`).toBeLessThan(1e-4 * Math.max(1, Math.abs(slope)));
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(15);
  });

  test('is 1 - cosine of every sentence, and 0 of a slot without one', async () => {
    const { read } = await program(0);
    const [rows, made] = [read('rows'), Float32Array.from(read('vectors'))];
    expect(batch.answers).toBeGreaterThan(2);
    for (let slot = 0; slot < batch.answers; slot++) {
      expect(rows[slot]).toBeCloseTo(1 - cosine(made.subarray(5 * slot, 5 * slot + 5), targets.subarray(5 * slot, 5 * slot + 5)), 5);
      expect(Math.hypot(...made.subarray(5 * slot, 5 * slot + 5))).toBeCloseTo(1, 6);
    }
    expect(batch.answers).toBeLessThan(7);
    expect(rows[6]).toBe(0);
  });

  test('a stream draws every sentence once an epoch, and goes on where it was restored', () => {
    const stream = sentenceEmbedding.stream(text, { batch: 1, sequence: 9, slots: 1 }, 1, 5, settings);
    const drawn = Array.from({ length: 3 }, () => stream.next().map(({ inputIds }) => inputIds.join())).flat();
    expect(new Set(drawn).size).toBe(3);
    const state = stream.state();
    const wanted = Array.from({ length: 4 }, () => stream.next());
    stream.restore(state);
    expect(Array.from({ length: 4 }, () => stream.next())).toEqual(wanted);
  });
});

async function unzipped(zip: Blob): Promise<Map<string, Uint8Array>> {
  const files = unzipSync(new Uint8Array(await zip.arrayBuffer()));
  return new Map(Object.entries(files).map(([path, data]) => [path.slice(path.indexOf('/') + 1), data]));
}

async function embedded(session: StudioApi, files: ReadonlyMap<string, Uint8Array>): Promise<{ width: number; vectors: Float32Array }> {
  return embeddedBy(
    session,
    [...files].map(([path, data]) => ({ path, bytes: Uint8Array.from(data) })),
    lines().slice(0, 6),
  );
}

async function embeddedBy(
  session: StudioApi,
  given: readonly GivenFile[],
  sentences: readonly string[],
): Promise<{ width: number; vectors: Float32Array }> {
  const found = await session.embed({ name: 'encoder', files: given }, [{ path: 'few.txt', bytes: bytes(sentences.join('\n')) }], {});
  return { width: found.encoder.width, vectors: new Float32Array(found.vectors.buffer) };
}

describe('a run for sentence vectors', () => {
  let session: StudioApi;
  let result: RunResult;
  const events: StudioEvent[] = [];

  beforeAll(async () => {
    const opened = await open('whole');
    session = opened.session;
    result = await session.start(opened.recipe, (event) => events.push(event));
  });

  test('learns the vectors of its teacher, computed once', async () => {
    expect(result).toMatchObject({ stepsDone: 8, fault: null, teacher: { accuracy: 1, agreement: 1 } });
    expect(result.trained.accuracy).toBeGreaterThan(0.5);
    expect(result.trained.loss).toBeCloseTo(1 - result.trained.accuracy, 6);
    const stages = events.flatMap((event) => (event.kind === 'progress' ? [event.stage] : []));
    expect(stages).toContain("Computing the teacher's vectors");
    expect(stages).toContain('Fitting the layer behind pooling');
    expect(stages).not.toContain('Fitting a head to the encoder');
  });

  test('leaves a folder whose vectors, ONNX files and own form are one and the same', async () => {
    const same = await session.exportStudent('same', () => {}, { latency: false });
    expect(same.onnx.map(({ path, withheld }) => [path, withheld])).toEqual([
      ['onnx/model.onnx', null],
      ['onnx/model_quantized.onnx', null],
      ['onnx/model_sentence.onnx', null],
    ]);
    for (const { path, largestDifference } of same.onnx) if (!path.includes('quantized')) expect(largestDifference).toBeLessThan(1e-4);
    const files = await unzipped(same.zip);
    expect(JSON.parse(new TextDecoder().decode(files.get('modules.json')))).toMatchObject(
      ['', '1_Pooling', '2_Dense', '3_Normalize'].map((path) => ({ path })),
    );
    const whole = await embedded(session, files);
    expect(whole.width).toBe(32);

    const tokenizer = createTokenizer({ vocabulary: new TextDecoder().decode(files.get('vocab.txt')) });
    const runtime = await openOnnx(files.get('onnx/model_sentence.onnx') ?? new Uint8Array());
    const first = [tokenizer.special.classify, ...tokenizer.encode(lines()[0] ?? '').slice(0, 28), tokenizer.special.separate];
    const padded = Int32Array.from([...first, 0, 0, 0]);
    const attention = Uint8Array.from(padded, (_, i) => (i < first.length ? 1 : 0));
    const answer = await runtime.run({ batch: 1, length: padded.length, ids: padded, attention, types: new Int32Array(padded.length) });
    await runtime.close();
    const vector = answer.get('sentence_embedding');
    expect(vector?.length).toBe(32);
    whole.vectors.subarray(0, 32).forEach((x, i) => expect(Math.abs(x - (vector?.[i] ?? Number.NaN))).toBeLessThan(1e-4));

    const own = await embedded(
      session,
      await unzipped((await session.exportStudent('own', () => {}, { latency: false, int8: false, vectors: 'own' })).zip),
    );
    expect(own.width).toBe(16);
    const pair = ({ width, vectors }: typeof own, i: number): number =>
      cosine(vectors.subarray(0, width), vectors.subarray(i * width, (i + 1) * width));
    for (let i = 1; i < 6; i++) expect(pair(own, i)).toBeCloseTo(pair(whole, i), 5);

    const inTokens = await session.exportStudent('tokens', () => {}, { latency: false, int8: false, dense: 'tokens' });
    const few = await unzipped(inTokens.zip);
    expect([...few.keys()].filter((path) => /safetensors|modules/.test(path))).toEqual(['wid/compactors.safetensors']);
    expect(inTokens.onnx).toMatchObject([{ path: 'onnx/model.onnx', withheld: null, output: 'last_hidden_state' }]);
    const pooling = await openOnnx(few.get('onnx/model.onnx') ?? new Uint8Array());
    const tokens = (
      await pooling.run({ batch: 1, length: padded.length, ids: padded, attention, types: new Int32Array(padded.length) })
    ).get('last_hidden_state');
    await pooling.close();
    const mean = Float32Array.from({ length: 32 }, (_, i) => first.reduce((sum, __, token) => sum + (tokens?.[32 * token + i] ?? 0), 0));
    expect(cosine(mean, whole.vectors.subarray(0, 32))).toBeCloseTo(1, 6);
  });

  test('tells how alike sentences are to both models, and shows a sample of many', async () => {
    const few = lines().slice(0, 5);
    const found = await session.similarities(['', ...few, few[0]].join('\n'));
    expect(found).toMatchObject({ sentences: few, given: 5, cut: 0 });
    expect(found.teacher[1]?.[1]).toBeCloseTo(1, 6);
    const folders = [
      folder(),
      [...(await unzipped((await session.exportStudent('same', () => {}, { latency: false, int8: false })).zip))].map(([path, data]) => ({
        path,
        bytes: Uint8Array.from(data),
      })),
    ];
    for (const [i, files] of folders.entries()) {
      const { vectors, width } = await embeddedBy(session, files, few);
      const map = i === 0 ? found.teacher : found.student;
      expect(map[0]?.[3]).toBeCloseTo(cosine(vectors.subarray(0, width), vectors.subarray(3 * width, 4 * width)), 5);
    }
    const many = await session.similarities(Array.from({ length: 10_000 }, (_, i) => `${lines()[i % 160] ?? ''} ${i}`).join('\n'));
    expect([many.given, many.sentences.length, many.student.length]).toEqual([10_000, 48, 48]);
    await expect(session.similarities('the cat\n\nthe cat')).rejects.toThrow(/expected at least two different ones, a line each, got 1/);
  });

  test.each([2, 6])('goes on bit for bit after it was stopped at step %i', async (stopAt) => {
    const first = await open(`stop-${stopAt}`);
    expect(await first.session.start(first.recipe, stopAfter(first.session, stopAt))).toMatchObject({ stopped: true, stepsDone: stopAt });
    const second = await open(`stop-${stopAt}`);
    const [waiting] = await second.session.unfinished();
    expect({ ...(await second.session.resumeRun(waiting?.run ?? '', () => {})), seconds: 0 }).toEqual({ ...result, seconds: 0 });
  });

  test('is kept with its teacher, and comes back from where it was kept', async () => {
    const [run] = await session.runs();
    const again = await bench.open('whole');
    await expect(again.session.recallInputs(run?.run ?? '')).resolves.toMatchObject({ missing: ['teacher', 'text'] });
  });
});

test('page and terminal know the tasks that there are', () => {
  expect(TASK_NAMES).toEqual(TASKS.map(({ name }) => name));
  expect(sentenceEmbedding.name).toBe(SENTENCES_TASK);
});

describe('what cannot be learned is said', () => {
  test.each([
    [
      'a maximum over tokens',
      folder({ pooling_mode_max_tokens: true, pooling_mode_mean_tokens: false }),
      /pooling — expected some of cls, mean, .*, got max/,
    ],
    [
      'a pooling of another width',
      folder({ word_embedding_dimension: 31, pooling_mode_mean_tokens: true }),
      /embedding_dimension — expected 32, .* got 31/,
    ],
  ] as const)('%s', async (_, files, said) => {
    const { session } = await bench.open(`refused ${_}`);
    await expect(session.loadTeacher('other', files)).rejects.toThrow(said);
  });

  test('a method that squeezes the head for masked words', async () => {
    const { session, recipe } = await open('paper');
    await expect(session.start({ ...recipe, mode: 'progressive' }, () => {})).rejects.toThrow(
      /expected one that makes students for sentence vectors/,
    );
  });

  test('too few sentences, and how many were equal or cut', async () => {
    const { session, recipe } = await open('few');
    const some = [0, 4, 8]
      .map(
        (from) =>
          `${lines()
            .slice(from, from + 4)
            .join(' ')}\n`,
      )
      .join('');
    const report = await session.loadText('some', [{ path: 'some.txt', bytes: bytes(`${some}${some}`) }], { sequence: 32, seed: 1 });
    expect(report.notices).toContain('3 sentences stand there more than once, and are taken once.');
    expect(report.notices.join(' ')).toMatch(/3 sentences are longer than 32 tokens, and are cut/);
    await expect(session.start(recipe, () => {})).rejects.toThrow(/expected at least 2 different sentences that are held out, got 1/);
  });

  test('any encoder can be asked for its vectors, and a folder for its words', async () => {
    const { session } = await bench.open('asked');
    expect(await session.loadTeacher('plain', HEADLESS, undefined, { pooler: 'cls' })).toMatchObject({ task: 'sentenceEmbedding' });
    expect((await session.loadTeacher('plain', folder(), undefined, { task: 'maskedWords' })).task).toBeUndefined();
  });
});

import { describe, expect, test } from 'vitest';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { differentiate } from '../../src/graph/differentiate.ts';
import { Graph } from '../../src/graph/graph.ts';
import { plan } from '../../src/graph/plan.ts';
import type { Value } from '../../src/graph/value.ts';
import { blueprintOf } from '../../src/models/blueprint.ts';
import { freshModel } from '../../src/models/freshModel.ts';
import { writeOneSegment, writeTokens } from '../../src/models/inputs.ts';
import { vocabularyTensors } from '../../src/models/model.ts';
import { laidAs } from '../../src/models/runnable.ts';
import type { Recipe } from '../../src/studio/api/recipe.ts';
import type { RunResult } from '../../src/studio/api/run.ts';
import { maskedWords } from '../../src/tasks/maskedWords.ts';
import { matrix, multiply, singularValues, transposed } from '../../src/tensor/matrix.ts';
import type { NamedTensors, Tensor } from '../../src/tensor/tensor.ts';
import { factorise, ownParameters, withWholeTables } from '../../src/training/factorisedTables.ts';
import { weightTraining } from '../../src/training/trainingGraph.ts';
import { readTeacher } from '../../src/studio/teacher/teacher.ts';
import { RunBench, stopAfter, TEACHER } from '../studio/runs/runBench.ts';

const bench = new RunBench();
const RANK = 5;
const spectrum = ({ shape: [rows = 1, columns = 1], data }: Tensor): Float64Array => singularValues(matrix(rows, columns, data)).d;

async function teacher(tied: boolean): Promise<ReturnType<typeof freshModel>> {
  const { model } = await readTeacher('golden', TEACHER);
  return freshModel({ ...model.config, tieWordEmbeddings: tied }, 3);
}

describe.each([true, false])('tables as two factors, tied %s', (tied) => {
  test('begin as the best approximation of their rank, and a rank that is no lower changes nothing', async () => {
    const model = await teacher(tied);
    const names = vocabularyTensors(model.config).filter((name) => (model.tensors.get(name)?.shape.length ?? 0) === 2);
    expect(names).toHaveLength(tied ? 1 : 2);
    const states = factorise(model, RANK);
    for (const name of names) expect([states.has(name), states.has(`${name}.left`)]).toEqual([false, true]);
    const whole = withWholeTables(model.config, RANK, states);
    expect([...whole.keys()].toSorted()).toEqual([...model.tensors.keys()].toSorted());
    for (const name of names) {
      const [before, after] = [model.tensors.get(name), whole.get(name)];
      if (before === undefined || after === undefined) throw new Error(name);
      const values = spectrum(before);
      const lost = before.data.reduce((sum, value, i) => sum + (value - (after.data[i] ?? 0)) ** 2, 0);
      const least = values.subarray(RANK).reduce((sum, value) => sum + value * value, 0);
      expect(lost / least).toBeCloseTo(1, 4);
    }
    expect(factorise(model, model.config.hiddenSize)).toEqual(model.tensors);
    expect(withWholeTables(model.config, 65_536, model.tensors)).toEqual(model.tensors);
  });

  test('Adam keeps moments of the factors alone', async () => {
    const { config } = await teacher(tied);
    const shape = { task: maskedWords, batch: 2, sequence: 9, slots: maskedWords.slots({ batch: 2, sequence: 9 }) };
    const { trained } = weightTraining(config, shape, 0.01, 1, RANK);
    const factors = [...trained].filter(([name]) => /\.(?:left|right)$/.test(name));
    expect(factors.map(([, dims]) => dims)).toEqual(
      Array.from({ length: tied ? 1 : 2 }, () => [
        [config.vocabSize, RANK],
        [RANK, config.hiddenSize],
      ]).flat(),
    );
  });
});

const timeless = (result: RunResult): RunResult => ({ ...result, seconds: 0 });

test.each([
  ['prune', {}],
  ['calibrated', { compactorShare: 0.5, guidance: 0 }],
])('%s: a run trains them, goes on bit for bit, and leaves one table of their rank', async (mode, part) => {
  const open = async (name: string): Promise<{ opened: Awaited<ReturnType<typeof bench.open>>; recipe: Recipe }> => {
    const opened = await bench.open(`${mode} ${name}`);
    return { opened, recipe: { ...opened.recipe, ...part, mode, tied: true, tableRank: RANK } };
  };
  const { opened, recipe } = await open('whole');
  const wanted = timeless(await opened.session.start(recipe, () => {}));
  expect(wanted.trained.loss).toBeLessThan(wanted.untrained.loss + 1);
  const [run] = await opened.session.runs();
  const table = (await opened.store.student(run?.run ?? ''))?.model.tensors.get('bert.embeddings.word_embeddings.weight');
  if (table === undefined) throw new Error('no student');
  expect(table.shape).toEqual([61, 16]);
  const values = spectrum(table);
  expect((values[RANK] ?? 1) / (values[0] ?? 1)).toBeLessThan(1e-6);
  expect((values[RANK - 1] ?? 0) / (values[0] ?? 1)).toBeGreaterThan(1e-3);

  const first = await open('stopped');
  await first.opened.session.start(first.recipe, stopAfter(first.opened.session, 9));
  const later = await open('stopped');
  const [waiting] = await later.opened.session.unfinished();
  expect(timeless(await later.opened.session.resumeRun(waiting?.run ?? '', () => {}))).toEqual(wanted);
});

test("they are refused where no step trains the student's own weights, and take less room where one does", async () => {
  const { session, recipe } = await bench.open('refused');
  const factors = { ...recipe, compactorShare: 1, tableRank: RANK };
  await expect(session.stepCosts(factors)).rejects.toThrow(
    /^recipe: rank of tables — expected whole ones \(65536\) where no step trains the student's own weights, got 5\. Ask for a smaller share of steps before the polish/,
  );
  const cost = (asked: Recipe): Promise<number> =>
    session.stepCosts(asked).then((costs) => costs.find(({ phase }) => phase === 'polish')?.checkpointBytes ?? 0);
  expect(await cost({ ...recipe, mode: 'prune', tableRank: RANK })).toBeLessThan(await cost({ ...recipe, mode: 'prune' }));
  expect(await cost({ ...recipe, mode: 'progressive', tableRank: RANK })).toBeLessThan(await cost({ ...recipe, mode: 'progressive' }));
  await expect(session.stepCosts({ ...recipe, mode: 'progressive', rampShare: 1, tableRank: RANK })).rejects.toThrow(
    /^recipe: rank of tables/,
  );
});

test("factors have the gradients that the chain rule makes of the table's, tied to the decoder", async () => {
  const model = await teacher(true);
  const name = vocabularyTensors(model.config)[0] ?? '';
  const size = { batch: 1, sequence: 7 };
  const shape = { task: maskedWords, ...size, slots: maskedWords.slots(size) };
  const engine = new ReferenceEngine();
  const gradients = async (rank: number, states: NamedTensors): Promise<Map<string, Float32Array>> => {
    const graph = new Graph();
    const { trained, values } = ownParameters(graph, model.config, rank);
    const need = (key: string): Value => values.get(key) ?? graph.input(key, [1]);
    const { lossSum } = shape.task.part(graph, shape, 0).model(laidAs(graph, model.config, need));
    const wanted = [...trained].filter(([key]) => key.startsWith(name));
    const found = differentiate(
      graph,
      lossSum,
      wanted.map(([, value]) => value),
      graph.input('weight', [1]),
    );
    found.forEach((gradient, i) => graph.output(`d.${wanted[i]?.[0] ?? ''}`, gradient));
    const program = await engine.compile(plan(graph, engine.planOptions));
    for (const key of trained.keys()) program.write(key, states.get(key)?.data ?? new Float32Array());
    program.write('weight', Float32Array.of(1));
    writeOneSegment(program, blueprintOf(model.config), size);
    writeTokens(program, blueprintOf(model.config), size, {
      inputIds: Int32Array.of(2, 5, 6, 4, 9, 31, 3),
      attention: new Uint8Array(7).fill(1),
    });
    program.write('positions', Int32Array.of(3, ...Array.from({ length: shape.slots - 1 }, () => -1)));
    program.write('labels', Int32Array.of(8, ...Array.from({ length: shape.slots - 1 }, () => -1)));
    await program.run();
    const read = new Map<string, Float32Array>();
    for (const [key] of wanted) read.set(key, await program.read(`d.${key}`));
    program.dispose();
    return read;
  };
  const states = factorise(model, RANK);
  const ofFactors = await gradients(RANK, states);
  const ofTable = (await gradients(65_536, withWholeTables(model.config, RANK, states))).get(name);
  const [left, right] = [states.get(`${name}.left`), states.get(`${name}.right`)];
  if (ofTable === undefined || left === undefined || right === undefined) throw new Error('no gradient');
  const [rows, width] = [model.config.vocabSize, model.config.hiddenSize];
  const table = matrix(rows, width, ofTable);
  const expected = new Map([
    [`${name}.left`, multiply(table, transposed(matrix(RANK, width, right.data)))],
    [`${name}.right`, multiply(transposed(matrix(rows, RANK, left.data)), table)],
  ]);
  for (const [key, { data }] of expected) {
    const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const apart = data.reduce((most, value, i) => Math.max(most, Math.abs(value - (ofFactors.get(key)?.[i] ?? 0))), 0);
    expect(largest).toBeGreaterThan(0);
    expect(apart / largest, key).toBeLessThan(1e-5);
  }
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { relativeError } from '../../src/engines/conformance/relativeError.ts';
import type { Engine } from '../../src/engines/engine.ts';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { Graph } from '../../src/graph/graph.ts';
import { plan } from '../../src/graph/plan.ts';
import { parameterNames } from '../../src/models/blueprint.ts';
import { maskedWords } from '../../src/tasks/maskedWords.ts';
import { plainAlgebra } from '../../src/tensor/algebra.ts';
import { matrix, multiply, transposed, type Matrix } from '../../src/tensor/matrix.ts';
import { Random } from '../../src/tensor/random.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import type { NamedTensors, Tensor } from '../../src/tensor/tensor.ts';
import { closedStates, lowRankParameters, unlearned, withLearned } from '../../src/training/lowRankTraining.ts';
import { mergeStudent } from '../../src/training/mergeStudent.ts';
import { teacherStates } from '../../src/training/teacherStates.ts';
import { compactorTraining, FROZEN_TEACHER } from '../../src/training/trainingGraph.ts';
import { compactorShapes, normSites } from '../../src/wid/compactors.ts';
import { factorNames, isWhole, lowRankShapes, lowRankStart, rankOf, wholeCompactors } from '../../src/wid/lowRank.ts';
import { spacesOf, spaceTable, type SpaceTable } from '../../src/wid/spaces.ts';
import { ENGINES } from '../engines/availableEngines.ts';
import { goldenTeacher } from '../golden/load.ts';
import { ofTokens, plainLogits, runForm, runParameters, type FormResult } from './forms.ts';

const teacher = goldenTeacher();
const student = { residual: 16, heads: 4, headSize: 4, inner: 24, layers: 3 };
const untied = spaceTable(spacesOf(teacher.config), student, false, 'last');
const tied = spaceTable(spacesOf(teacher.config), student, true, 'last');
/** Of rows for which tables are merged, and of rows so few that those go through the compactors. */
const MANY = { tokens: 100_000, slots: 100_000 };
const FEW = { tokens: 1, slots: 1 };

const CASES = [
  { name: 'rank 3', table: untied, rank: 3, rows: FEW, learns: false },
  { name: 'rank 5, merged tables', table: untied, rank: 5, rows: MANY, learns: false },
  { name: 'rank 0, tied, tables that learn', table: tied, rank: 0, rows: FEW, learns: true },
  { name: 'rank 2, tied, applied tables', table: tied, rank: 2, rows: FEW, learns: false },
  // Wider than the stream's compactors, which are whole then, and not than the FFN's.
  { name: 'rank 17, a whole stream, a teacher that learns', table: untied, rank: 17, rows: FEW, learns: true },
];

/** Compactors in closed form, as they would be: any numbers. */
function closedForms(table: SpaceTable): Map<string, Tensor> {
  const random = new Random(7);
  return new Map(
    [...compactorShapes(table)].map(([name, shape]) => [
      name,
      { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => 0.25 * random.normal()) },
    ]),
  );
}

/** Factors, whole compactors, LayerNorms and what is learned, all away from their start. */
function trainedAt(table: SpaceTable, rank: number, learns: boolean): Map<string, Tensor> {
  const random = new Random(9);
  const noise = (shape: readonly number[], size: number, mean = 0): Tensor => ({
    shape: [...shape],
    data: Float32Array.from({ length: sizeOf(shape) }, () => mean + size * random.normal()),
  });
  const norms = normSites(table).flatMap(({ ours }) =>
    parameterNames(ours).map((name): [string, Tensor] => [name, noise([table.student.residual], 0.1, name === ours.weight ? 1 : 0)]),
  );
  return new Map([
    ...[...lowRankShapes(table, rank)].map(([name, shape]): [string, Tensor] => [name, noise(shape, 0.25)]),
    ...norms,
    ...(learns ? [...unlearned(teacher.config, table)].map(([name, { shape }]): [string, Tensor] => [name, noise(shape, 0.05)]) : []),
  ]);
}

async function runLowRank(
  engine: Engine,
  { table, rank, rows, learns }: (typeof CASES)[number],
  trained: NamedTensors,
): Promise<FormResult> {
  const graph = new Graph();
  const parameters = lowRankParameters(graph, teacher.config, table, rank, rows, learns, false);
  const theirs = teacherStates(teacher.config, table, teacher.tensors);
  const closed = await closedStates(engine, teacher.config, table, rank, rows, learns, theirs, closedForms(table));
  return runParameters(engine, teacher, table, graph, parameters, new Map([...theirs, ...closed, ...trained]));
}

const asMatrix = ({ shape: [m = 1, n = 1], data }: Tensor): Matrix => matrix(m, n, data);

describe.each(ENGINES)('compactors of low rank on $name', ({ name: engineName, create }) => {
  const [lossTolerance, tolerance] = engineName === 'reference' ? [1e-6, 1e-4] : [1e-5, 5e-4];
  let engine: Engine;
  beforeAll(async () => {
    engine = await create();
  });
  afterAll(() => engine.dispose());

  test.each(CASES)('$name: loss and gradients are those of whole compactors, by the chain rule', async (given) => {
    const { table, rank, learns } = given;
    const trained = trainedAt(table, rank, learns);
    const got = await runLowRank(engine, given, trained);
    if (learns) return expectMerged(engine, given, trained, got);
    const whole = wholeCompactors(plainAlgebra, table, rank, closedForms(table), trained);
    const wanted = await runForm(engine, teacher, table, teacher.tensors, new Map([...trained, ...whole]), 'merged');
    expect(Math.abs(got.loss - wanted.loss)).toBeLessThan(lossTolerance * wanted.loss);
    for (const [name, shape] of compactorShapes(table)) {
      const dX = wanted.gradients.get(name) ?? new Float32Array();
      const r = rankOf(shape, rank);
      const factors = factorNames(name);
      if (r === undefined) expect(relativeError(got.gradients.get(name) ?? [], dX), name).toBeLessThan(tolerance);
      if (r === undefined || r === 0) continue;
      const [left, right] = [trained.get(factors.left), trained.get(factors.right)];
      if (left === undefined || right === undefined) throw new Error(name);
      const slope = asMatrix({ shape, data: dX });
      const dLeft = multiply(slope, transposed(asMatrix(right)));
      const dRight = multiply(transposed(asMatrix(left)), slope);
      expect(relativeError(got.gradients.get(factors.left) ?? [], dLeft.data), factors.left).toBeLessThan(tolerance);
      expect(relativeError(got.gradients.get(factors.right) ?? [], dRight.data), factors.right).toBeLessThan(tolerance);
    }
  });

  /** The student that is merged at the end computes what was trained, also where it has learned of its own. */
  async function expectMerged(on: Engine, { table, rank }: (typeof CASES)[number], trained: NamedTensors, got: FormResult): Promise<void> {
    const whole = wholeCompactors(plainAlgebra, table, rank, closedForms(table), trained);
    const merged = await mergeStudent(on, teacher, teacher.tensors, table, new Map([...whole, ...trained]));
    const logits = await plainLogits(on, { ...merged, tensors: withLearned(merged.tensors, trained) });
    expect(relativeError(ofTokens(got.logits), ofTokens(logits))).toBeLessThan(tolerance);
    // Not without what it has learned.
    expect(relativeError(ofTokens(got.logits), ofTokens(await plainLogits(on, merged)))).toBeGreaterThan(100 * tolerance);
  }
});

describe('compactors of low rank', () => {
  const reference = new ReferenceEngine();

  test.each(CASES.filter(({ learns }) => learns))('$name: gradients are those of finite differences', async (given) => {
    const trained = trainedAt(given.table, given.rank, given.learns);
    const { gradients } = await runLowRank(reference, given, trained);
    const random = new Random(11);
    // Fourth order: far above the rounding of a loss that is read as float32, far below what bends it.
    const step = 1e-3;
    const names = [...gradients.keys()].filter((name, i) => i % 16 === 0 && !name.endsWith('key.bias'));
    expect(names.length).toBeGreaterThan(2);
    for (const name of names) {
      const tensor = trained.get(name);
      if (tensor === undefined) throw new Error(name);
      const direction = tensor.data.map(() => random.normal());
      const at = async (sign: number): Promise<number> => {
        const data = tensor.data.map((x, i) => x + sign * step * (direction[i] ?? 0));
        return (await runLowRank(reference, given, new Map([...trained, [name, { ...tensor, data }]]))).loss;
      };
      const slope = (gradients.get(name) ?? new Float32Array()).reduce((sum, x, i) => sum + x * (direction[i] ?? 0), 0);
      const found = (8 * ((await at(1)) - (await at(-1))) - ((await at(2)) - (await at(-2)))) / (12 * step);
      expect(Math.abs(found - slope), name).toBeLessThan(2e-3 * Math.max(Math.abs(slope), 0.2));
    }
  });

  test('the start changes nothing, and is drawn from the seed', () => {
    const closed = closedForms(untied);
    const start = lowRankStart(untied, 3, closed, 1);
    const whole = wholeCompactors(plainAlgebra, untied, 3, closed, start);
    for (const [name, { data }] of closed) expect(whole.get(name)?.data, name).toEqual(data);
    expect([...start.keys()]).toEqual([...lowRankShapes(untied, 3).keys()]);
    expect(lowRankStart(untied, 3, closed, 1)).toEqual(start);
    expect(lowRankStart(untied, 3, closed, 2)).not.toEqual(start);
    // Noise on the teacher's side of both kinds of compactors, zeros on the student's.
    const spread = (name: string): number => Math.max(...(start.get(name)?.data ?? []));
    expect(spread('layer.0.output.L.left')).toBeGreaterThan(0.5);
    expect(spread('layer.0.output.L.right')).toBe(0);
    expect(spread('layer.0.output.R.left')).toBe(0);
    expect(spread('layer.0.output.R.right')).toBeGreaterThan(0.5);
  });

  test('a rank of at least the shorter side trains a compactor whole', () => {
    expect(rankOf([24, 16], 15)).toBe(15);
    expect(rankOf([24, 16], 16)).toBeUndefined();
    expect(rankOf([4, 8, 4], 1)).toBeUndefined();
    expect(isWhole(untied, 23)).toBe(false);
    expect(isWhole(untied, 24)).toBe(true);
  });

  test("at BERT-base's size a low rank takes a third of the products and half of the memory", () => {
    const config = {
      ...teacher.config,
      hiddenSize: 768,
      heads: 12,
      intermediateSize: 3072,
      vocabSize: 30_522,
      maxPositions: 512,
      layers: 12,
    };
    const table = spaceTable(spacesOf(config), { residual: 384, heads: 12, headSize: 32, inner: 1536, layers: 12 }, false, 'first');
    const shape = { task: maskedWords, batch: 8, sequence: 128, slots: 8 * 20 };
    const cost = (rank?: number) =>
      plan(compactorTraining(config, table, shape, { ...FROZEN_TEACHER, ...(rank === undefined ? {} : { rank }) }).graph);
    const [whole, low] = [cost(), cost(32)];
    expect(low.flops).toBeLessThan(0.4 * whole.flops);
    expect(low.arenaBytes).toBeLessThan(0.6 * whole.arenaBytes);
  });
});

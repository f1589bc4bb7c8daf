import { decoderName, type BertModel } from '../../models/model.ts';
import { blueprintOf, parameterNames, parameterPairs, type Blueprint } from '../../models/blueprint.ts';
import { plainAlgebra } from '../../tensor/algebra.ts';
import { matrix, multiply, type Matrix } from '../../tensor/matrix.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { attentionWeights, momentOf, tensorMatrix, weightMatrix, type Calibration } from '../calibrate.ts';
import { headFactors, seenReads } from '../headFactors.ts';
import type { TeacherMoments } from '../moments.ts';
import type { SpaceTable } from '../spaces.ts';
import { rebuilds, take } from './axes.ts';

/** The teacher in another basis: the same function, with the dimensions that are to go at the end of every space. */
export interface OrderedTeacher {
  /** By their names, the student's number of layers, the teacher's other sizes. */
  readonly tensors: Map<string, Tensor>;
  /** Teacher heads in their new order, by teacher layer. */
  readonly heads: Map<number, readonly number[]>;
}

/**
 * Orders a teacher for the progressive mode. Kept dimensions come first; those that go follow, the most energetic first, so
 * that the least of them go earliest. Inside a head, query-key and value-output turn into the bases of the
 * head factors (docs/method.md section 4), whose dimensions are ordered by what they explain: an exact change of basis.
 *
 * @param kept of a one-pass calibration for the same table
 */
export function orderTeacher(teacher: BertModel, table: SpaceTable, moments: TeacherMoments, kept: Calibration): OrderedTeacher {
  const { teacher: t, layerMap } = table;
  const chosen = new Map<string, Tensor>();
  const blueprint = blueprintOf(teacher.config);
  const decoder = blueprint.module('decoder').weight;
  for (const module of blueprint.modules)
    if (module.layer === null) for (const name of parameterNames(module)) if (name !== decoder) copyTensor(teacher, name, chosen, name);
  if (!table.tied) copyTensor(teacher, decoderName(teacher.config), chosen, decoder);
  layerMap.forEach((from, layer) => {
    for (const module of blueprint.layer(from)) {
      const own = blueprint.find(module.role, layer);
      if (own !== undefined) for (const [theirs, ours] of parameterPairs(module, own)) copyTensor(teacher, theirs, chosen, ours);
    }
    for (const [name, tensor] of turnedHeads(teacher, blueprint, table, moments, from, layer)) chosen.set(name, tensor);
  });

  const residual = behind(kept.residual, residualEnergy(table, moments));
  const embedding = t.embedding === undefined ? residual : behind(kept.embedding, tableEnergy(t.embedding, moments));
  const inner = layerMap.map((from, layer) => behind(kept.inner[layer] ?? [], innerEnergy(teacher, from, kept.innerSquares[layer])));
  const heads = new Map(
    layerMap.map((from) => [
      from,
      behind(kept.heads.get(from) ?? Array.from({ length: t.heads }, (_, h) => h), headEnergy(table, moments, from)),
    ]),
  );
  const inHead = Array.from({ length: t.headSize }, (_, i) => i);
  const tensors = take(chosen, blueprint, (space, layer) => {
    if (space === 'residual') return residual;
    if (space === 'embedding') return embedding;
    if (space === 'inner') return inner[layer] ?? [];
    return (heads.get(layerMap[layer] ?? 0) ?? []).flatMap((head) => inHead.map((i) => head * t.headSize + i));
  });
  const orders = { residual, embedding };
  for (const [name, { space, layer, compactor }] of rebuilds(blueprintOf({ ...t, layers: layerMap.length }), table.tied)) {
    const found = kept.compactors.get(compactor);
    if (found === undefined) continue;
    const order = space === 'inner' ? (inner[layer] ?? []) : orders[space];
    tensors.set(name, rebuilding(found, order));
  }
  return { tensors, heads };
}

/** Column compactors [d, d'] out of the kept dimensions as a matrix [d, d] in the new order: rows of those that go alone. */
function rebuilding({ shape, data }: Tensor, order: readonly number[]): Tensor {
  const size = order.length;
  const keep = shape[1] ?? 1;
  const values = new Float32Array(size * size);
  for (let row = keep; row < size; row++) values.set(data.subarray((order[row] ?? 0) * keep, ((order[row] ?? 0) + 1) * keep), row * size);
  return { shape: [size, size], data: values };
}

function copyTensor(teacher: BertModel, from: string, into: Map<string, Tensor>, to: string): void {
  const { rows, columns } = tensorMatrix(teacher, from);
  const tensor = teacher.tensors.get(from) ?? { shape: [rows, columns], data: new Float32Array() };
  into.set(to, tensor);
}

/** Kept indices, then the others by falling energy; ties go to the lower index. */
function behind(kept: readonly number[], energy: ArrayLike<number>): number[] {
  const stays = new Set(kept);
  const others = Array.from({ length: energy.length }, (_, i) => i).filter((i) => !stays.has(i));
  return [...kept, ...others.toSorted((a, b) => (energy[b] ?? 0) - (energy[a] ?? 0) || a - b)];
}

/** Share of every site's energy, added up over the sites that read the stream. */
function residualEnergy({ teacher }: SpaceTable, moments: TeacherMoments): Float64Array {
  const energy = new Float64Array(teacher.residual);
  for (let layer = 0; layer < teacher.layers; layer++)
    for (const site of [`${layer}.read`, `${layer}.attention`]) addShares(energy, momentOf(moments, site).C);
  addShares(energy, momentOf(moments, 'final').C);
  return energy;
}

/** The same of the tables, as a projection and the decoder read them. */
function tableEnergy(width: number, moments: TeacherMoments): Float64Array {
  const energy = new Float64Array(width);
  for (const site of ['embedding', 'transform']) addShares(energy, momentOf(moments, site).C);
  return energy;
}

function addShares(energy: Float64Array, C: Matrix): void {
  let trace = 0;
  for (let i = 0; i < C.rows; i++) trace += C.data[i * C.columns + i] ?? 0;
  for (let i = 0; i < C.rows; i++) energy[i] = (energy[i] ?? 0) + (C.data[i * C.columns + i] ?? 0) / trace;
}

/** E[h_i^2] |W_2[:, i]|^2: what a neuron adds to the stream. */
function innerEnergy(teacher: BertModel, layer: number, squares: Float64Array = new Float64Array()): Float64Array {
  const W = weightMatrix(teacher, blueprintOf(teacher.config), 'contraction', layer);
  const energy = new Float64Array(W.columns);
  for (let row = 0; row < W.rows; row++)
    for (let i = 0; i < W.columns; i++) energy[i] = (energy[i] ?? 0) + (W.data[row * W.columns + i] ?? 0) ** 2;
  return energy.map((norm, i) => norm * (squares[i] ?? 0));
}

/** Energy of every head's attended values. */
function headEnergy({ teacher: { heads, headSize } }: SpaceTable, moments: TeacherMoments, layer: number): Float64Array {
  const { C } = momentOf(moments, `${layer}.values`);
  const energy = new Float64Array(heads);
  for (let i = 0; i < heads * headSize; i++) {
    const head = Math.floor(i / headSize);
    energy[head] = (energy[head] ?? 0) + (C.data[i * C.columns + i] ?? 0);
  }
  return energy;
}

/** Query, key, value and attention output of one layer, every head in the bases of its factors where head size shrinks. */
function turnedHeads(
  teacher: BertModel,
  blueprint: Blueprint,
  table: SpaceTable,
  moments: TeacherMoments,
  from: number,
  layer: number,
): Map<string, Tensor> {
  const { heads, headSize: a, residual: d } = table.teacher;
  const weights = attentionWeights(teacher, blueprint, from);
  const [read, values] = [momentOf(moments, `${from}.read`), momentOf(moments, `${from}.values`)];
  const turned = new Map<string, Tensor>();
  for (const role of ['query', 'key', 'value', 'attentionOutput'] as const)
    for (const [theirs, ours] of parameterPairs(blueprint.module(role, from), blueprint.module(role, layer))) {
      const tensor = teacher.tensors.get(theirs);
      if (tensor !== undefined) turned.set(ours, { shape: tensor.shape, data: tensor.data.slice() });
    }
  if (table.student.headSize === a) return turned;
  const seen = seenReads(plainAlgebra, weights, read);
  for (let head = 0; head < heads; head++) {
    const factors = headFactors(weights, read, seen, values, head, a, a);
    for (const [role, R] of [
      ['query', factors.Rq],
      ['key', factors.Rk],
      ['value', factors.Rv],
    ] as const)
      for (const name of parameterNames(blueprint.module(role, layer))) {
        const { shape = [], data = new Float32Array() } = turned.get(name) ?? {};
        const width = shape.length === 2 ? d : 1;
        const block = data.subarray(head * a * width, (head + 1) * a * width);
        block.set(multiply(R, matrix(a, width, block)).data);
      }
    const output = turned.get(blueprint.module('attentionOutput', layer).weight)?.data ?? new Float32Array();
    const columns = matrix(d, a);
    for (let i = 0; i < d; i++) for (let j = 0; j < a; j++) columns.data[i * a + j] = output[i * heads * a + head * a + j] ?? 0;
    const product = multiply(columns, factors.Lo).data;
    for (let i = 0; i < d; i++) for (let j = 0; j < a; j++) output[i * heads * a + head * a + j] = product[i * a + j] ?? 0;
  }
  return turned;
}

import { blueprintOf, type Blueprint, type Role } from '../models/blueprint.ts';
import { decoderName, type BertModel } from '../models/model.ts';
import { plainAlgebra, type Algebra } from '../tensor/algebra.ts';
import type { SelectionSite } from '../tensor/columnSelection.ts';
import { identity, matrix, ridged, select, transposed, type Matrix } from '../tensor/matrix.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { compactorName, EMBEDDINGS, hasOwnDecoder } from './compactors.ts';
import { headFactors, seenReads, selectHeads, type AttentionWeights, type HeadFactors } from './headFactors.ts';
import { gramSite, selectionSite } from './keepSets.ts';
import type { CalibrationProgress, InnerMoments, Moment, TeacherMoments } from './moments.ts';
import { tableWidth, type SpaceTable } from './spaces.ts';

/** The starting point of a student: compactors in closed form and what was kept (docs/method.md section 4). */
export interface Calibration {
  /** By the names of compactorShapes. */
  readonly compactors: Map<string, Tensor>;
  /** Kept residual dimensions, ascending. */
  readonly residual: readonly number[];
  /** Residual dimensions in the order picked. */
  readonly residualOrder: readonly number[];
  /** Kept dimensions of the tables and of what the decoder reads, ascending: the residual ones unless they have a space of their own. */
  readonly embedding: readonly number[];
  /** Kept FFN neurons, ascending, a list a student layer. */
  readonly inner: readonly (readonly number[])[];
  readonly innerOrder: readonly (readonly number[])[];
  /** Every FFN neuron's square summed over tokens, a list a student layer. */
  readonly innerSquares: readonly Float64Array[];
  /** Kept heads by teacher layer; empty where all stay. */
  readonly heads: ReadonlyMap<number, readonly number[]>;
}

/** Share of the mean diagonal that is added before a solve (docs/method.md section 4). */
export const RIDGE = 1e-3;

export function tensorMatrix(model: BertModel, name: string): Matrix {
  const tensor = model.tensors.get(name);
  if (tensor === undefined) throw new StudioError('calibration', `calibration: the teacher has no tensor ${name}.`);
  return matrix(tensor.shape[0] ?? 1, tensor.shape[1] ?? 1, tensor.data);
}

/** The weight of one module, [out, in]. */
export function weightMatrix(model: BertModel, blueprint: Blueprint, role: Role, layer: number | null = null): Matrix {
  return tensorMatrix(model, blueprint.module(role, layer).weight);
}

/** What the factors of one teacher layer's heads are made from. */
export function attentionWeights(teacher: BertModel, blueprint: Blueprint, layer: number): AttentionWeights {
  const Wq = weightMatrix(teacher, blueprint, 'query', layer);
  const { bias } = blueprint.module('query', layer);
  return {
    Wq,
    bq: bias === undefined ? new Float64Array(Wq.rows) : tensorMatrix(teacher, bias).data,
    Wk: weightMatrix(teacher, blueprint, 'key', layer),
    Wo: weightMatrix(teacher, blueprint, 'attentionOutput', layer),
  };
}

export function momentOf(moments: TeacherMoments, site: string): Moment {
  const moment = moments.get(site);
  if (moment === undefined) throw new StudioError('calibration', `calibration: no moments were gathered for ${site}.`);
  return moment;
}

/** L = C[:, S] (C[S, S] + eps I)^-1, the best linear guess of all dimensions from the kept ones, [d, d']. */
export function leastSquares(algebra: Algebra, C: Matrix, kept: readonly number[]): Matrix {
  return transposed(algebra.solvePositive(ridged(select(C, kept, kept), RIDGE), select(C, kept, null)));
}

export function asTensor(m: Matrix): Tensor {
  return { shape: [m.rows, m.columns], data: new Float32Array(m.data) };
}

function stackBlocks(blocks: readonly Matrix[]): Tensor {
  const [first] = blocks;
  if (first === undefined) throw new StudioError('calibration', 'calibration: a layer needs at least one head.');
  const size = first.rows * first.columns;
  const data = new Float32Array(blocks.length * size);
  blocks.forEach((block, index) => data.set(block.data, index * size));
  return { shape: [blocks.length, first.rows, first.columns], data };
}

const ascending = (list: readonly number[]): number[] => list.toSorted((a, b) => a - b);

/** Sites that read the residual stream (docs/method.md section 4, residual keep set). */
function residualSites(algebra: Algebra, teacher: BertModel, moments: TeacherMoments, tied: boolean): SelectionSite[] {
  const sites: SelectionSite[] = [];
  const blueprint = blueprintOf(teacher.config);
  for (let layer = 0; layer < teacher.config.layers; layer++) {
    const read = momentOf(moments, `${layer}.read`).C;
    const stacked = (...roles: readonly Role[]): Matrix =>
      stackRows(roles.flatMap((role) => (blueprint.find(role, layer) === undefined ? [] : weightMatrix(teacher, blueprint, role, layer))));
    sites.push(
      selectionSite(algebra, read, stacked('query', 'key', 'value')),
      selectionSite(algebra, momentOf(moments, `${layer}.attention`).C, stacked('expansion', 'gate')),
      selectionSite(algebra, read, null),
    );
  }
  const transform = blueprint.find('transform');
  const final = momentOf(moments, 'final').C;
  if (transform === undefined) return [...sites, selectionSite(algebra, final, null)];
  sites.push(selectionSite(algebra, final, tensorMatrix(teacher, transform.weight)));
  if (tied && blueprint.tableSpace === 'residual')
    sites.push(decoderSite(algebra, teacher, momentOf(moments, 'transform').C, blueprint.module('words').weight));
  return sites;
}

/** Sites that read the space of tables that a projection leads from: itself, and the decoder, which is untied or tied to them. */
function tableSites(algebra: Algebra, teacher: BertModel, moments: TeacherMoments, tied: boolean): SelectionSite[] {
  const C = momentOf(moments, 'embedding').C;
  const blueprint = blueprintOf(teacher.config);
  const sites = [selectionSite(algebra, C, weightMatrix(teacher, blueprint, 'embeddingProjection')), selectionSite(algebra, C, null)];
  if (blueprint.find('decoder') === undefined) return sites;
  return [
    ...sites,
    decoderSite(algebra, teacher, momentOf(moments, 'transform').C, tied ? blueprint.module('words').weight : decoderName(teacher.config)),
  ];
}

/** Target E C_y of a decoder's read, in slices of the vocabulary: float64 copies of a whole table would not fit. */
function decoderSite(algebra: Algebra, teacher: BertModel, C: Matrix, weight: string): SelectionSite {
  const d = C.rows;
  const table = teacher.tensors.get(weight)?.data ?? new Float32Array();
  const gram = matrix(d, d);
  const slice = 4096 * d;
  for (let at = 0; at < table.length; at += slice) {
    const part = table.subarray(at, at + slice);
    const E = matrix(part.length / d, d, part);
    algebra.gram(E).data.forEach((x, i) => {
      gram.data[i] = (gram.data[i] ?? 0) + x;
    });
  }
  return gramSite(algebra, C, gram);
}

function stackRows(list: readonly Matrix[]): Matrix {
  const columns = list[0]?.columns ?? 0;
  const out = matrix(
    list.reduce((sum, m) => sum + m.rows, 0),
    columns,
  );
  let at = 0;
  for (const m of list) {
    out.data.set(m.data, at);
    at += m.data.length;
  }
  return out;
}

/**
 * One-pass calibration: every compactor in closed form from the teacher's own second moments (docs/method.md section 4).
 *
 * @param moments from gatherMoments
 * @param progress hears of the keep set and of every layer: at BERT-base's size a layer takes seconds
 * @param inner where those of FFN neurons come from, in the order of layers, if not from `moments`
 * @param algebra of the engine, or plain TypeScript
 */
export async function calibrateOnePass(
  teacher: BertModel,
  table: SpaceTable,
  moments: TeacherMoments,
  progress: CalibrationProgress,
  inner: InnerMoments = (layer) => Promise.resolve(momentOf(moments, `${layer}.inner`)),
  algebra: Algebra = plainAlgebra,
): Promise<Calibration> {
  const { teacher: t, student: s } = table;
  const compactors = new Map<string, Tensor>();
  const residualOrder = algebra.selectColumns(residualSites(algebra, teacher, moments, table.tied), s.residual);
  const S = ascending(residualOrder);
  const projects = blueprintOf(teacher.config).tableSpace === 'embedding';
  const tables = projects ? ascending(algebra.selectColumns(tableSites(algebra, teacher, moments, table.tied), tableWidth(s))) : S;
  await progress(1, table.layerMap.length + 1);
  const pickStream = select(identity(t.residual), null, S);
  const pick = asTensor(pickStream);
  const pickRowsOf = asTensor(transposed(pickStream));
  const heads = new Map<number, readonly number[]>();
  const innerOrder: number[][] = [];
  const innerSquares: Float64Array[] = [];

  const blueprint = blueprintOf(teacher.config);
  const pickTables = projects ? select(identity(tableWidth(t)), null, tables) : pickStream;
  compactors.set(EMBEDDINGS, projects ? asTensor(pickTables) : pick);
  if (projects) {
    compactors.set(
      compactorName('embeddingProjection', null, 'L'),
      asTensor(leastSquares(algebra, momentOf(moments, 'embedding').C, tables)),
    );
    compactors.set(compactorName('embeddingProjection', null, 'R'), pickRowsOf);
  }
  for (const [layer, from] of table.layerMap.entries()) {
    const read = momentOf(moments, `${from}.read`);
    const values = momentOf(moments, `${from}.values`);
    const weights = attentionWeights(teacher, blueprint, from);
    const kept =
      s.heads === t.heads ? Array.from({ length: t.heads }, (_, h) => h) : selectHeads(values.C, weights.Wo, t.headSize, s.heads);
    if (s.heads !== t.heads) heads.set(from, kept);
    const factors = headsOf(algebra, weights, read, values, kept, table);
    const L = asTensor(leastSquares(algebra, read.C, S));
    compactors.set(compactorName('query', layer, 'R'), stackBlocks(factors.map((f) => f.Rq)));
    compactors.set(compactorName('key', layer, 'R'), stackBlocks(factors.map((f) => f.Rk)));
    compactors.set(compactorName('value', layer, 'R'), stackBlocks(factors.map((f) => f.Rv)));
    for (const role of ['query', 'key', 'value'] as const)
      compactors.set(compactorName(role, layer, 'L'), { shape: L.shape, data: L.data.slice() });
    compactors.set(compactorName('attentionOutput', layer, 'L'), stackBlocks(factors.map((f) => f.Lo)));
    compactors.set(compactorName('attentionOutput', layer, 'R'), pickRowsOf);

    const innerC = (await inner(from)).C;
    innerSquares.push(Float64Array.from({ length: innerC.rows }, (_, i) => innerC.data[i * innerC.columns + i] ?? 0));
    const contraction = select(weightMatrix(teacher, blueprint, 'contraction', from), S, null);
    const order = algebra.selectColumns([selectionSite(algebra, innerC, contraction)], s.inner);
    innerOrder.push(order);
    const Sf = ascending(order);
    // An activation and its gate are multiplied neuron by neuron: they keep the same ones, and read the same.
    for (const role of ['expansion', 'gate'] as const) {
      if (blueprint.find(role, from) === undefined) continue;
      compactors.set(compactorName(role, layer, 'L'), asTensor(leastSquares(algebra, momentOf(moments, `${from}.attention`).C, S)));
      compactors.set(compactorName(role, layer, 'R'), asTensor(select(identity(t.inner), Sf, null)));
    }
    compactors.set(compactorName('contraction', layer, 'L'), asTensor(leastSquares(algebra, innerC, Sf)));
    compactors.set(compactorName('contraction', layer, 'R'), pickRowsOf);
    await progress(layer + 2, table.layerMap.length + 1);
  }
  if (blueprint.find('transform') !== undefined) {
    compactors.set(compactorName('transform', null, 'L'), asTensor(leastSquares(algebra, momentOf(moments, 'final').C, S)));
    compactors.set(compactorName('transform', null, 'R'), projects ? asTensor(transposed(pickTables)) : pickRowsOf);
  }
  if (hasOwnDecoder(table))
    compactors.set(compactorName('decoder', null, 'L'), asTensor(leastSquares(algebra, momentOf(moments, 'transform').C, tables)));
  return { compactors, residual: S, residualOrder, embedding: tables, inner: innerOrder.map(ascending), innerOrder, innerSquares, heads };
}

function headsOf(
  algebra: Algebra,
  weights: AttentionWeights,
  read: Moment,
  values: Moment,
  kept: readonly number[],
  { teacher: { headSize: theirs }, student: { headSize: ours } }: SpaceTable,
): HeadFactors[] {
  if (theirs === ours) {
    const whole = identity(theirs);
    return kept.map(() => ({ Rq: whole, Rk: whole, Rv: whole, Lo: whole }));
  }
  const seen = seenReads(algebra, weights, read);
  // Its C is made anew whenever it is asked for.
  const held = { C: values.C, sum: values.sum, tokens: values.tokens };
  return kept.map((head) => headFactors(weights, read, seen, held, head, theirs, ours));
}

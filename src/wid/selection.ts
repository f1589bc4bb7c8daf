import { blueprintOf, type Module, type Role } from '../models/blueprint.ts';
import type { BertModel } from '../models/model.ts';
import { identity, matrix, multiply, select, transposed, type Matrix } from '../tensor/matrix.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asTensor, momentOf, weightMatrix, type Calibration } from './calibrate.ts';
import { compactorName, EMBEDDINGS, hasOwnDecoder, linearSites } from './compactors.ts';
import type { TeacherMoments } from './moments.ts';
import { tableWidth, type SpaceTable } from './spaces.ts';

/**
 * The start of the pruning baseline (docs/method.md section 5): every compactor is a plain selection, nothing is solved.
 *
 * Residual dimensions, FFN neurons and whole heads are those of the calibration's own reconstruction sets, which is
 * kinder to pruning than the gradient saliency that is usual. Inside a head, query-key dimensions are ranked by
 * E[q_i^2] E[k_i^2] and value dimensions by E[v_i^2] |W_o[:, i]|^2.
 */
export function selectionStart(teacher: BertModel, table: SpaceTable, moments: TeacherMoments, kept: Calibration): Calibration {
  const { teacher: t, student: s } = table;
  const compactors = new Map<string, Tensor>();
  const choose = (size: number, list: readonly number[]): Matrix => select(identity(size), list, null);
  const plain = { residual: choose(t.residual, kept.residual), tables: choose(tableWidth(t), kept.embedding) };
  const blueprint = blueprintOf(teacher.config);
  // What is not between a layer's own spaces is chosen here; the others below. A fresh copy each: compactors are trained apart.
  const pick = (space: Module['writes']): Matrix => (space === 'residual' ? plain.residual : plain.tables);
  compactors.set(EMBEDDINGS, asTensor(transposed(pick(blueprint.tableSpace))));
  if (hasOwnDecoder(table)) compactors.set(compactorName('decoder', null, 'L'), asTensor(transposed(plain.tables)));
  const isPlain = (space: Module['writes']): boolean => space === 'residual' || space === 'embedding' || space === 'mlm';
  for (const { site, theirs } of linearSites(table)) {
    if (isPlain(theirs.writes)) compactors.set(`${site}.R`, asTensor(pick(theirs.writes)));
    if (isPlain(theirs.reads)) compactors.set(`${site}.L`, asTensor(transposed(pick(theirs.reads))));
  }
  table.layerMap.forEach((from, layer) => {
    const inner = choose(t.inner, kept.inner[layer] ?? []);
    for (const role of ['expansion', 'gate'] as const)
      if (blueprint.find(role, from) !== undefined) compactors.set(compactorName(role, layer, 'R'), asTensor(inner));
    compactors.set(compactorName('contraction', layer, 'L'), asTensor(transposed(inner)));
    const read = momentOf(moments, `${from}.read`).C;
    const tokens = Math.max(1, momentOf(moments, `${from}.read`).tokens);
    const energy = (role: Role): Float64Array => diagonalOf(weightMatrix(teacher, blueprint, role, from), read, tokens);
    const [queries, keys] = [energy('query'), energy('key')];
    const values = momentOf(moments, `${from}.values`).C;
    const Wo = weightMatrix(teacher, blueprint, 'attentionOutput', from);
    const heads = kept.heads.get(from) ?? Array.from({ length: t.heads }, (_, head) => head);
    const scores = heads.map((_, index) =>
      best(t.headSize, s.headSize, (i) => {
        const at = (heads[index] ?? 0) * t.headSize + i;
        return (queries[at] ?? 0) * (keys[at] ?? 0);
      }),
    );
    const mixed = heads.map((head) =>
      best(t.headSize, s.headSize, (i) => {
        const at = head * t.headSize + i;
        let norm = 0;
        for (let row = 0; row < Wo.rows; row++) norm += (Wo.data[row * Wo.columns + at] ?? 0) ** 2;
        return (values.data[at * values.columns + at] ?? 0) * norm;
      }),
    );
    const blocks = (lists: readonly (readonly number[])[], side: 'R' | 'L'): Tensor => {
      const chosen = lists.map((list) => (side === 'R' ? choose(t.headSize, list) : transposed(choose(t.headSize, list))));
      const data = new Float32Array(heads.length * s.headSize * t.headSize);
      chosen.forEach((block, index) => data.set(block.data, index * s.headSize * t.headSize));
      return { shape: side === 'R' ? [heads.length, s.headSize, t.headSize] : [heads.length, t.headSize, s.headSize], data };
    };
    compactors.set(compactorName('query', layer, 'R'), blocks(scores, 'R'));
    compactors.set(compactorName('key', layer, 'R'), blocks(scores, 'R'));
    compactors.set(compactorName('value', layer, 'R'), blocks(mixed, 'R'));
    compactors.set(compactorName('attentionOutput', layer, 'L'), blocks(mixed, 'L'));
  });
  return { ...kept, compactors };
}

/** diag(W C W^T) / tokens: mean energy of every output. */
function diagonalOf(W: Matrix, C: Matrix, tokens: number): Float64Array {
  const product = multiply(W, C);
  const result = matrix(W.rows, 1).data;
  for (let i = 0; i < W.rows; i++)
    for (let j = 0; j < W.columns; j++)
      result[i] = (result[i] ?? 0) + ((product.data[i * W.columns + j] ?? 0) * (W.data[i * W.columns + j] ?? 0)) / tokens;
  return result;
}

/** Indices of the highest scores, ascending; ties go to the lower index. */
function best(count: number, keep: number, score: (index: number) => number): number[] {
  const scores = Array.from({ length: count }, (_, i) => score(i));
  return [...scores.keys()]
    .toSorted((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b)
    .slice(0, keep)
    .toSorted((a, b) => a - b);
}

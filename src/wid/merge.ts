import type { Graph } from '../graph/graph.ts';
import { scale } from '../graph/ops/elementwise.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { permute, reshape } from '../graph/ops/view.ts';
import type { Value } from '../graph/value.ts';
import type { ParameterLookup } from '../models/encoder.ts';
import { biasOf, blueprintOf } from '../models/blueprint.ts';
import type { Shape } from '../tensor/shape.ts';
import { compactorName, EMBEDDINGS, linearSites, mixtureName, stackName, type Site } from './compactors.ts';
import { mergeCosts, studentOutput } from './siteCost.ts';
import type { SpaceTable } from './spaces.ts';

/**
 * The student's matrices as graph values, W' = R W L (docs/method.md sections 1 to 3); differentiation gives the chain rule.
 *
 * @param teacher the teacher's parameters by their names
 * @param compactor compactors by the names of compactorShapes
 * @returns linear layers, embedding tables and decoder by their names; LayerNorms are the student's own
 */
export function mergeLinear(
  graph: Graph,
  table: SpaceTable,
  teacher: ParameterLookup,
  compactor: ParameterLookup,
  teacherDecoder: string,
): Map<string, Value> {
  const merged = new Map<string, Value>();
  for (const site of linearSites(table)) {
    const { weight, bias } = mergeSite(graph, site, siteTeacher(graph, table, site, teacher, compactor), compactor);
    merged.set(site.ours.weight, weight);
    if (bias !== undefined && site.ours.bias !== undefined) merged.set(site.ours.bias, bias);
  }
  const blueprint = blueprintOf(table.teacher);
  const decoder = blueprint.find('decoder');
  const L = compactor(EMBEDDINGS);
  for (const { weight } of blueprint.tables) merged.set(weight, matmul(graph, teacher(weight), L));
  if (decoder === undefined) return merged;
  if (!table.tied) merged.set(decoder.weight, matmul(graph, teacher(teacherDecoder), compactor(compactorName('decoder', null, 'L'))));
  merged.set(biasOf(decoder), teacher(biasOf(decoder)));
  return merged;
}

/** The teacher's weight and bias of one site: its own, or the learned mixture sum_i alpha_ji W_i of all layers'. */
export function siteTeacher(
  graph: Graph,
  table: SpaceTable,
  site: Site,
  teacher: ParameterLookup,
  compactor: ParameterLookup,
): ParameterLookup {
  const { layer } = site;
  if (!table.mixtures || layer === null) return teacher;
  const mixed = (part: 'weight' | 'bias', shape: Shape): Value =>
    reshape(graph, matmul(graph, compactor(mixtureName(layer)), teacher(stackName(site, part))), shape);
  return (name) => (name === site.theirs.bias ? mixed('bias', [site.output]) : mixed('weight', [site.output, site.input]));
}

/** W' = factor R W L and, if it has a bias, b' = factor R b of one linear layer. */
export function mergeSite(
  graph: Graph,
  site: Site,
  teacher: ParameterLookup,
  compactor: ParameterLookup,
): { weight: Value; bias: Value | undefined } {
  const R = compactor(`${site.site}.R`);
  return {
    weight: mergeWeight(graph, site, R, teacher(site.theirs.weight), compactor(`${site.site}.L`)),
    bias: site.theirs.bias === undefined ? undefined : mergeBias(graph, site, R, teacher(site.theirs.bias)),
  };
}

/** factor R W L by the cheaper association. */
function mergeWeight(graph: Graph, site: Site, R: Value, W: Value, L: Value): Value {
  const scaled = (product: Value): Value => (site.factor === 1 ? product : scale(graph, product, site.factor));
  const { rowsFirst, columnsFirst } = mergeCosts(site);
  if (rowsFirst <= columnsFirst) return scaled(applyColumns(graph, applyRows(graph, R, W), L));
  return scaled(applyRows(graph, R, applyColumns(graph, W, L)));
}

function mergeBias(graph: Graph, site: Site, R: Value, b: Value): Value {
  const product = reshape(graph, applyRows(graph, R, reshape(graph, b, [site.output, 1])), [studentOutput(site)]);
  return site.factor === 1 ? product : scale(graph, product, site.factor);
}

/** R X: [o', o] x [o, i], or blocks [A, a', a] x [A a, i], giving [o', i]. */
export function applyRows(graph: Graph, R: Value, X: Value): Value {
  const [blocks = 1, inner = 1, outer = 1] = R.shape;
  if (R.shape.length === 2) return matmul(graph, R, X);
  const columns = X.shape[1] ?? 1;
  return reshape(graph, matmul(graph, R, reshape(graph, X, [blocks, outer, columns])), [blocks * inner, columns]);
}

/** X L: [o, i] x [i, i'], or [o, A a] x blocks [A, a, a'], giving [o, i']. */
export function applyColumns(graph: Graph, X: Value, L: Value): Value {
  const [blocks = 1, outer = 1, inner = 1] = L.shape;
  if (L.shape.length === 2) return matmul(graph, X, L);
  const rows = X.shape[0] ?? 1;
  const perHead = permute(graph, reshape(graph, X, [rows, blocks, outer]), [1, 0, 2]);
  const product = matmul(graph, perHead, L, { strides: [inner, blocks * inner, 1] });
  return reshape(graph, permute(graph, product, [1, 0, 2]), [rows, blocks * inner]);
}

import type { ParameterLookup } from '../models/encoder.ts';
import type { Graph } from '../graph/graph.ts';
import { scale } from '../graph/ops/elementwise.ts';
import { linear } from '../graph/ops/matmul.ts';
import { transpose } from '../graph/ops/view.ts';
import type { Value } from '../graph/value.ts';
import type { Site } from './compactors.ts';
import { applyColumns } from './merge.ts';

/**
 * factor R (W (L x) + b) for rows x [N, in'] (docs/method.md section 1): the form that the paper trains, and the cheaper one where
 * a step has few rows. Equal to the merged layer up to rounding.
 *
 * @param teacher weight and bias of the site   @param compactor R and L by the names of compactorShapes
 * @returns [N, out']
 */
export function applySite(graph: Graph, site: Site, x: Value, teacher: ParameterLookup, compactor: ParameterLookup): Value {
  const widened = applyColumns(graph, x, transpose(graph, compactor(`${site.site}.L`)));
  const { weight, bias } = site.theirs;
  const inner = linear(graph, widened, teacher(weight), bias === undefined ? undefined : teacher(bias));
  const narrowed = applyColumns(graph, inner, transpose(graph, compactor(`${site.site}.R`)));
  return site.factor === 1 ? narrowed : scale(graph, narrowed, site.factor);
}

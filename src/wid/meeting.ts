import type { BertConfig } from '../models/config.ts';
import type { EncoderOptions, ParameterLookup } from '../models/encoder.ts';
import { decoderName } from '../models/model.ts';
import { biasOf, blueprintOf, type Module } from '../models/blueprint.ts';
import type { Graph } from '../graph/graph.ts';
import { linear, matmul } from '../graph/ops/matmul.ts';
import { transpose } from '../graph/ops/view.ts';
import type { Value } from '../graph/value.ts';
import { applySite } from './apply.ts';
import { compactorName, EMBEDDINGS, linearSites, siteName } from './compactors.ts';
import { siteTeacher } from './merge.ts';
import { chooseSites, type SitePlan, type StepRows } from './siteCost.ts';
import type { SpaceTable } from './spaces.ts';

/** Where matrices meet their compactors: `counted` = the cheaper by multiplications, matrix by matrix. */
export type Meeting = 'counted' | 'merged' | 'applied';

export function sitePlan(meeting: Meeting, config: BertConfig, table: SpaceTable, rows: StepRows, learns: boolean): SitePlan {
  if (meeting === 'counted') return chooseSites(config, table, rows, learns);
  return new Map([...linearSites(table).map(({ site }) => site), EMBEDDINGS, siteName('decoder')].map((site) => [site, meeting]));
}

/**
 * How the encoder reads its parameters under a plan: merged where they are merged, through the compactors elsewhere.
 *
 * @param merged the student's merged parameters   @param teacher the teacher's own   @param compactor compactors by name
 */
export function metParameters(
  graph: Graph,
  config: BertConfig,
  table: SpaceTable,
  plan: SitePlan,
  merged: ParameterLookup,
  teacher: ParameterLookup,
  compactor: ParameterLookup,
): { readonly parameter: ParameterLookup; readonly options: EncoderOptions } {
  const applied = new Map(
    linearSites(table).flatMap((site) => (plan.get(site.site) === 'applied' ? [[site.ours.key, site] as const] : [])),
  );
  const lookupApplied = plan.get(EMBEDDINGS) === 'applied';
  const blueprint = blueprintOf(table.teacher);
  const tables = new Set(blueprint.tables.map(({ weight }) => weight));
  const dense = (module: Module, x: Value): Value | undefined => {
    const site = applied.get(module.key);
    if (site !== undefined) return applySite(graph, site, x, siteTeacher(graph, table, site, teacher, compactor), compactor);
    if (module.role !== 'decoder' || plan.get(siteName('decoder')) !== 'applied') return undefined;
    const widened = matmul(graph, x, transpose(graph, compactor(table.tied ? EMBEDDINGS : compactorName('decoder', null, 'L'))));
    // A tied student reads the word table also where its teacher has a decoder of its own.
    const decoder = teacher(table.tied ? blueprint.module('words').weight : decoderName(config));
    return linear(graph, widened, decoder, merged(biasOf(module)));
  };
  return {
    parameter: (name) => (lookupApplied && tables.has(name) ? teacher(name) : merged(name)),
    options: { dense, ...(lookupApplied ? { embeddingCompactor: compactor(EMBEDDINGS) } : {}) },
  };
}

import type { BertConfig } from '../models/config.ts';
import type { EncoderOptions, ParameterLookup } from '../models/encoder.ts';
import { decoderName } from '../models/model.ts';
import { embeddingNames, headNames } from '../models/names.ts';
import type { Graph } from '../graph/graph.ts';
import { linear, matmul } from '../graph/ops/matmul.ts';
import { transpose } from '../graph/ops/view.ts';
import type { Value } from '../graph/value.ts';
import { applySite } from './apply.ts';
import { linearSites } from './compactors.ts';
import { siteTeacher } from './merge.ts';
import { chooseSites, type SitePlan, type StepRows } from './siteCost.ts';
import type { SpaceTable } from './spaces.ts';

/** Where matrices meet their compactors: `counted` = the cheaper by multiplications, matrix by matrix. */
export type Meeting = 'counted' | 'merged' | 'applied';

export function sitePlan(meeting: Meeting, config: BertConfig, table: SpaceTable, rows: StepRows, learns: boolean): SitePlan {
  if (meeting === 'counted') return chooseSites(config, table, rows, learns);
  return new Map([...linearSites(table).map(({ site }) => site), 'embeddings', 'decoder'].map((site) => [site, meeting]));
}

const TABLES: ReadonlySet<string> = new Set([embeddingNames.word, embeddingNames.position, embeddingNames.type]);

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
    linearSites(table).flatMap((site) => (plan.get(site.site) === 'applied' ? [[site.studentName, site] as const] : [])),
  );
  const lookupApplied = plan.get('embeddings') === 'applied';
  const dense = (name: string, x: Value): Value | undefined => {
    const site = applied.get(name);
    if (site !== undefined) return applySite(graph, site, x, siteTeacher(graph, table, site, teacher, compactor), compactor);
    if (name !== headNames.decoder || plan.get('decoder') !== 'applied') return undefined;
    const widened = matmul(graph, x, transpose(graph, compactor(table.tied ? 'embeddings' : 'decoder.L')));
    // A tied student reads the word table also where its teacher has a decoder of its own.
    const decoder = teacher(table.tied ? embeddingNames.word : decoderName(config));
    return linear(graph, widened, decoder, merged(headNames.bias));
  };
  return {
    parameter: (name) => (lookupApplied && TABLES.has(name) ? teacher(name) : merged(name)),
    options: { dense, ...(lookupApplied ? { embeddingCompactor: compactor('embeddings') } : {}) },
  };
}

import { blueprintOf, type LayerLinearRole, type ModelSpace, type Module, type Role } from '../models/blueprint.ts';
import type { Shape } from '../tensor/shape.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { tableWidth, type SpaceTable } from './spaces.ts';

/**
 * One teacher linear layer and the two compactors around it (docs/method.md section 1): W' = factor R W L, b' = factor R b.
 * Head compactors are stored as blocks, R [A', a', a] and L [A', a, a'].
 */
export interface Site {
  /** Name of the compactors: `${site}.R`, `${site}.L`. */
  readonly site: string;
  /** Student layer, or null outside of the layers. */
  readonly layer: number | null;
  readonly role: SiteRole;
  /** The layer in the teacher, and the one in the student. */
  readonly theirs: Module;
  readonly ours: Module;
  readonly rowShape: Shape;
  readonly columnShape: Shape;
  /** Output and input width in the teacher. */
  readonly output: number;
  readonly input: number;
  readonly factor: number;
}

/** Roles around which compactors stand; the tables share the one of the embeddings. */
export type SiteRole = LayerLinearRole | 'embeddingProjection' | 'transform' | 'decoder';

/** The words for them in files of compactors, which stay as they are: runs are stored under them. */
const SITE_WORDS: Readonly<Record<SiteRole, string>> = {
  embeddingProjection: 'projection',
  query: 'query',
  key: 'key',
  value: 'value',
  attentionOutput: 'attention.output',
  expansion: 'intermediate',
  gate: 'gate',
  contraction: 'output',
  transform: 'transform',
  decoder: 'decoder',
};

/** The compactor of the embedding tables, [d, d']. */
export const EMBEDDINGS = 'embeddings';

/** `layer.3.query`, or `transform`: the name of a site. @param layer student layer, or null outside of the layers */
export function siteName(role: SiteRole, layer: number | null = null): string {
  return inLayer(layer, SITE_WORDS[role]);
}

/** `layer.3.query.L`, or `transform.R`: the name of a compactor. */
export function compactorName(role: SiteRole, layer: number | null, side: 'R' | 'L'): string {
  return `${siteName(role, layer)}.${side}`;
}

function inLayer(layer: number | null, word: string): string {
  return layer === null ? word : ['layer', layer, word].join('.');
}

function isSiteRole(role: Role): role is SiteRole {
  return Object.hasOwn(SITE_WORDS, role);
}

/** @param theirs the teacher's linear layer   @param ours the student's */
function siteOf({ teacher: t, student: s }: SpaceTable, theirs: Module, ours: Module): Site {
  const blocksRow: Shape = [s.heads, s.headSize, t.headSize];
  const blocksColumn: Shape = [s.heads, t.headSize, s.headSize];
  // Whole heads that go are left out of the teacher's tensors beforehand (keepHeads).
  const kept = s.heads * t.headSize;
  const plain = (ours: number, theirs: number): { row: Shape; column: Shape; width: number } => ({
    row: [ours, theirs],
    column: [theirs, ours],
    width: theirs,
  });
  const tables = plain(tableWidth(s), tableWidth(t));
  const heads = { row: blocksRow, column: blocksColumn, width: kept };
  const spaces = {
    residual: plain(s.residual, t.residual),
    embedding: tables,
    mlm: tables,
    queryKey: heads,
    valueOutput: heads,
    ffn: plain(s.inner, t.inner),
  } satisfies Record<ModelSpace, { row: Shape; column: Shape; width: number }>;
  const of = (space: Module['writes']): { row: Shape; column: Shape; width: number } => {
    if (space === 'vocabulary' || space === 'position' || space === 'segment' || space === 'pooled' || space === 'vector')
      throw new StudioError('student', `student: ${ours.key} — expected a space between two matrices, got the ${space}.`);
    return spaces[space];
  };
  if (!isSiteRole(ours.role)) throw new StudioError('student', `student: ${ours.key} is not a linear layer.`);
  return {
    site: siteName(ours.role, ours.layer),
    layer: ours.layer,
    role: ours.role,
    theirs,
    ours,
    rowShape: of(theirs.writes).row,
    columnShape: of(theirs.reads).column,
    output: of(theirs.writes).width,
    input: of(theirs.reads).width,
    // The teacher divides scores by sqrt(a), the student's runtime by sqrt(a'): the query carries the ratio.
    factor: theirs.role === 'query' ? Math.sqrt(s.headSize / t.headSize) : 1,
  };
}

/** The linear layers of student layer `layer`, around those of teacher layer `from`. */
export function layerSites(table: SpaceTable, layer: number, from: number): Site[] {
  const blueprint = blueprintOf(table.teacher);
  return blueprint
    .layer(from)
    .filter(({ kind }) => kind === 'linear')
    .map((theirs) => siteOf(table, theirs, blueprint.module(theirs.role, layer)));
}

/** Every linear layer of the student between two compactors, in order: all but its decoder, and what is behind pooling. */
export function linearSites(table: SpaceTable): Site[] {
  const blueprint = blueprintOf(table.teacher);
  const projection = blueprint.find('embeddingProjection');
  const transform = blueprint.find('transform');
  return [
    ...(projection === undefined ? [] : [siteOf(table, projection, projection)]),
    ...table.layerMap.flatMap((from, layer) => layerSites(table, layer, from)),
    ...(transform === undefined ? [] : [siteOf(table, transform, transform)]),
  ];
}

/** All teacher layers' weights or biases of one kind, [n, out in]: what a learned mixture of layers reads. */
export function stackName(site: Site, part: 'weight' | 'bias'): string {
  return `stack.${siteName(site.role)}.${part}`;
}

/** Whether a tensor is a stack of biases. */
export function isStackedBias(name: string): boolean {
  return /^stack\..*\.bias$/.test(name);
}

/** The weights [1, n] of a student layer's mixture of teacher layers. */
export function mixtureName(layer: number): string {
  return inLayer(layer, 'mixture');
}

/** Mixtures that are one-hot at the mapped layer, so that they change nothing at the start (docs/method.md section 2, Depth). */
export function oneHotMixtures(table: SpaceTable): Map<string, Tensor> {
  if (!table.mixtures) return new Map();
  const n = table.teacher.layers;
  return new Map(
    table.layerMap.map((from, layer) => [
      mixtureName(layer),
      { shape: [1, n], data: Float32Array.from({ length: n }, (_, i) => (i === from ? 1 : 0)) },
    ]),
  );
}

/** Whether the student has a decoder with a table of its own. */
export function hasOwnDecoder(table: SpaceTable): boolean {
  return !table.tied && blueprintOf(table.teacher).find('decoder') !== undefined;
}

/** All compactors by name with their shapes; `embeddings` and `decoder.L` are [d, d'], mixtures [1, n]. */
export function compactorShapes(table: SpaceTable): Map<string, Shape> {
  const { teacher: t, student: s } = table;
  const shapes = new Map<string, Shape>([[EMBEDDINGS, [tableWidth(t), tableWidth(s)]]]);
  for (const site of linearSites(table)) shapes.set(`${site.site}.R`, site.rowShape).set(`${site.site}.L`, site.columnShape);
  if (hasOwnDecoder(table)) shapes.set(compactorName('decoder', null, 'L'), [tableWidth(t), tableWidth(s)]);
  if (table.mixtures) for (const layer of table.layerMap.keys()) shapes.set(mixtureName(layer), [1, t.layers]);
  return shapes;
}

/** LayerNorms of the student, each with the teacher's that it starts from. */
export function normSites(table: SpaceTable): { readonly theirs: Module; readonly ours: Module }[] {
  const blueprint = blueprintOf(table.teacher);
  const outside = (part: Module['part']): { theirs: Module; ours: Module }[] =>
    blueprint.norms.filter((norm) => norm.part === part).map((norm) => ({ theirs: norm, ours: norm }));
  return [
    ...outside('embeddings'),
    ...table.layerMap.flatMap((from, layer) =>
      blueprint
        .layer(from)
        .filter(({ kind }) => kind === 'norm')
        .flatMap((theirs) => {
          // A first layer may lack a norm that the layer which it inherits from has.
          const ours = blueprint.find(theirs.role, layer);
          return ours === undefined ? [] : [{ theirs, ours }];
        }),
    ),
    ...outside('end'),
    ...outside('head'),
  ];
}

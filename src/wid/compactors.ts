import { embeddingNames, headNames, layerNames } from '../models/names.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { SpaceTable } from './spaces.ts';

/**
 * One teacher linear layer and the two compactors around it (docs/method.md section 1): W' = factor R W L, b' = factor R b.
 * Head compactors are stored as blocks, R [A', a', a] and L [A', a, a'].
 */
export interface Site {
  /** Name of the compactors: `${site}.R`, `${site}.L`. */
  readonly site: string;
  /** Student layer, or null outside of the layers. */
  readonly layer: number | null;
  readonly kind: LayerSiteKind | 'transform';
  /** Hugging Face names without `.weight`, in the teacher and in the student. */
  readonly teacherName: string;
  readonly studentName: string;
  readonly rowShape: Shape;
  readonly columnShape: Shape;
  /** Output and input width in the teacher. */
  readonly output: number;
  readonly input: number;
  readonly factor: number;
}

export type LayerSiteKind = 'query' | 'key' | 'value' | 'attention.output' | 'intermediate' | 'output';

/** The linear layers of student layer `layer`, around those of teacher layer `from`. */
export function layerSites({ teacher: t, student: s }: SpaceTable, layer: number, from: number): Record<LayerSiteKind, Site> {
  const blocksRow: Shape = [s.heads, s.headSize, t.headSize];
  const blocksColumn: Shape = [s.heads, t.headSize, s.headSize];
  const [theirs, ours] = [layerNames(from), layerNames(layer)];
  const column: Shape = [t.residual, s.residual];
  const row: Shape = [s.residual, t.residual];
  // Whole heads that go are left out of the teacher's tensors beforehand (keepHeads).
  const kept = s.heads * t.headSize;
  const site = (
    kind: LayerSiteKind,
    part: 'query' | 'key' | 'value' | 'attentionOutput' | 'intermediate' | 'output',
    [rowShape, columnShape]: readonly [Shape, Shape],
    [output, input]: readonly [number, number],
    factor = 1,
  ): Site => ({
    site: `layer.${layer}.${kind}`,
    layer,
    kind,
    teacherName: theirs[part],
    studentName: ours[part],
    rowShape,
    columnShape,
    output,
    input,
    factor,
  });
  return {
    // The teacher divides scores by sqrt(a), the student's runtime by sqrt(a'): the query carries the ratio.
    query: site('query', 'query', [blocksRow, column], [kept, t.residual], Math.sqrt(s.headSize / t.headSize)),
    key: site('key', 'key', [blocksRow, column], [kept, t.residual]),
    value: site('value', 'value', [blocksRow, column], [kept, t.residual]),
    'attention.output': site('attention.output', 'attentionOutput', [row, blocksColumn], [t.residual, kept]),
    intermediate: site('intermediate', 'intermediate', [[s.inner, t.inner], column], [t.inner, t.residual]),
    output: site('output', 'output', [row, [t.inner, s.inner]], [t.residual, t.inner]),
  };
}

/** Every linear layer of the student, in order. */
export function linearSites(table: SpaceTable): Site[] {
  const { teacher: t, student: s } = table;
  const sites = table.layerMap.flatMap((from, layer) => Object.values(layerSites(table, layer, from)));
  sites.push({
    site: 'transform',
    layer: null,
    kind: 'transform',
    teacherName: headNames.transform,
    studentName: headNames.transform,
    rowShape: [s.residual, t.residual],
    columnShape: [t.residual, s.residual],
    output: t.residual,
    input: t.residual,
    factor: 1,
  });
  return sites;
}

/** All teacher layers' weights or biases of one kind, [n, out in]: what a learned mixture of layers reads. */
export function stackName(site: Site, part: 'weight' | 'bias'): string {
  return `stack.${site.kind}.${part}`;
}

/** The weights [1, n] of a student layer's mixture of teacher layers. */
export function mixtureName(layer: number): string {
  return `layer.${layer}.mixture`;
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

/** All compactors by name with their shapes; `embeddings` and `decoder.L` are [d, d'], mixtures [1, n]. */
export function compactorShapes(table: SpaceTable): Map<string, Shape> {
  const { teacher: t, student: s } = table;
  const shapes = new Map<string, Shape>([['embeddings', [t.residual, s.residual]]]);
  for (const site of linearSites(table)) shapes.set(`${site.site}.R`, site.rowShape).set(`${site.site}.L`, site.columnShape);
  if (!table.tied) shapes.set('decoder.L', [t.residual, s.residual]);
  if (table.mixtures) for (const layer of table.layerMap.keys()) shapes.set(mixtureName(layer), [1, t.layers]);
  return shapes;
}

/** LayerNorms of the student, `[teacher name, student name]` without `.weight` and `.bias`. */
export function normSites(table: SpaceTable): [string, string][] {
  return [
    [embeddingNames.norm, embeddingNames.norm],
    ...table.layerMap.flatMap((from, layer): [string, string][] => [
      [layerNames(from).attentionNorm, layerNames(layer).attentionNorm],
      [layerNames(from).outputNorm, layerNames(layer).outputNorm],
    ]),
    [headNames.transformNorm, headNames.transformNorm],
  ];
}

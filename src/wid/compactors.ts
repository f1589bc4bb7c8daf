import { embeddingNames, headNames, layerNames } from '../bert/names.ts';
import type { Shape } from '../tensor/shape.ts';
import type { SpaceTable } from './spaces.ts';

/**
 * One teacher linear layer and the two compactors around it (wid.md section 1): W' = factor R W L, b' = factor R b.
 * Head compactors are stored as blocks, R [A', a', a] and L [A', a, a'].
 */
export interface Site {
  /** Name of the compactors: `${site}.R`, `${site}.L`. */
  readonly site: string;
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

/** Every linear layer of the student, in order. */
export function linearSites(table: SpaceTable): Site[] {
  const { teacher: t, student: s } = table;
  const blocksRow: Shape = [s.heads, s.headSize, t.headSize];
  const blocksColumn: Shape = [s.heads, t.headSize, s.headSize];
  const sites: Site[] = [];
  table.layerMap.forEach((from, layer) => {
    const [theirs, ours] = [layerNames(from), layerNames(layer)];
    const push = (
      site: string,
      teacherName: string,
      studentName: string,
      rowShape: Shape,
      columnShape: Shape,
      output: number,
      input: number,
      factor = 1,
    ): void => void sites.push({ site: `layer.${layer}.${site}`, teacherName, studentName, rowShape, columnShape, output, input, factor });
    const column: Shape = [t.residual, s.residual];
    const row: Shape = [s.residual, t.residual];
    // Whole heads that go are left out of the teacher's tensors beforehand (keepHeads).
    const kept = s.heads * t.headSize;
    // The teacher divides scores by sqrt(a), the student's runtime by sqrt(a'): the query carries the ratio.
    push('query', theirs.query, ours.query, blocksRow, column, kept, t.residual, Math.sqrt(s.headSize / t.headSize));
    push('key', theirs.key, ours.key, blocksRow, column, kept, t.residual);
    push('value', theirs.value, ours.value, blocksRow, column, kept, t.residual);
    push('attention.output', theirs.attentionOutput, ours.attentionOutput, row, blocksColumn, t.residual, kept);
    push('intermediate', theirs.intermediate, ours.intermediate, [s.inner, t.inner], column, t.inner, t.residual);
    push('output', theirs.output, ours.output, row, [t.inner, s.inner], t.residual, t.inner);
  });
  sites.push({
    site: 'transform',
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

/** All compactors by name with their shapes; `embeddings` and `decoder.L` are [d, d']. */
export function compactorShapes(table: SpaceTable): Map<string, Shape> {
  const { teacher: t, student: s } = table;
  const shapes = new Map<string, Shape>([['embeddings', [t.residual, s.residual]]]);
  for (const site of linearSites(table)) shapes.set(`${site.site}.R`, site.rowShape).set(`${site.site}.L`, site.columnShape);
  if (!table.tied) shapes.set('decoder.L', [t.residual, s.residual]);
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

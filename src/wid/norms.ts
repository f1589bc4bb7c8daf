import type { NamedTensors, Tensor } from '../tensor/tensor.ts';
import { blueprintOf, type ModelSpace } from '../models/blueprint.ts';
import { compactorName, EMBEDDINGS } from './compactors.ts';
import type { SpaceTable } from './spaces.ts';

/** How much of every teacher dimension of one space goes through its compactor. */
export interface SpaceNorms {
  readonly space: ModelSpace;
  /** Student layer, or null for a space that the whole model shares. */
  readonly layer: number | null;
  /** Dimensions of the space in the teacher. */
  readonly size: number;
  /**
   * L2 norms, a teacher dimension each; means over neighbours where there are more than {@link MOST_BINS}. In mode
   * `progressive` gates from 0 to 1, with the dimensions that go at the end.
   */
  readonly norms: readonly number[];
}

export const MOST_BINS = 64;

/** Means over `MOST_BINS` stretches of neighbours that differ by at most one in length; shorter lists stay as they are. */
export function binned(values: readonly number[]): number[] {
  const bins = Math.min(MOST_BINS, values.length);
  return Array.from({ length: bins }, (_, bin) => {
    const from = Math.floor((bin * values.length) / bins);
    const to = Math.floor(((bin + 1) * values.length) / bins);
    return values.slice(from, to).reduce((sum, x) => sum + x, 0) / (to - from);
  });
}

/** L2 norms over all axes but one; head blocks [A, m, n] give A lists end to end. `side`: norms of rows or of columns. */
export function sideNorms({ shape, data }: Tensor, side: 'rows' | 'columns'): number[] {
  const [rows = 1, columns = 1] = shape.slice(-2);
  const blocks = data.length / (rows * columns);
  const count = side === 'rows' ? rows : columns;
  const sums = new Float64Array(blocks * count);
  data.forEach((x, at) => {
    const block = Math.floor(at / (rows * columns));
    const inBlock = at % (rows * columns);
    const place = block * count + (side === 'rows' ? Math.floor(inBlock / columns) : inBlock % columns);
    sums[place] = (sums[place] ?? 0) + x * x;
  });
  return Array.from(sums, Math.sqrt);
}

/**
 * Norms by teacher dimension of the compactor that writes each space: what is kept, and how it shifts in training.
 *
 * @param compactors by the names of compactorShapes; a space whose compactor is missing is left out
 */
export function compactorNorms(table: SpaceTable, compactors: NamedTensors): SpaceNorms[] {
  const report: SpaceNorms[] = [];
  const enter = (space: ModelSpace, layer: number | null, name: string, side: 'rows' | 'columns'): void => {
    const tensor = compactors.get(name);
    if (tensor === undefined) return;
    const norms = sideNorms(tensor, side);
    report.push({ space, layer, size: norms.length, norms: binned(norms) });
  };
  const tables = blueprintOf(table.teacher).tableSpace;
  enter(tables, null, EMBEDDINGS, 'rows');
  if (tables === 'embedding') enter('residual', null, compactorName('embeddingProjection', null, 'R'), 'columns');
  table.layerMap.forEach((_, layer) => {
    enter('queryKey', layer, compactorName('query', layer, 'R'), 'columns');
    enter('valueOutput', layer, compactorName('value', layer, 'R'), 'columns');
    enter('ffn', layer, compactorName('expansion', layer, 'R'), 'columns');
  });
  enter('mlm', null, compactorName('transform', null, 'R'), 'columns');
  return report;
}

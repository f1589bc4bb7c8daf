import type { PaperMasks } from './masks.ts';
import type { SpaceTable } from '../spaces.ts';
import { blueprintOf, parameterNames, type Module } from '../../models/blueprint.ts';
import { StudioError } from '../../tensor/studioError.ts';
import { compactorName, EMBEDDINGS, linearSites, normSites } from '../compactors.ts';

/** The space whose mask a tensor takes, and along which of its sides: rows of R and vectors, columns of L. */
export interface MaskedSide {
  /** Name of the space's mask states: `residual`, `mlm`, `attention.J`, `inner.J`. */
  readonly space: string;
  readonly side: 'rows' | 'columns';
}

/**
 * Name of the mask of a space: `residual`, `embedding`, `mlm`, `attention.J` or `inner.J`; query-key and value-output have one.
 * @param layer student layer
 */
export function maskSpace(space: Module['writes'], layer: number | null): string {
  switch (space) {
    case 'residual':
    case 'embedding':
    case 'mlm':
      return space;
    case 'queryKey':
    case 'valueOutput':
      return `attention.${layer}`;
    case 'ffn':
      return `inner.${layer}`;
    case 'vocabulary':
    case 'position':
    case 'segment':
    case 'pooled':
    case 'vector':
      throw new StudioError('training', `paper mode: the ${space} is masked nowhere.`);
  }
}

/** Names of all spaces with their masks. */
export function namedMasks(masks: PaperMasks): Map<string, Uint8Array> {
  return new Map([
    ['residual', masks.residual],
    ['mlm', masks.mlm],
    ...(masks.embedding === undefined ? [] : [['embedding', masks.embedding] as const]),
    ...masks.attention.map((mask, layer) => [maskSpace('valueOutput', layer), mask] as const),
    ...masks.inner.map((mask, layer) => [maskSpace('ffn', layer), mask] as const),
  ]);
}

/**
 * Which mask every compactor, bias, gain and shift takes: that of the space it writes (R, vectors) or reads (L)
 * (docs/method.md section 6). Matrices of the teacher and the decoder's bias take none.
 *
 * @returns by the names of trained states: compactors, the student's LayerNorms, and the teacher's biases as `teacher.NAME`
 */
export function maskedSides(table: SpaceTable): Map<string, MaskedSide> {
  const sides = new Map<string, MaskedSide>();
  const rows = (name: string, space: string): void => void sides.set(name, { space, side: 'rows' });
  const columns = (name: string, space: string): void => void sides.set(name, { space, side: 'columns' });
  // Stored [d, d'], so what it writes are its columns.
  columns(EMBEDDINGS, maskSpace(blueprintOf(table.teacher).tableSpace, null));
  for (const { site, theirs, layer } of linearSites(table)) {
    columns(`${site}.L`, maskSpace(theirs.reads, layer));
    rows(`${site}.R`, maskSpace(theirs.writes, layer));
    if (theirs.bias !== undefined) rows(`teacher.${theirs.bias}`, maskSpace(theirs.writes, layer));
  }
  for (const { ours } of normSites(table)) for (const name of parameterNames(ours)) rows(name, maskSpace(ours.writes, ours.layer));
  columns(compactorName('decoder', null, 'L'), maskSpace('mlm', null));
  return sides;
}

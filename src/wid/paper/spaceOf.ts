import type { PaperMasks } from './masks.ts';
import type { SpaceTable } from '../spaces.ts';
import { embeddingNames, headNames, layerNames } from '../../models/names.ts';

/** The space whose mask a tensor takes, and along which of its sides: rows of R and vectors, columns of L. */
export interface MaskedSide {
  /** Name of the space's mask states: `residual`, `mlm`, `attention.J`, `inner.J`. */
  readonly space: string;
  readonly side: 'rows' | 'columns';
}

/** Names of all spaces with their masks. */
export function namedMasks(masks: PaperMasks): Map<string, Uint8Array> {
  return new Map([
    ['residual', masks.residual],
    ['mlm', masks.mlm],
    ...masks.attention.map((mask, layer) => [`attention.${layer}`, mask] as const),
    ...masks.inner.map((mask, layer) => [`inner.${layer}`, mask] as const),
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
  const norm = (name: string, space: string): void => {
    rows(`${name}.weight`, space);
    rows(`${name}.bias`, space);
  };
  // Stored [d, d'], so what it writes are its columns.
  columns('embeddings', 'residual');
  norm(embeddingNames.norm, 'residual');
  table.layerMap.forEach((from, layer) => {
    const [attention, inner] = [`attention.${layer}`, `inner.${layer}`];
    const [theirs, ours] = [layerNames(from), layerNames(layer)];
    for (const name of ['query', 'key', 'value'] as const) {
      columns(`layer.${layer}.${name}.L`, 'residual');
      rows(`layer.${layer}.${name}.R`, attention);
      rows(`teacher.${theirs[name]}.bias`, attention);
    }
    columns(`layer.${layer}.attention.output.L`, attention);
    columns(`layer.${layer}.intermediate.L`, 'residual');
    rows(`layer.${layer}.intermediate.R`, inner);
    rows(`teacher.${theirs.intermediate}.bias`, inner);
    columns(`layer.${layer}.output.L`, inner);
    for (const [site, name] of [
      ['attention.output', theirs.attentionOutput],
      ['output', theirs.output],
    ] as const) {
      rows(`layer.${layer}.${site}.R`, 'residual');
      rows(`teacher.${name}.bias`, 'residual');
    }
    norm(ours.attentionNorm, 'residual');
    norm(ours.outputNorm, 'residual');
  });
  columns('transform.L', 'residual');
  rows('transform.R', 'mlm');
  rows(`teacher.${headNames.transform}.bias`, 'mlm');
  norm(headNames.transformNorm, 'mlm');
  columns('decoder.L', 'mlm');
  return sides;
}

import type { NamedTensors } from '../../tensor/tensor.ts';
import { StudioError } from '../../tensor/studioError.ts';
import { compactorName } from '../compactors.ts';
import { sideNorms } from '../norms.ts';
import { tableWidth, type Spaces, type SpaceTable } from '../spaces.ts';
import { maskSpace } from './spaceOf.ts';

/** Kept (1) and masked (0) dimensions of every space of the teacher (docs/method.md section 6). */
export interface PaperMasks {
  /** [d], one for the model. */
  readonly residual: Uint8Array;
  /** As wide as the tables, what the decoder reads. */
  readonly mlm: Uint8Array;
  /** What a projection reads behind the tables, if there is one. */
  readonly embedding?: Uint8Array;
  /** [A a] a student layer, query-key and value-output alike. */
  readonly attention: readonly Uint8Array[];
  /** [f] a student layer. */
  readonly inner: readonly Uint8Array[];
}

/** Events over which the masked count of a space grows to its target. */
const RESIDUAL_EVENTS = 16;
const HEAD_DIMENSION_EVENTS = 8;
const EVENTS_A_HEAD = 2;

/** The table of the inserted form: every space keeps the teacher's size, and the decoder is untied (docs/method.md section 6). */
export function squareTable(table: SpaceTable): SpaceTable {
  return { ...table, student: { ...table.teacher, layers: table.student.layers }, tied: false, mixtures: false };
}

/** Dimensions that are masked after `event` mask events; `perHead` in every head that stays. */
export interface MaskedCounts {
  readonly residual: number;
  /** Of the tables and of what the decoder reads. */
  readonly tables: number;
  readonly inner: number;
  readonly heads: number;
  readonly perHead: number;
}

export function maskedCounts(teacher: Spaces, student: Spaces, event: number): MaskedCounts {
  // Divided first: `event` may be as large as "all of them".
  const grown = (target: number, events: number): number => (event >= events ? target : Math.floor((event * target) / events));
  const heads = teacher.heads - student.heads;
  return {
    residual: grown(teacher.residual - student.residual, RESIDUAL_EVENTS),
    tables: grown(tableWidth(teacher) - tableWidth(student), RESIDUAL_EVENTS),
    inner: grown(teacher.inner - student.inner, RESIDUAL_EVENTS),
    heads: Math.min(heads, Math.floor(event / EVENTS_A_HEAD)),
    perHead: grown(teacher.headSize - student.headSize, HEAD_DIMENSION_EVENTS),
  };
}

/** Keeps all but the `masked` smallest; of equal ones the lower index stays. */
export function keepLargest(norms: readonly number[], masked: number): Uint8Array {
  const order = [...norms.keys()].toSorted((a, b) => (norms[b] ?? 0) - (norms[a] ?? 0) || a - b);
  const kept = new Uint8Array(norms.length);
  for (const index of order.slice(0, norms.length - masked)) kept[index] = 1;
  return kept;
}

/**
 * Masks of one event, from the norms of the compactors' columns: layer 0's value for the stream, every layer's
 * attention output and FFN output for their inner spaces, the decoder's for the MLM inner one, the projection's for the tables'.
 *
 * @param compactors square ones, by the names of compactorShapes   @param counts from {@link maskedCounts}
 */
export function paperMasks(table: SpaceTable, compactors: NamedTensors, counts: MaskedCounts): PaperMasks {
  const columns = (name: string): number[] => {
    const tensor = compactors.get(name);
    if (tensor === undefined) throw new StudioError('training', `paper mode: there is no compactor ${name}.`);
    return sideNorms(tensor, 'columns');
  };
  const { headSize } = table.teacher;
  const layers = [...table.layerMap.keys()];
  return {
    residual: keepLargest(columns(compactorName('value', 0, 'L')), counts.residual),
    mlm: keepLargest(columns(compactorName('decoder', null, 'L')), counts.tables),
    ...(table.teacher.embedding === undefined
      ? {}
      : { embedding: keepLargest(columns(compactorName('embeddingProjection', null, 'L')), counts.tables) }),
    attention: layers.map((layer) => attentionMask(columns(compactorName('attentionOutput', layer, 'L')), headSize, counts)),
    inner: layers.map((layer) => keepLargest(columns(compactorName('contraction', layer, 'L')), counts.inner)),
  };
}

/** Masks at the student's sizes: those in force where they have grown that far, else what an event would choose now. */
export function finalMasks(table: SpaceTable, trained: NamedTensors): PaperMasks {
  const inForce = (space: string): Uint8Array => Uint8Array.from(trained.get(`mask.${space}`)?.data ?? []);
  const layers = [...table.layerMap.keys()];
  const masks: PaperMasks = {
    residual: inForce('residual'),
    mlm: inForce('mlm'),
    ...(table.teacher.embedding === undefined ? {} : { embedding: inForce('embedding') }),
    attention: layers.map((layer) => inForce(maskSpace('valueOutput', layer))),
    inner: layers.map((layer) => inForce(maskSpace('ffn', layer))),
  };
  const { residual, heads, headSize, inner } = table.student;
  const has = (mask: Uint8Array, size: number): boolean => mask.reduce((sum, x) => sum + x, 0) === size;
  const grown =
    has(masks.residual, residual) &&
    has(masks.mlm, tableWidth(table.student)) &&
    (masks.embedding === undefined || has(masks.embedding, tableWidth(table.student))) &&
    masks.attention.every((mask) => has(mask, heads * headSize)) &&
    masks.inner.every((mask) => has(mask, inner));
  return grown ? masks : paperMasks(table, trained, maskedCounts(table.teacher, table.student, Number.MAX_SAFE_INTEGER));
}

function attentionMask(norms: readonly number[], headSize: number, counts: MaskedCounts): Uint8Array {
  const byHead = Array.from({ length: norms.length / headSize }, (_, head) => norms.slice(head * headSize, (head + 1) * headSize));
  const heads = keepLargest(
    byHead.map((list) => list.reduce((sum, x) => sum + x, 0)),
    counts.heads,
  );
  const mask = new Uint8Array(norms.length);
  byHead.forEach((list, head) => {
    if (heads[head] === 1) mask.set(keepLargest(list, counts.perHead), head * headSize);
  });
  return mask;
}

/** Before the first event nothing is masked. */
export function nothingMasked(table: SpaceTable): PaperMasks {
  const all = (size: number): Uint8Array => new Uint8Array(size).fill(1);
  const { residual, heads, headSize, inner } = table.teacher;
  return {
    residual: all(residual),
    mlm: all(tableWidth(table.teacher)),
    ...(table.teacher.embedding === undefined ? {} : { embedding: all(table.teacher.embedding) }),
    attention: table.layerMap.map(() => all(heads * headSize)),
    inner: table.layerMap.map(() => all(inner)),
  };
}

export function indicesOf(mask: Uint8Array): number[] {
  return [...mask.keys()].filter((index) => mask[index] === 1);
}

import type { Module } from '../models/blueprint.ts';
import type { BertConfig, SentenceHead } from '../models/config.ts';
import { StudioError } from '../tensor/studioError.ts';

/** Sizes of the spaces of docs/method.md section 2. */
export interface SpaceSizes {
  /** Residual stream d. */
  readonly residual: number;
  readonly heads: number;
  /** Query-key and value-output inner size a, per head. */
  readonly headSize: number;
  /** FFN inner f, per layer. */
  readonly inner: number;
  readonly layers: number;
}

/** The spaces of one model, and whose modules lie between them. */
export interface Spaces extends SpaceSizes {
  /** `ModelConfig.family`. */
  readonly family: string | undefined;
  /** Width of tables that a projection leads from, as `ModelConfig.embedding`. */
  readonly embedding?: number;
  /** As `ModelConfig.sentence`. */
  readonly sentence?: SentenceHead;
  /** Heads go whole or stay as they are, since rotary positions turn their dimensions in pairs, each by an angle of its own. */
  readonly wholeHeads?: true;
}

/** Dimensions of the space that the tables write, and of what the decoder reads. */
export function tableWidth({ residual, embedding }: Pick<Spaces, 'residual' | 'embedding'>): number {
  return embedding ?? residual;
}

/** Dimensions of a space that whole vectors of the model are in. */
export function vectorWidth(spaces: Pick<Spaces, 'residual' | 'embedding'>, space: Module['writes']): number {
  return space === 'residual' ? spaces.residual : tableWidth(spaces);
}

/** Teacher and student, space by space, with the layer map: the single source of truth for merge, counts and export. */
export interface SpaceTable {
  readonly teacher: Spaces;
  readonly student: Spaces;
  readonly tied: boolean;
  /** Teacher layer of every student layer (docs/method.md section 2, Depth). */
  readonly layerMap: readonly number[];
  /** Student layers inherit from learned mixtures of all teacher layers, which start at the layer map. */
  readonly mixtures: boolean;
}

export function spacesOf(config: BertConfig): Spaces {
  return {
    family: config.family,
    residual: config.hiddenSize,
    heads: config.heads,
    headSize: config.hiddenSize / config.heads,
    inner: config.intermediateSize,
    layers: config.layers,
    ...(config.embedding === undefined ? {} : { embedding: config.embedding }),
    ...(config.sentence === undefined ? {} : { sentence: config.sentence }),
    ...(config.rotary === undefined ? {} : { wholeHeads: true as const }),
  };
}

/**
 * Tables shrink as the stream does. Hugging Face's class has a projection only between two widths: equal ones are set apart.
 * @param residual dimensions of the student's stream
 */
function tablesOf(teacher: Spaces, residual: number): { embedding?: number } {
  const { embedding } = teacher;
  if (embedding === undefined) return {};
  const share = Math.max(1, Math.round((embedding * residual) / teacher.residual));
  if (share !== residual) return { embedding: share };
  return { embedding: embedding < teacher.residual && residual > 1 ? residual - 1 : residual + 1 };
}

/** Which teacher layers fewer student layers inherit from: evenly spaced, beginning at the first or ending at the last. */
export type LayerRule = 'first' | 'last';

/**
 * Teacher layer of every student layer, both from 0, ascending (docs/method.md section 2, Depth).
 *
 * `last`: map(j) = floor((j + 1) n / n' + 0.5) - 1, as docs/method.md has it. `first`, the product's default:
 * map(j) = floor(j n / n' + 0.5). What the first layer does to the embeddings no later layer replaces
 * (docs/results/quality.md, half depth).
 */
export function layerMapOf(teacherLayers: number, studentLayers: number, rule: LayerRule): number[] {
  const step = teacherLayers / studentLayers;
  return Array.from({ length: studentLayers }, (_, j) =>
    rule === 'first' ? Math.floor(j * step + 0.5) : Math.floor((j + 1) * step + 0.5) - 1,
  );
}

/**
 * @param dense width of the vectors of a student for sentences   @throws StudioError if Hugging Face's BERT cannot express the student, or it is larger than the teacher; the
 * message names the nearest legal target
 */
export function spaceTable(
  teacher: Spaces,
  sizes: SpaceSizes,
  tied: boolean,
  rule: LayerRule,
  mixtures = false,
  dense?: number,
): SpaceTable {
  const { sentence } = teacher;
  const { residual, heads: count, headSize, inner, layers } = sizes;
  const numbers = { residual, heads: count, headSize, inner, layers, ...tablesOf(teacher, residual) };
  const student: Spaces = {
    ...numbers,
    family: teacher.family,
    ...(sentence === undefined ? {} : { sentence: { ...sentence, ...(dense === undefined ? {} : { dense }) } }),
  };
  const refuse = (what: string, expected: string, got: number | string): never => {
    throw new StudioError('student', `student: ${what} — expected ${expected}, got ${got}.`, { student });
  };
  for (const [name, value] of Object.entries(numbers))
    if (!Number.isInteger(value) || value < 1) refuse(name, 'a positive whole number', String(value));
  if (student.residual !== student.heads * student.headSize) {
    const heads = Math.min(student.heads, teacher.heads);
    const nearest = Math.min(teacher.headSize, Math.max(1, Math.round(student.residual / heads))) * heads;
    refuse(
      'width',
      `heads x head size = ${student.heads * student.headSize}, as Hugging Face's BERT requires (nearest with ${heads} heads: ${nearest})`,
      student.residual,
    );
  }
  if (teacher.wholeHeads === true && student.headSize !== teacher.headSize)
    refuse(
      'head size',
      `the teacher's ${teacher.headSize}, whose pairs rotary positions turn by fixed angles (leave out whole heads)`,
      student.headSize,
    );
  if (student.residual > teacher.residual) refuse('width', `at most the teacher's ${teacher.residual}`, student.residual);
  if (student.headSize > teacher.headSize) refuse('head size', `at most the teacher's ${teacher.headSize}`, student.headSize);
  if (student.heads > teacher.heads) refuse('heads', `at most the teacher's ${teacher.heads}`, student.heads);
  if (student.inner > teacher.inner) refuse('FFN size', `at most the teacher's ${teacher.inner}`, student.inner);
  if (student.layers > teacher.layers) refuse('layers', `at most the teacher's ${teacher.layers}`, student.layers);
  return { teacher, student, tied, layerMap: layerMapOf(teacher.layers, student.layers, rule), mixtures };
}

/** The configuration under which the merged student is saved. */
export function studentConfig(teacher: BertConfig, table: SpaceTable): BertConfig {
  return {
    ...teacher,
    hiddenSize: table.student.residual,
    ...(table.student.embedding === undefined ? {} : { embedding: table.student.embedding }),
    ...(table.student.sentence === undefined ? {} : { sentence: table.student.sentence }),
    heads: table.student.heads,
    layers: table.student.layers,
    intermediateSize: table.student.inner,
    tieWordEmbeddings: table.tied,
    ...rotaryOf(teacher, table.layerMap),
  };
}

/** The rotary positions of a model whose layers inherit from those of `layerMap`, which attend as far as they did. */
export function rotaryOf({ rotary }: BertConfig, layerMap: readonly number[]): Pick<BertConfig, 'rotary'> {
  return rotary === undefined ? {} : { rotary: { ...rotary, local: layerMap.map((from) => rotary.local[from] ?? false) } };
}

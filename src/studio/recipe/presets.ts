import type { BertConfig } from '../../models/config.ts';
import { countParameters } from '../../models/model.ts';
import { StudioError } from '../../tensor/studioError.ts';
import { spacesOf, spaceTable, studentConfig } from '../../wid/spaces.ts';
import { shapeOf } from '../teacher/teacherShape.ts';
import type { ModelShape, PresetName, ShapeWish, StudentPreset, TeacherShape } from '../api/recipe.ts';

/** Named students: the share of head size and FFN size that is kept; layers and heads stay. */
const KEPT_SHARE = {
  // 516 wide, 12 heads of 43, FFN 2064, and 192 wide, 12 heads of 16, FFN 768, when the teacher is BERT-base.
  wid55: 43 / 64,
  wid11: 16 / 64,
  half: 1 / 2,
  quarter: 1 / 4,
} as const satisfies Readonly<Record<PresetName, number>>;

export const PRESET_NAMES = ['wid55', 'wid11', 'half', 'quarter'] as const satisfies readonly PresetName[];

/** The teacher's shape with `share` of its head size and FFN; every space keeps at least one dimension. */
function scaled(teacher: ModelShape, headSize: number, layers: number, heads: number): ModelShape {
  return {
    layers,
    heads,
    headSize,
    hiddenSize: heads * headSize,
    intermediateSize: Math.max(1, Math.round((teacher.intermediateSize * headSize) / teacher.headSize)),
  };
}

/** The teacher's shape with as many of its heads, and as large a share of its FFN. */
function fewerHeads(teacher: ModelShape, heads: number, layers: number): ModelShape {
  return {
    layers,
    heads,
    headSize: teacher.headSize,
    hiddenSize: heads * teacher.headSize,
    intermediateSize: Math.max(1, Math.round((teacher.intermediateSize * heads) / teacher.heads)),
  };
}

export function presetShape(teacher: TeacherShape, name: PresetName): ModelShape {
  const share = KEPT_SHARE[name];
  if (teacher.wholeHeads === true) return fewerHeads(teacher, Math.max(1, Math.round(teacher.heads * share)), teacher.layers);
  return scaled(teacher, Math.max(1, Math.round(teacher.headSize * share)), teacher.layers, teacher.heads);
}

export function presetsOf(teacher: TeacherShape): readonly StudentPreset[] {
  return PRESET_NAMES.map((name) => ({ name, shape: presetShape(teacher, name) }));
}

/** Whether the class of Hugging Face can express the shape and the teacher is at least as large in every space. */
export function isLegal(teacher: TeacherShape, shape: ModelShape): boolean {
  const within = (value: number, most: number): boolean => Number.isInteger(value) && value >= 1 && value <= most;
  return (
    within(shape.layers, teacher.layers) &&
    within(shape.heads, teacher.heads) &&
    within(shape.headSize, teacher.headSize) &&
    (teacher.wholeHeads !== true || shape.headSize === teacher.headSize) &&
    within(shape.intermediateSize, teacher.intermediateSize) &&
    shape.hiddenSize === shape.heads * shape.headSize
  );
}

/** Legal students nearest to one that is not: the next narrower and wider with its heads, then its width with other heads. */
export function nearestLegal(teacher: TeacherShape, wanted: ModelShape): readonly ModelShape[] {
  const clamp = (value: number, most: number): number => Math.min(most, Math.max(1, Math.round(Number.isFinite(value) ? value : most)));
  const base = { layers: clamp(wanted.layers, teacher.layers), intermediateSize: clamp(wanted.intermediateSize, teacher.intermediateSize) };
  const shape = (count: number, headSize: number): ModelShape => ({ ...base, heads: count, headSize, hiddenSize: count * headSize });
  if (teacher.wholeHeads === true) {
    const count = wanted.hiddenSize / teacher.headSize;
    const counts = new Set([Math.floor(count), Math.ceil(count)].map((some) => clamp(some, teacher.heads)));
    return [...counts].map((some) => shape(some, teacher.headSize));
  }
  const heads = clamp(wanted.heads, teacher.heads);
  const narrower = clamp(Math.floor(wanted.hiddenSize / heads), teacher.headSize);
  const wider = clamp(Math.ceil(wanted.hiddenSize / heads), teacher.headSize);
  const otherHeads = Array.from({ length: teacher.heads }, (_, index) => index + 1)
    .filter((count) => wanted.hiddenSize % count === 0 && count !== heads)
    .toSorted((a, b) => Math.abs(a - heads) - Math.abs(b - heads) || a - b)
    .map((count) => shape(count, wanted.hiddenSize / count))
    .find((candidate) => isLegal(teacher, candidate));
  const found = [shape(heads, narrower), ...(wider === narrower ? [] : [shape(heads, wider)]), ...(otherHeads ? [otherHeads] : [])];
  return found.filter((candidate) => isLegal(teacher, candidate));
}

const inWords = ({ hiddenSize, heads, headSize, intermediateSize, layers }: ModelShape): string =>
  `width ${hiddenSize} = ${heads} heads x ${headSize} with ${layers} layers and FFN ${intermediateSize}`;

/**
 * The student that a wish describes. What was not said is taken from the preset (`half` when none is named);
 * the FFN follows the width.
 * @throws StudioError `student` naming the nearest legal shapes
 */
export function wishedShape(teacher: TeacherShape, wish: ShapeWish): ModelShape {
  const base = presetShape(teacher, wish.preset ?? 'half');
  const { width } = wish;
  const headsOf = (size: number | undefined): number => (width !== undefined && size !== undefined ? width / size : base.heads);
  const heads = wish.heads ?? headsOf(wish.headSize ?? (teacher.wholeHeads === true ? teacher.headSize : undefined));
  const headSize = wish.headSize ?? (width === undefined ? base.headSize : width / heads);
  const hiddenSize = width ?? heads * headSize;
  const shape: ModelShape = {
    layers: wish.layers ?? base.layers,
    hiddenSize,
    heads,
    headSize,
    intermediateSize: wish.intermediate ?? Math.max(1, Math.round((teacher.intermediateSize * hiddenSize) / teacher.hiddenSize)),
  };
  requireLegal(teacher, shape);
  return shape;
}

/** @throws StudioError `student` naming the nearest legal shapes where this one is not */
export function requireLegal(teacher: TeacherShape, shape: ModelShape): void {
  if (isLegal(teacher, shape)) return;
  const { hiddenSize, heads, headSize, layers, intermediateSize } = shape;
  const nearest = nearestLegal(teacher, shape);
  const whole =
    teacher.wholeHeads === true ? `, with heads of its size ${teacher.headSize} (rotary positions turn their dimensions in pairs)` : '';
  throw new StudioError(
    'student',
    `student: shape — expected width = heads x head size in whole numbers, and at most the teacher's ${inWords(teacher)}${whole}, got width ${hiddenSize}, heads ${heads}, head size ${headSize}, layers ${layers}, FFN ${intermediateSize}. Nearest legal: ${nearest.map(inWords).join('; ')}.`,
    { wanted: shape, nearest },
  );
}

/** Bytes of the student's weights as 4-byte floats. */
export function studentBytes(config: BertConfig, shape: ModelShape, tied: boolean): number {
  const { layers, hiddenSize, heads, headSize, intermediateSize } = shape;
  const table = spaceTable(spacesOf(config), { residual: hiddenSize, heads, headSize, inner: intermediateSize, layers }, tied, 'first');
  return 4 * countParameters(studentConfig(config, table));
}

/**
 * The widest student, head size (or heads, if they stay whole) and FFN in proportion, whose fp32 weights are at most `maxBytes`.
 * @param keep layers and heads of the student (at most as many heads, if they stay whole); the teacher's when left out
 * @throws StudioError `student` naming the smallest one if even that is too large
 */
export function fitToBytes(
  config: BertConfig,
  tied: boolean,
  maxBytes: number,
  keep: { readonly layers?: number; readonly heads?: number } = {},
): ModelShape {
  const teacher = shapeOf(config);
  const layers = keep.layers ?? teacher.layers;
  /** Of one size up to the largest: of a head, or in heads where those stay whole. */
  const candidate = (size: number): ModelShape =>
    teacher.wholeHeads === true ? fewerHeads(teacher, size, layers) : scaled(teacher, size, layers, keep.heads ?? teacher.heads);
  for (let size = teacher.wholeHeads === true ? (keep.heads ?? teacher.heads) : teacher.headSize; size >= 1; size--) {
    const shape = candidate(size);
    if (studentBytes(config, shape, tied) <= maxBytes) return shape;
  }
  const smallest = studentBytes(config, candidate(1), tied);
  throw new StudioError(
    'student',
    `student: size — expected room for the smallest student, ${(smallest / 1e6).toFixed(2)} MB in fp32, got ${(maxBytes / 1e6).toFixed(2)} MB. Allow more, or choose fewer layers or heads.`,
    { smallest },
  );
}

/** The student that a wish describes, its size limit included. @throws StudioError `student` naming what is legal */
export function studentFor(config: BertConfig, tied: boolean, wish: ShapeWish): ModelShape {
  const teacher = shapeOf(config);
  if (wish.maxBytes === undefined) return wishedShape(teacher, wish);
  const said = ['preset', 'width', 'headSize', 'intermediate'] as const;
  const clash = said.find((name) => wish[name] !== undefined);
  if (clash !== undefined)
    throw new StudioError(
      'student',
      `student: size — expected a size limit with layers and heads alone, got ${clash} as well. Leave one of them out.`,
    );
  const { layers, heads } = wishedShape(teacher, {
    ...(wish.layers === undefined ? {} : { layers: wish.layers }),
    ...(wish.heads === undefined ? {} : { heads: wish.heads }),
  });
  return fitToBytes(config, tied, wish.maxBytes, { layers, heads });
}

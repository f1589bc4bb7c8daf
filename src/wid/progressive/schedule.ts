import { tableWidth, type Spaces, type SpaceTable } from '../spaces.ts';

/** Gates of every space; the dimensions that go lie at the end, the first to go last (docs/method.md section 5.3). */
export interface Gates {
  /** [d]. */
  readonly residual: Float32Array;
  /** Of the tables and of what the decoder reads, if they have a space of their own. */
  readonly embedding?: Float32Array;
  /** [A a], whole heads and the dimensions of those that stay. */
  readonly attention: Float32Array;
  /** [f], the same in every layer. */
  readonly inner: Float32Array;
}

/** Dimensions on their way out at one time, as a share of those that go. */
const RAMP = 0.5;

/** Times at which dimensions whose gate is 0 are removed. */
const STAGES = 4;

/**
 * Gates of `size` dimensions of which `keep` stay, at time `t` in [0, 1] of the ramp.
 *
 * What is left of the dimensions that go shrinks with (1 - t)^3, so that most go early, while there are most and there is
 * time to recover; each one's gate falls in a straight line while the front passes it.
 */
export function gatesAt(size: number, keep: number, t: number): Float32Array {
  const gone = size - keep;
  const width = Math.max(1, RAMP * gone);
  const front = (gone + width) * (1 - (1 - t) ** 3);
  return Float32Array.from({ length: size }, (_, index) => {
    if (index < keep) return 1;
    const order = size - 1 - index;
    return Math.min(1, Math.max(0, 1 - (front - order) / width));
  });
}

/** Dimensions whose gate is above 0 at time `t`. */
export function openAt(size: number, keep: number, t: number): number {
  const gates = gatesAt(size, keep, t);
  const closed = gates.findIndex((gate) => gate === 0);
  return closed < 0 ? size : closed;
}

/** Sizes that are left at time `t`; legal for the training graph, which does not ask for width = heads x head size. */
export function sizesAt({ teacher: t0, student: s }: SpaceTable, t: number): Spaces {
  return {
    residual: openAt(t0.residual, s.residual, t),
    heads: openAt(t0.heads, s.heads, t),
    headSize: openAt(t0.headSize, s.headSize, t),
    inner: openAt(t0.inner, s.inner, t),
    layers: s.layers,
    family: s.family,
    ...(t0.embedding === undefined ? {} : { embedding: openAt(t0.embedding, tableWidth(s), t) }),
  };
}

/** Gates of the dimensions that are left in `sizes`, at time `t`. */
export function stageGates({ teacher: t0, student: s }: SpaceTable, sizes: Spaces, t: number): Gates {
  const heads = gatesAt(t0.heads, s.heads, t);
  const inHead = gatesAt(t0.headSize, s.headSize, t);
  return {
    residual: gatesAt(t0.residual, s.residual, t).slice(0, sizes.residual),
    ...(t0.embedding === undefined ? {} : { embedding: gatesAt(t0.embedding, tableWidth(s), t).slice(0, tableWidth(sizes)) }),
    attention: Float32Array.from(
      { length: sizes.heads * sizes.headSize },
      (_, i) => (heads[Math.floor(i / sizes.headSize)] ?? 0) * (inHead[i % sizes.headSize] ?? 0),
    ),
    inner: gatesAt(t0.inner, s.inner, t).slice(0, sizes.inner),
  };
}

/** A stretch of the ramp at one size. */
export interface Stage {
  /** Updates of the ramp at which it begins and ends. */
  readonly first: number;
  readonly last: number;
  readonly sizes: Spaces;
}

/** Stages of a ramp of `steps` updates: dimensions are removed where a further quarter of them is closed. */
export function stagesOf(table: SpaceTable, steps: number): Stage[] {
  const starts = Array.from({ length: STAGES }, (_, stage) => {
    const passed = (stage / STAGES + RAMP) / (1 + RAMP);
    return stage === 0 ? 0 : Math.ceil((1 - (1 - passed) ** (1 / 3)) * steps);
  });
  return starts
    .map((first, stage) => ({ first, last: starts[stage + 1] ?? steps, sizes: sizesAt(table, first / Math.max(1, steps)) }))
    .filter(({ first, last }) => last > first);
}

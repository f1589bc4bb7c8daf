import { ADAMW_SETTINGS, type Node } from '../../../graph/operation.ts';
import type { Value } from '../../../graph/value.ts';
import { sizeOf } from '../../../tensor/shape.ts';
import { EngineError } from '../../engineError.ts';
import { float, packWords, type Word } from '../dispatch.ts';
import { shaderOf } from '../shader.ts';
import { inputOf, type Lowering } from './lowering.ts';

/** Elements that one workgroup goes over. */
const SHARE = 2048;

export function reduceSum(lowering: Lowering, node: Node): void {
  const { memory } = lowering;
  const x = inputOf(node, 0);
  const shader = lowering.team('reduce', 'reduceSum', SHARE, 1);
  const output = memory.whole(node.output);
  const stages = memory.rowRanges(x.storage.size, [{ value: x, width: 1 }]);
  if (stages.length === 1 && x.storage.size <= SHARE) {
    lowering.emit(node, shader, { count: x.storage.size, share: SHARE, first: 0 }, { x: memory.whole(x), output }, [1, 1, 1]);
    return;
  }
  const counts = stages.map(({ count }) => Math.ceil(count / SHARE));
  const partials = counts.reduce((sum, count) => sum + count, 0);
  const area = memory.scratchArea(partials * 4);
  let first = 0;
  stages.forEach((range, index) => {
    lowering.emit(
      node,
      shader,
      { count: range.count, share: SHARE, first },
      { x: memory.rows(x, 1, range), output: area },
      lowering.plane(counts[index] ?? 1),
    );
    first += counts[index] ?? 0;
  });
  lowering.emit(node, shader, { count: partials, share: partials, first: 0 }, { x: area, output }, [1, 1, 1]);
}

/** A run of elements that lies in one piece of every tensor of an operation. */
interface Stretch {
  readonly start: number;
  readonly count: number;
}

/** The tensor's elements in shares of at most SHARE that cross no piece of any operand. */
function shares(lowering: Lowering, values: readonly Value[]): Stretch[] {
  const size = values[0]?.storage.size ?? 0;
  const ranges = lowering.memory.rowRanges(
    size,
    values.map((value) => ({ value, width: 1 })),
  );
  return ranges.flatMap(({ first, count }) =>
    Array.from({ length: Math.ceil(count / SHARE) }, (_, i) => ({
      start: first + i * SHARE,
      count: Math.min(SHARE, count - i * SHARE),
    })),
  );
}

/** The slab and the element in it where a tensor's element lies. */
function placeOf(lowering: Lowering, value: Value, element: number): { slab: number; place: number } {
  const piece = lowering.memory.pieceAt(value, element);
  return { slab: piece.slab, place: piece.offset / 4 + element - piece.first };
}

function words(list: readonly (readonly Word[])[], width: number): Uint32Array<ArrayBuffer> {
  const table = new Uint32Array(list.length * width);
  const view = new DataView(table.buffer);
  list.forEach((entry, index) => packWords(entry, view, index * width * 4));
  return table;
}

export function globalNorm(lowering: Lowering, node: Node): void {
  const { memory } = lowering;
  const tensors = node.inputs.slice(0, -2);
  const loss = inputOf(node, tensors.length);
  const settings = inputOf(node, tensors.length + 1);
  const [halted] = node.writes;
  if (halted === undefined) throw new EngineError('webgpu: globalNorm lacks its state.');
  const bySlab = new Map<number, [number, number][]>();
  for (const value of tensors)
    for (const { start, count } of shares(lowering, [value])) {
      const { slab, place } = placeOf(lowering, value, start);
      const list = bySlab.get(slab) ?? [];
      list.push([place, count]);
      bySlab.set(slab, list);
    }
  const stretches = [...bySlab.values()].reduce((sum, list) => sum + list.length, 0);
  const area = memory.scratchArea(stretches * 8);
  let first = 0;
  for (const [slab, list] of bySlab) {
    lowering.emit(
      node,
      lowering.team('reduce', 'sumSquares', SHARE, 1),
      { count: list.length, first },
      { x: memory.slab(slab), stretches: memory.table(words(list, 2)), squares: area },
      lowering.plane(list.length),
    );
    first += list.length;
  }
  lowering.emit(
    node,
    lowering.team('reduce', 'globalNorm', Math.max(64, stretches), 1),
    { count: stretches },
    {
      partSquares: area,
      output: memory.whole(node.output),
      loss: memory.whole(loss),
      halted: memory.whole(halted),
      settings: memory.whole(settings),
    },
    [1, 1, 1],
  );
}

export function adamw(lowering: Lowering, node: Node): void {
  const { operation, writes } = node;
  if (operation.kind !== 'adamw') return;
  const { memory } = lowering;
  const settings = inputOf(node, operation.count);
  const norm = inputOf(node, operation.count + 1);
  if (sizeOf(settings.shape) !== ADAMW_SETTINGS.length) throw new EngineError('webgpu: adamw has other settings than this engine knows.');
  const groups: AdamwDispatch[] = [];
  for (let index = 0; index < operation.count; index++) {
    const [p, m, v] = [writes[3 * index], writes[3 * index + 1], writes[3 * index + 2]];
    if (p === undefined || m === undefined || v === undefined) throw new EngineError('webgpu: adamw lacks a state.');
    const gradient = inputOf(node, index);
    for (const { start, count } of shares(lowering, [p, m, v, gradient])) {
      const states = [p, m, v].map((value) => placeOf(lowering, value, start));
      const { slab, place } = placeOf(lowering, gradient, start);
      const group = groupFor(
        groups,
        states.map((state) => state.slab),
        slab,
      );
      const rates = [float(operation.decay[index] ?? 0), float(operation.rate[index] ?? 1)];
      group.list.push([...states.map((state) => state.place), place, group.gradientSlabs.indexOf(slab), count, ...rates]);
    }
  }
  for (const { stateSlabs, gradientSlabs, list } of groups) {
    const distinct = [...new Set(stateSlabs)];
    const name = (part: number): string => `slab${distinct.indexOf(stateSlabs[part] ?? 0)}`;
    const names = { PARAMETERS: name(0), FIRST: name(1), SECOND: name(2) };
    const shader = shaderOf(['adamw'], 'adamw', { GROUP: lowering.traits.software ? 32 : 128 }, false, names);
    const written = distinct.map((slab, index) => [`slab${index}`, memory.slab(slab)] as const);
    const read = gradientSlabs.map((slab, index) => [`gradients${index}`, memory.slab(slab)] as const);
    lowering.emit(
      node,
      { ...shader, code: `${shader.code}\n${gradientAt(gradientSlabs.length)}` },
      { stretches: list.length },
      {
        settings: memory.whole(settings),
        norm: memory.whole(norm),
        stretches: memory.table(words(list, 8)),
        ...Object.fromEntries([...written, ...read]),
      },
      lowering.plane(list.length),
    );
  }
}

/** Storage buffers that every adapter binds to one kernel, and those of {@link adamw} that are no slab. */
const MOST_BUFFERS = 8;
const OTHER_BUFFERS = 3;
/** Binding of the first slab of gradients. */
const FIRST_GRADIENTS = 8;

/** Stretches whose slabs are bound together. */
interface AdamwDispatch {
  /** Of parameter and moments. */
  readonly stateSlabs: readonly number[];
  readonly gradientSlabs: number[];
  readonly list: Word[][];
}

/** The dispatch that has these slabs, or room for the gradient's; a new one where there is none. */
function groupFor(groups: AdamwDispatch[], stateSlabs: readonly number[], gradientSlab: number): AdamwDispatch {
  const most = MOST_BUFFERS - OTHER_BUFFERS - new Set(stateSlabs).size;
  const same = groups.filter((group) => group.stateSlabs.join(' ') === stateSlabs.join(' '));
  const bound = same.find(({ gradientSlabs }) => gradientSlabs.includes(gradientSlab));
  if (bound !== undefined) return bound;
  const open = same.find(({ gradientSlabs }) => gradientSlabs.length < most);
  open?.gradientSlabs.push(gradientSlab);
  if (open !== undefined) return open;
  const made = { stateSlabs, gradientSlabs: [gradientSlab], list: [] };
  groups.push(made);
  return made;
}

/** WGSL of the slabs of gradients. What a kernel names must be bound, and counts against the limit: no more than there are. */
function gradientAt(slabs: number): string {
  const numbers = Array.from({ length: slabs }, (_, number) => number);
  return [
    ...numbers.map((n) => `@group(0) @binding(${FIRST_GRADIENTS + n}) var<storage, read> gradients${n}: array<f32>;`),
    'fn gradientAt(slab: u32, place: u32) -> f32 {',
    ...numbers.slice(1).map((n) => `  if (slab == ${n}u) { return gradients${n}[place]; }`),
    '  return gradients0[place];',
    '}',
  ].join('\n');
}

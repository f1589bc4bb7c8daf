import { describe, expect, test } from 'vitest';
import { prepareStep } from '../../bench/speed/contenders/own.ts';
import { Graph } from '../../src/graph/graph.ts';
import { scale } from '../../src/graph/ops/elementwise.ts';
import { plan, type Plan } from '../../src/graph/plan.ts';
import { placeInSlabs, type SlabPlacement } from '../../src/engines/webgpu/slabs.ts';
import { GraphError, type Value } from '../../src/graph/value.ts';

const ALIGNMENT = 256;
const STEP = plan(prepareStep({ batch: 2, sequence: 32, slots: 12 }).graph, { alignment: ALIGNMENT, inPlace: false });

const slabsOf = (placement: SlabPlacement, { storage }: Value): readonly number[] =>
  (placement.pieces.get(storage.id) ?? []).map(({ slab }) => slab);

/** Every storage of a plan that is a temporary, with the first and the last node that touches it. */
function lifetimes({ nodes, outputs }: Plan): Map<number, { readonly value: Value; readonly from: number; to: number }> {
  const lives = new Map<number, { readonly value: Value; readonly from: number; to: number }>();
  nodes.forEach(({ inputs, output }, index) => {
    for (const value of [output, ...inputs]) {
      if (value.storage.kind !== 'temporary') continue;
      const life = lives.get(value.storage.id);
      if (life === undefined) lives.set(value.storage.id, { value, from: index, to: index });
      else life.to = index;
    }
  });
  for (const { storage } of outputs.values()) {
    const life = lives.get(storage.id);
    if (life !== undefined) life.to = nodes.length;
  }
  return lives;
}

test('a tensor larger than what tensors share has a slab of its own, whole as long as it can be bound', () => {
  const graph = new Graph();
  graph.output('y', scale(graph, scale(graph, graph.input('x', [256, 64]), 2), 3));
  const planned = plan(graph, { alignment: ALIGNMENT, inPlace: false });
  const shared = placeInSlabs(planned, { slabBytes: 16_384, pieceBytes: 65_536, alignment: ALIGNMENT });
  expect([...shared.pieces.values()].map((pieces) => pieces.length)).toEqual([1, 1, 1]);
  expect(shared.slabs).toEqual([65_536, 65_536, 65_536]);
  const cut = placeInSlabs(planned, { slabBytes: 16_384, pieceBytes: 32_768, alignment: ALIGNMENT });
  expect([...cut.pieces.values()].map((pieces) => pieces.length)).toEqual([2, 2, 2]);
});

// From all in a few slabs to most weights in pieces.
describe.each([2 ** 27, 2 ** 22, 2 ** 19])('a training step in slabs of at most %i bytes', (slabBytes) => {
  const placement = placeInSlabs(STEP, { slabBytes, alignment: ALIGNMENT });

  test('no slab is larger, and pieces cover every tensor in order, aligned and inside their slab', () => {
    expect(placement.slabs.every((bytes) => bytes <= slabBytes)).toBe(true);
    expect(placement.bytes).toBe(placement.slabs.reduce((sum, bytes) => sum + bytes, 0));
    const values = [...STEP.inputs.values(), ...STEP.states.values(), ...STEP.nodes.map(({ output }) => output)];
    for (const { storage } of values) {
      let next = 0;
      for (const { slab, offset, first, count } of placement.pieces.get(storage.id) ?? []) {
        expect(first).toBe(next);
        expect(offset % ALIGNMENT).toBe(0);
        expect(offset + 4 * count).toBeLessThanOrEqual(placement.slabs[slab] ?? 0);
        next += count;
      }
      expect(next, storage.label).toBe(storage.size);
    }
  });

  test('no node finds something that it reads and its result in one slab', () => {
    let compared = 0;
    for (const { inputs, output } of STEP.nodes) {
      if (output.storage.kind !== 'temporary' || inputs.some(({ storage }) => storage === output.storage)) continue;
      const written = new Set(slabsOf(placement, output));
      for (const input of inputs) {
        expect(slabsOf(placement, input).some((slab) => written.has(slab))).toBe(false);
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(200);
  });

  test('tensors that live at one time share no byte, and memory is used again', () => {
    const lives = [...lifetimes(STEP).values()];
    let apart = 0;
    lives.forEach((one, index) => {
      for (const other of lives.slice(index + 1)) {
        if (one.to < other.from || other.to < one.from) continue;
        for (const a of placement.pieces.get(one.value.storage.id) ?? [])
          for (const b of placement.pieces.get(other.value.storage.id) ?? []) {
            if (a.slab !== b.slab) continue;
            apart += 1;
            if (a.offset < b.offset + 4 * b.count && b.offset < a.offset + 4 * a.count)
              throw new Error(`${one.value.storage.label} and ${other.value.storage.label} overlap in slab ${a.slab}.`);
          }
      }
    });
    expect(apart).toBeGreaterThan(0);
    const persistent = [...STEP.inputs.values(), ...STEP.states.values()].reduce((sum, { storage }) => sum + storage.size * 4, 0);
    const temporary = lives.reduce((sum, { value }) => sum + value.storage.size * 4, 0);
    expect(placement.bytes).toBeLessThan(persistent + 0.85 * temporary);
  });
});

test('a tensor whose rows are too long to be cut is refused by name, with bytes and the cure', () => {
  const graph = new Graph();
  graph.output('y', scale(graph, graph.input('wide', [64, 4096]), 2));
  const made = plan(graph, { alignment: ALIGNMENT, inPlace: false });
  const place = (slabBytes: number): unknown => placeInSlabs(made, { slabBytes, alignment: ALIGNMENT });
  expect(() => place(2 ** 19)).toThrow(GraphError);
  expect(() => place(2 ** 19)).toThrow(/wide.*\[64, 4096\].*1048576 bytes.*524288.*Use another engine/);
  expect(() => place(2 ** 20)).not.toThrow();
});

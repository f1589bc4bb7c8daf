import { fuseAdditions } from './fuseAdditions.ts';
import { Gaps } from './gaps.ts';
import type { Graph } from './graph.ts';
import type { Node } from './operation.ts';
import type { Storage, Value } from './value.ts';

/** Nodes in running order and a place for every tensor, so that memory is known before anything runs. */
export interface Plan {
  readonly nodes: readonly Node[];
  readonly inputs: ReadonlyMap<string, Value>;
  readonly states: ReadonlyMap<string, Value>;
  readonly outputs: ReadonlyMap<string, Value>;
  /** What engines write into some of the inputs when they compile. */
  readonly constants: ReadonlyMap<string, Float32Array>;
  /** Byte offset of a storage in the arena, by storage id. */
  readonly offsets: ReadonlyMap<number, number>;
  /** Bytes of the whole arena: inputs and states, then temporaries at their peak. */
  readonly arenaBytes: number;
  /** Bytes of inputs and states alone. */
  readonly persistentBytes: number;
  /** Floating-point operations of one run. */
  readonly flops: number;
}

/** What a plan needs of a graph. */
export type GraphPart = Pick<Graph, 'nodes' | 'inputs' | 'states' | 'outputs' | 'constants'>;

/**
 * The part of a graph that some of its outputs need, with the inputs and states that it reads: a plan of it holds nothing
 * else. States that a step overwrites do not belong into such a part.
 */
export function partFor(graph: Graph, names: readonly string[]): GraphPart {
  const outputs = new Map([...graph.outputs].filter(([name]) => names.includes(name)));
  const nodes = liveNodes({
    nodes: graph.nodes.filter(({ writes }) => writes.length === 0),
    inputs: graph.inputs,
    states: graph.states,
    outputs,
    constants: graph.constants,
  });
  const used = new Set([...outputs.values(), ...nodes.flatMap(({ inputs }) => inputs)].map(({ storage }) => storage.id));
  const read = (values: ReadonlyMap<string, Value>): Map<string, Value> =>
    new Map([...values].filter(([, { storage }]) => used.has(storage.id)));
  const inputs = read(graph.inputs);
  const constants = new Map([...graph.constants].filter(([name]) => inputs.has(name)));
  return { nodes, inputs, states: read(graph.states), outputs, constants };
}

export interface PlanOptions {
  /** Every storage starts at a multiple of this many bytes. */
  readonly alignment: number;
  /** Let outputs take the memory of inputs that nobody needs afterwards ({@link Node.overwritable}). Engines whose buffers may not alias say false. */
  readonly inPlace: boolean;
}

/** A place for every storage in one arena. */
interface Arena {
  readonly offsets: ReadonlyMap<number, number>;
  readonly arenaBytes: number;
}

/**
 * Orders the graph, drops what nobody reads, and fuses additions into products. Memory is placed when somebody asks where it
 * is: an engine with buffers of its own places the tensors in those, once, and nothing twice.
 */
export function plan(graph: GraphPart, options: PlanOptions = { alignment: 64, inPlace: true }): Plan {
  const nodes = fuseAdditions(liveNodes(graph), graph.outputs.values());
  let placed: Arena | undefined;
  const arena = (): Arena => (placed ??= placeInArena(nodes, graph, options));
  return {
    nodes,
    inputs: graph.inputs,
    states: graph.states,
    outputs: graph.outputs,
    constants: graph.constants,
    get offsets() {
      return arena().offsets;
    },
    get arenaBytes() {
      return arena().arenaBytes;
    },
    persistentBytes: [...graph.inputs.values(), ...graph.states.values()].reduce((sum, { storage }) => sum + rounded(storage, options), 0),
    flops: nodes.reduce((sum, node) => sum + node.flops, 0),
  };
}

function rounded(storage: Storage, { alignment }: PlanOptions): number {
  return Math.ceil((storage.size * 4) / alignment) * alignment;
}

/** Packs temporaries behind inputs and states by their lifetimes: best fit over free gaps, in the order of first use. */
function placeInArena(nodes: readonly Node[], graph: GraphPart, options: PlanOptions): Arena {
  const offsets = new Map<number, number>();
  let persistentBytes = 0;
  for (const value of [...graph.inputs.values(), ...graph.states.values()]) {
    offsets.set(value.storage.id, persistentBytes);
    persistentBytes += rounded(value.storage, options);
  }

  const lastUse = lastUses(nodes, graph.outputs);
  const gaps = new Gaps(persistentBytes);
  const owners = new Map<number, { offset: number; bytes: number; storages: Set<number> }>();
  nodes.forEach((node, index) => {
    const { storage } = node.output;
    if (storage.kind === 'temporary' && !offsets.has(storage.id)) {
      const reused = options.inPlace ? reusable(node, index, lastUse) : undefined;
      const owner = reused === undefined ? undefined : owners.get(reused.id);
      if (owner !== undefined) {
        owner.storages.add(storage.id);
        owners.set(storage.id, owner);
        offsets.set(storage.id, owner.offset);
      } else {
        const bytes = rounded(storage, options);
        const offset = gaps.take(bytes);
        offsets.set(storage.id, offset);
        owners.set(storage.id, { offset, bytes, storages: new Set([storage.id]) });
      }
    }
    for (const value of [...node.inputs, node.output]) {
      const owner = owners.get(value.storage.id);
      if (owner === undefined || lastUse.get(value.storage.id) !== index) continue;
      owner.storages.delete(value.storage.id);
      owners.delete(value.storage.id);
      if (owner.storages.size === 0) gaps.give(owner.offset, owner.bytes);
    }
  });
  return { offsets, arenaBytes: gaps.peak };
}

/** The place in the running order of the last node that has to do with a storage, by its id; beyond the last for outputs. */
export function lastUses(nodes: readonly Node[], outputs: ReadonlyMap<string, Value>): ReadonlyMap<number, number> {
  const lastUse = new Map<number, number>();
  nodes.forEach((node, index) => {
    for (const value of [...node.inputs, node.output]) lastUse.set(value.storage.id, index);
  });
  for (const value of outputs.values()) lastUse.set(value.storage.id, nodes.length);
  return lastUse;
}

/** Nodes that an output or a state needs, in graph order. */
function liveNodes(graph: GraphPart): Node[] {
  const wanted = new Set<Value>(graph.outputs.values());
  const live: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (node.writes.length === 0 && !wanted.has(node.output)) continue;
    live.push(node);
    for (const input of node.inputs) wanted.add(input);
  }
  return live.toReversed();
}

/** The input whose memory this node's output may take: one that its operation lets it take, of the same size and dead afterwards. */
function reusable(node: Node, index: number, lastUse: ReadonlyMap<number, number>): Storage | undefined {
  return node.overwritable?.find(
    (value) =>
      value.storage.kind === 'temporary' &&
      value.storage.size === node.output.storage.size &&
      lastUse.get(value.storage.id) === index &&
      node.inputs.filter((input) => input.storage.id === value.storage.id).length === 1,
  )?.storage;
}

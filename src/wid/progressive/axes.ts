import { blueprintOf, parameterNames, type Blueprint, type Module } from '../../models/blueprint.ts';
import { compactorName, type SiteRole } from '../compactors.ts';
import { pickColumns, pickRows } from '../keepHeads.ts';
import { tableWidth, type Spaces } from '../spaces.ts';
import type { NamedTensors, Tensor } from '../../tensor/tensor.ts';

export type AxisSpace = 'residual' | 'embedding' | 'attention' | 'inner';

/** The space along each axis of a student's tensor; null for axes that stay, as the vocabulary. */
export interface Axes {
  readonly rows: AxisSpace | null;
  readonly columns: AxisSpace | null;
  readonly layer: number;
}

const AXES: Readonly<Record<Module['writes'], AxisSpace | 'tables' | null>> = {
  residual: 'residual',
  embedding: 'embedding',
  // The MLM inner space has the tables' dimensions: the transform's neurons are chosen and gated with them.
  mlm: 'tables',
  queryKey: 'attention',
  valueOutput: 'attention',
  ffn: 'inner',
  vocabulary: null,
  position: null,
  segment: null,
  pooled: null,
  vector: null,
};

/** The space whose gate and list of kept dimensions serve a space; null for one that stays. */
export function axisOf(blueprint: Blueprint, space: Module['writes']): AxisSpace | null {
  const axis = AXES[space];
  return axis === 'tables' ? blueprint.tableSpace : axis;
}

/** Axes of every tensor of a model, by name. */
export function axesOf(blueprint: Blueprint): Map<string, Axes> {
  const axes = new Map<string, Axes>();
  for (const { kind, role, layer, writes, reads, weight, bias } of blueprint.modules) {
    const axis = { writes: axisOf(blueprint, writes), reads: axisOf(blueprint, reads) };
    const at = { layer: layer ?? 0 };
    const vector = { rows: axis.writes, columns: null, ...at };
    // The order of the checkpoint, as in moduleShapes.
    if (role === 'decoder' && bias !== undefined) axes.set(bias, vector);
    if (kind === 'norm') axes.set(weight, vector);
    else if (kind === 'table') axes.set(weight, { rows: axis.reads, columns: axis.writes, ...at });
    else axes.set(weight, { rows: axis.writes, columns: axis.reads, ...at });
    if (role !== 'decoder' && bias !== undefined) axes.set(bias, vector);
  }
  for (const [name, { space, layer }] of rebuilds(blueprint, false)) axes.set(name, { rows: space, columns: space, layer });
  return axes;
}

/** A matrix [d, d] that rebuilds the dimensions that go from those that stay, and who reads through it. */
export interface Rebuild {
  readonly space: 'residual' | 'embedding' | 'inner';
  /** 0 outside of the layers. */
  readonly layer: number;
  /** The closed form that it comes from, by the names of compactorShapes. */
  readonly compactor: string;
  /** Modules whose weights read the space. */
  readonly readers: readonly Module[];
}

/**
 * As a gate closes, its readers move to the best linear guess of the dimension from those that stay (docs/method.md section 4): at
 * gate g they read g x + (1 - g) B x_S. Tied decoders are left out: their table is the lookup's too.
 */
export function rebuilds(blueprint: Blueprint, tied: boolean): Map<string, Rebuild> {
  const found = new Map<string, Rebuild>();
  const enter = (name: string, space: Rebuild['space'], layer: number | null, first: SiteRole, ...others: SiteRole[]): void =>
    void found.set(`rebuild.${name}`, {
      space,
      layer: layer ?? 0,
      compactor: compactorName(first, layer, 'L'),
      readers: [first, ...others].flatMap((role) => blueprint.find(role, layer) ?? []),
    });
  for (let layer = 0; layer < blueprint.layers; layer++) {
    enter(`${layer}.read`, 'residual', layer, 'query', 'key', 'value');
    enter(`${layer}.attention`, 'residual', layer, 'expansion', 'gate');
    enter(`${layer}.inner`, 'inner', layer, 'contraction');
  }
  if (blueprint.tableSpace === 'embedding') enter('projection', 'embedding', null, 'embeddingProjection');
  enter('final', 'residual', null, 'transform');
  if (!tied) enter('decoder', blueprint.tableSpace, null, 'decoder');
  return found;
}

/**
 * Takes indices of a space, in their order, along every axis of it; `indices` may differ from layer to layer.
 * Moments (`first.NAME`, `second.NAME`) go with their weights; other tensors, as gates, are left out.
 */
export function take(
  tensors: NamedTensors,
  blueprint: Blueprint,
  indices: (space: AxisSpace, layer: number) => readonly number[],
): Map<string, Tensor> {
  const axes = axesOf(blueprint);
  const taken = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) {
    const found = axes.get(name.replace(/^(first|second)\./, ''));
    if (found === undefined) continue;
    const { rows, columns, layer } = found;
    const shorter = rows === null ? tensor : pickRows(tensor, indices(rows, layer));
    taken.set(name, columns === null ? shorter : pickColumns(shorter, indices(columns, layer)));
  }
  return taken;
}

const firstOf = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Readers' weights with the columns that are about to be removed folded into those that stay: W_S + W_R B. */
function rebuilt(tensors: NamedTensors, to: Spaces): Map<string, Tensor> {
  const folded = new Map(tensors);
  for (const [name, { space, readers }] of rebuilds(blueprintOf(to), false)) {
    const B = tensors.get(name);
    const keep = space === 'embedding' ? tableWidth(to) : to[space];
    if (B === undefined) continue;
    for (const { weight } of readers) {
      const W = tensors.get(weight);
      if (W !== undefined) folded.set(weight, foldColumns(W, B, keep));
    }
  }
  return folded;
}

function foldColumns({ shape, data }: Tensor, B: Tensor, keep: number): Tensor {
  const [rows = 1, width = 1] = shape;
  const values = data.slice();
  for (let row = 0; row < rows; row++)
    for (let gone = keep; gone < width; gone++) {
      const weight = data[row * width + gone] ?? 0;
      if (weight !== 0)
        for (let stays = 0; stays < keep; stays++) {
          const at = row * width + stays;
          values[at] = (values[at] ?? 0) + weight * (B.data[gone * width + stays] ?? 0);
        }
    }
  return { shape, data: values };
}

/**
 * The first dimensions of every space: those at the end are removed (docs/method.md section 5.3). Scores keep their scale: the
 * query carries sqrt(a'/a), its moments the inverse.
 *
 * @param tensors weights by their names; moments and rebuilding matrices too, if there are any
 */
export function shrink(tensors: NamedTensors, from: Spaces, to: Spaces): Map<string, Tensor> {
  const blueprint = blueprintOf(to);
  const attention = firstOf(to.heads).flatMap((head) => firstOf(to.headSize).map((i) => head * from.headSize + i));
  const lists = { residual: firstOf(to.residual), embedding: firstOf(tableWidth(to)), attention, inner: firstOf(to.inner) };
  const taken = take(rebuilt(tensors, to), blueprint, (space) => lists[space]);
  const scale = Math.sqrt(to.headSize / from.headSize);
  if (scale === 1) return taken;
  for (let layer = 0; layer < to.layers; layer++)
    for (const parameter of parameterNames(blueprint.module('query', layer)))
      for (const [prefix, factor] of [
        ['', scale],
        ['first.', 1 / scale],
        ['second.', 1 / scale ** 2],
      ] as const) {
        const name = `${prefix}${parameter}`;
        const tensor = taken.get(name);
        if (tensor !== undefined) taken.set(name, { shape: tensor.shape, data: tensor.data.map((x) => factor * x) });
      }
  return taken;
}

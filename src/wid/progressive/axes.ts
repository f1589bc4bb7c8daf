import { embeddingNames, headNames, layerNames } from '../../models/names.ts';
import { pickColumns, pickRows } from '../keepHeads.ts';
import type { Spaces } from '../spaces.ts';
import type { NamedTensors, Tensor } from '../../tensor/tensor.ts';

export type AxisSpace = 'residual' | 'attention' | 'inner';

/** The space along each axis of a student's tensor; null for axes that stay, as the vocabulary. */
export interface Axes {
  readonly rows: AxisSpace | null;
  readonly columns: AxisSpace | null;
  readonly layer: number;
}

/** Axes of every tensor of a BERT with this many layers, by Hugging Face name. */
export function axesOf(layers: number): Map<string, Axes> {
  const axes = new Map<string, Axes>();
  const enter = (name: string, rows: AxisSpace | null, columns: AxisSpace | null, layer = 0): void =>
    void axes.set(name, { rows, columns, layer });
  const linear = (name: string, rows: AxisSpace, columns: AxisSpace, layer = 0): void => {
    enter(`${name}.weight`, rows, columns, layer);
    enter(`${name}.bias`, rows, null, layer);
  };
  const norm = (name: string, layer = 0): void => {
    enter(`${name}.weight`, 'residual', null, layer);
    enter(`${name}.bias`, 'residual', null, layer);
  };
  for (const name of [embeddingNames.word, embeddingNames.position, embeddingNames.type]) enter(name, null, 'residual');
  norm(embeddingNames.norm);
  for (let layer = 0; layer < layers; layer++) {
    const names = layerNames(layer);
    for (const name of [names.query, names.key, names.value]) linear(name, 'attention', 'residual', layer);
    linear(names.attentionOutput, 'residual', 'attention', layer);
    norm(names.attentionNorm, layer);
    linear(names.intermediate, 'inner', 'residual', layer);
    linear(names.output, 'residual', 'inner', layer);
    norm(names.outputNorm, layer);
  }
  // The MLM inner space has the stream's dimensions: the transform's neurons are chosen and gated with them.
  linear(headNames.transform, 'residual', 'residual');
  norm(headNames.transformNorm);
  enter(headNames.bias, null, null);
  enter(headNames.decoder, null, 'residual');
  for (const [name, { space }] of rebuilds(layers, false)) enter(name, space, space, Number(/\d+/.exec(name)?.[0] ?? 0));
  return axes;
}

/** A matrix [d, d] that rebuilds the dimensions that go from those that stay, and who reads through it. */
export interface Rebuild {
  readonly space: 'residual' | 'inner';
  /** The closed form that it comes from, by the names of compactorShapes. */
  readonly compactor: string;
  /** Modules whose weights read the space, by Hugging Face name. */
  readonly readers: readonly string[];
}

/**
 * As a gate closes, its readers move to the best linear guess of the dimension from those that stay (docs/method.md section 4): at
 * gate g they read g x + (1 - g) B x_S. Tied decoders are left out: their table is the lookup's too.
 */
export function rebuilds(layers: number, tied: boolean): Map<string, Rebuild> {
  const found = new Map<string, Rebuild>();
  for (let layer = 0; layer < layers; layer++) {
    const names = layerNames(layer);
    const prefix = `layer.${layer}`;
    found
      .set(`rebuild.${layer}.read`, { space: 'residual', compactor: `${prefix}.query.L`, readers: [names.query, names.key, names.value] })
      .set(`rebuild.${layer}.attention`, { space: 'residual', compactor: `${prefix}.intermediate.L`, readers: [names.intermediate] })
      .set(`rebuild.${layer}.inner`, { space: 'inner', compactor: `${prefix}.output.L`, readers: [names.output] });
  }
  found.set('rebuild.final', { space: 'residual', compactor: 'transform.L', readers: [headNames.transform] });
  const decoder = headNames.decoder.replace(/\.weight$/, '');
  if (!tied) found.set('rebuild.decoder', { space: 'residual', compactor: 'decoder.L', readers: [decoder] });
  return found;
}

/**
 * Takes indices of a space, in their order, along every axis of it; `indices` may differ from layer to layer.
 * Moments (`first.NAME`, `second.NAME`) go with their weights; other tensors, as gates, are left out.
 */
export function take(
  tensors: NamedTensors,
  layers: number,
  indices: (space: AxisSpace, layer: number) => readonly number[],
): Map<string, Tensor> {
  const axes = axesOf(layers);
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
  for (const [name, { space, readers }] of rebuilds(to.layers, false)) {
    const B = tensors.get(name);
    const keep = to[space];
    if (B === undefined) continue;
    for (const reader of readers) {
      const W = tensors.get(`${reader}.weight`);
      if (W !== undefined) folded.set(`${reader}.weight`, foldColumns(W, B, keep));
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
 * @param tensors weights under Hugging Face names; moments and rebuilding matrices too, if there are any
 */
export function shrink(tensors: NamedTensors, from: Spaces, to: Spaces): Map<string, Tensor> {
  const attention = firstOf(to.heads).flatMap((head) => firstOf(to.headSize).map((i) => head * from.headSize + i));
  const lists = { residual: firstOf(to.residual), attention, inner: firstOf(to.inner) };
  const taken = take(rebuilt(tensors, to), to.layers, (space) => lists[space]);
  const scale = Math.sqrt(to.headSize / from.headSize);
  if (scale === 1) return taken;
  for (let layer = 0; layer < to.layers; layer++)
    for (const part of ['weight', 'bias'])
      for (const [prefix, factor] of [
        ['', scale],
        ['first.', 1 / scale],
        ['second.', 1 / scale ** 2],
      ] as const) {
        const name = `${prefix}${layerNames(layer).query}.${part}`;
        const tensor = taken.get(name);
        if (tensor !== undefined) taken.set(name, { shape: tensor.shape, data: tensor.data.map((x) => factor * x) });
      }
  return taken;
}

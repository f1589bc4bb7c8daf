import type { BertConfig } from '../models/config.ts';
import { decoderName, parameterShapes } from '../models/model.ts';
import { biasOf, blueprintOf, type Module } from '../models/blueprint.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { Shape } from '../tensor/shape.ts';
import type { NamedTensors, Tensor } from '../tensor/tensor.ts';
import { hasOwnDecoder, layerSites, linearSites, stackName } from '../wid/compactors.ts';
import type { SpaceTable } from '../wid/spaces.ts';

/** State of the teacher's tensor, apart from student tensors of the same name. */
export function frozenName(name: string): string {
  return `teacher.${name}`;
}

/** The name in the checkpoint of a state of the teacher's; others as they are. */
export function ownName(state: string): string {
  const prefix = frozenName('');
  return state.startsWith(prefix) ? state.slice(prefix.length) : state;
}

/**
 * Shapes of the teacher's tensors that the merge reads, after whole heads were left out. Learned mixtures of layers
 * read all layers of a kind as one stack [n, out in].
 */
export function teacherShapes(config: BertConfig, table: SpaceTable): Map<string, Shape> {
  const shapes = new Map<string, Shape>();
  const all = parameterShapes(config);
  for (const site of linearSites(table)) {
    const { weight, bias } = site.theirs;
    if (table.mixtures && site.layer !== null) {
      shapes.set(stackName(site, 'weight'), [table.teacher.layers, site.output * site.input]);
      if (bias !== undefined) shapes.set(stackName(site, 'bias'), [table.teacher.layers, site.output]);
    } else {
      shapes.set(weight, [site.output, site.input]);
      if (bias !== undefined) shapes.set(bias, [site.output]);
    }
  }
  const blueprint = blueprintOf(config);
  const bias = blueprint.find('decoder')?.bias;
  const decoder = hasOwnDecoder(table) ? [decoderName(config)] : [];
  for (const name of [...blueprint.tables.map(({ weight }) => weight), ...(bias === undefined ? [] : [bias]), ...decoder]) {
    const shape = all.get(name);
    if (shape !== undefined) shapes.set(name, shape);
  }
  return shapes;
}

/**
 * The numbers of {@link teacherShapes}, by state name.
 * @param tensors the teacher after whole heads were left out
 * @throws StudioError if one is missing
 */
export function teacherStates(config: BertConfig, table: SpaceTable, tensors: NamedTensors): Map<string, Tensor> {
  const need = (name: string): Tensor => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new StudioError('checkpoint', `merge: the teacher has no tensor ${name}.`);
    return tensor;
  };
  const stacks = new Map<string, (layer: number) => string>();
  const blueprint = blueprintOf(config);
  if (table.mixtures)
    for (const site of layerSites(table, 0, 0)) {
      const inLayer = (layer: number): Module => blueprint.module(site.theirs.role, layer);
      stacks.set(stackName(site, 'weight'), (layer) => inLayer(layer).weight);
      if (site.theirs.bias !== undefined) stacks.set(stackName(site, 'bias'), (layer) => biasOf(inLayer(layer)));
    }
  const states = new Map<string, Tensor>();
  for (const [name, shape] of teacherShapes(config, table)) {
    const layerOf = stacks.get(name);
    if (layerOf === undefined) {
      states.set(frozenName(name), need(name));
      continue;
    }
    const [layers = 1, size = 1] = shape;
    const data = new Float32Array(layers * size);
    for (let layer = 0; layer < layers; layer++) data.set(need(layerOf(layer)).data, layer * size);
    states.set(frozenName(name), { shape, data });
  }
  return states;
}

import { blueprintOf, type FamilyRole } from '../models/blueprint.ts';
import type { ModelConfig } from '../models/config.ts';
import { familyOf } from '../models/families/registry.ts';
import type { Step } from '../models/family.ts';
import { LOGITS } from '../models/outputs.ts';

/** A node's output that the engine has too, by the node that makes it. */
export interface TracedNode {
  /** Name of the node. */
  readonly node: string;
  /** Name of its output. */
  readonly output: string;
}

const made = (node: string): TracedNode => ({ node, output: `${node}_output_0` });

/** The output of a linear layer: behind its bias, or of its product if it has none. */
function linearNode(config: ModelConfig, role: FamilyRole, layer: number): TracedNode {
  const place = familyOf(config.family).place(role, layer);
  return made(blueprintOf(config).module(role, layer).bias === undefined ? place : `${place}/Add`);
}

/** Where a sum ends: at the LayerNorm behind it, or at the sum if the family has none there. */
function ending(config: ModelConfig, norm: FamilyRole, layer: number | null, sum: FamilyRole | Step, node: string): TracedNode {
  const { place } = familyOf(config.family);
  const normed = blueprintOf(config).find(norm, layer) !== undefined;
  return made(normed ? place(norm, layer ?? 0) : `${place(sum, layer ?? 0)}${node}`);
}

/** Where the encoder's embeddings end. */
export function embeddingNode(config: ModelConfig): TracedNode {
  const blueprint = blueprintOf(config);
  if (blueprint.find('embeddingProjection') !== undefined) return made(`${familyOf(config.family).place('embeddingProjection', 0)}/Add`);
  const segments = blueprint.find('segments') !== undefined;
  return ending(config, 'embeddingNorm', null, 'embeddings', segments ? '/Add_1' : '/Add');
}

/** One layer's attention; the form with attentions names its output `attentions.N`. */
export function attentionNode(config: ModelConfig, layer: number): TracedNode {
  return made(`${familyOf(config.family).place('attention', layer)}/Softmax`);
}

/** What the next layer reads. */
export function hiddenNode(config: ModelConfig, layer: number): TracedNode {
  if (blueprintOf(config).normsFirst) return made(`${familyOf(config.family).place('outputSum', layer)}/Add`);
  return ending(config, 'outputNorm', layer, 'outputSum', '/Add');
}

/** Nodes of one layer by the names of `LayerTrace`, in the order in which they run. */
export function layerNodes(config: ModelConfig, layer: number): readonly (readonly [part: LayerPart, node: TracedNode])[] {
  const place = (step: FamilyRole | Step): string => familyOf(config.family).place(step, layer);
  const blueprint = blueprintOf(config);
  const { normsFirst } = blueprint;
  const gated = blueprint.find('gate', layer) !== undefined;
  return [
    ['query', linearNode(config, 'query', layer)],
    ['key', linearNode(config, 'key', layer)],
    ['value', linearNode(config, 'value', layer)],
    ['attention', attentionNode(config, layer)],
    ['values', made(`${place('attention')}/Reshape`)],
    ['projected', linearNode(config, 'attentionOutput', layer)],
    ['attentionOutput', ending(config, normsFirst ? 'outputNorm' : 'attentionNorm', layer, 'attentionSum', '/Add')],
    ['expanded', linearNode(config, 'expansion', layer)],
    ['inner', made(gated ? `${place('activation')}/Gate` : place('activation'))],
    ['contracted', linearNode(config, 'contraction', layer)],
    ['hidden', hiddenNode(config, layer)],
  ];
}

export type LayerPart =
  | 'query'
  | 'key'
  | 'value'
  | 'attention'
  | 'values'
  | 'projected'
  | 'attentionOutput'
  | 'expanded'
  | 'inner'
  | 'contracted'
  | 'hidden';

/** What the decoder reads. */
export function transformNode(config: ModelConfig): TracedNode {
  return ending(config, 'transformNorm', null, 'transformActivation', '');
}

/** The decoder itself. */
export function decoderNode(config: ModelConfig): TracedNode {
  return { node: `${familyOf(config.family).place('decoder', 0)}/Add`, output: LOGITS };
}

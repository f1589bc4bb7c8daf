/** A node's output that the engine has too, by the node that makes it. */
export interface TracedNode {
  /** Name of the node. */
  readonly node: string;
  /** Name of its output. */
  readonly output: string;
}

const made = (node: string): TracedNode => ({ node, output: `${node}_output_0` });

/** Where the encoder's embeddings end. */
export const embeddingNode = made('/bert/embeddings/LayerNorm');

/** One layer's attention; the form with attentions names its output `attentions.N`. */
export const attentionNode = (layer: number): TracedNode => made(`/bert/encoder/layer.${layer}/attention/self/Softmax`);

/** Nodes of one layer by the names of `LayerTrace`, in the order in which they run. */
export function layerNodes(layer: number): readonly (readonly [part: LayerPart, node: TracedNode])[] {
  const place = `/bert/encoder/layer.${layer}`;
  return [
    ['query', made(`${place}/attention/self/query/Add`)],
    ['key', made(`${place}/attention/self/key/Add`)],
    ['value', made(`${place}/attention/self/value/Add`)],
    ['attention', attentionNode(layer)],
    ['values', made(`${place}/attention/self/Reshape`)],
    ['projected', made(`${place}/attention/output/dense/Add`)],
    ['attentionOutput', made(`${place}/attention/output/LayerNorm`)],
    ['expanded', made(`${place}/intermediate/dense/Add`)],
    ['inner', made(`${place}/intermediate/activation`)],
    ['contracted', made(`${place}/output/dense/Add`)],
    ['hidden', made(`${place}/output/LayerNorm`)],
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
export const transformNode = made('/cls/predictions/transform/LayerNorm');
/** The decoder itself. */
export const decoderNode: TracedNode = { node: '/cls/predictions/decoder/Add', output: 'logits' };

/** Hugging Face's names of a BERT's parameters, written down apart from the studio; without `.weight` and `.bias` where a module has both. */
export const embeddingNames = {
  word: 'bert.embeddings.word_embeddings.weight',
  position: 'bert.embeddings.position_embeddings.weight',
  type: 'bert.embeddings.token_type_embeddings.weight',
  norm: 'bert.embeddings.LayerNorm',
} as const;

export const headNames = {
  transform: 'cls.predictions.transform.dense',
  transformNorm: 'cls.predictions.transform.LayerNorm',
  bias: 'cls.predictions.bias',
  decoder: 'cls.predictions.decoder.weight',
} as const;

export interface LayerNames {
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly attentionOutput: string;
  readonly attentionNorm: string;
  readonly intermediate: string;
  readonly output: string;
  readonly outputNorm: string;
}

export function layerNames(layer: number): LayerNames {
  const prefix = `bert.encoder.layer.${layer}`;
  return {
    query: `${prefix}.attention.self.query`,
    key: `${prefix}.attention.self.key`,
    value: `${prefix}.attention.self.value`,
    attentionOutput: `${prefix}.attention.output.dense`,
    attentionNorm: `${prefix}.attention.output.LayerNorm`,
    intermediate: `${prefix}.intermediate.dense`,
    output: `${prefix}.output.dense`,
    outputNorm: `${prefix}.output.LayerNorm`,
  };
}

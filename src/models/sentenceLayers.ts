import type { Graph } from '../graph/graph.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { reshape, transpose } from '../graph/ops/view.ts';
import type { Value } from '../graph/value.ts';
import type { EncoderShape, ParameterLookup } from './encoder.ts';

/** What makes vectors of sentences, of a model whose parameters are declared in a graph. */
export interface SentenceLayers {
  /** Vectors of a sentence that pooling concatenates, p. */
  readonly poolers: number;
  /** Width of the vectors, w. */
  readonly width: number;
  /**
   * Pooled vectors, [M, p d].
   * @param hidden states, [N, d]
   * @param pooling [M p, N], the weight of every token in every pooled vector: `pooling` of sentencePooling.ts makes its rows
   */
  pooled(hidden: Value, pooling: Value): Value;
  /** What the layer behind pooling makes of them if there is one, [M, w]. Not scaled to length 1. */
  vectors(pooled: Value): Value;
}

/** @returns undefined if the model is not for sentence vectors */
export function sentenceLayers(graph: Graph, shape: EncoderShape, parameter: ParameterLookup): SentenceLayers | undefined {
  const { sentence, heads, headSize, blueprint } = shape;
  if (sentence === undefined) return undefined;
  const dense = blueprint.find('sentenceDense');
  const poolers = sentence.poolers.length;
  const pooledWidth = poolers * heads * headSize;
  return {
    poolers,
    width: sentence.dense ?? pooledWidth,
    pooled: (hidden, pooling) => {
      const rows = matmul(graph, pooling, hidden);
      return reshape(graph, rows, [(pooling.shape[0] ?? 1) / poolers, pooledWidth]);
    },
    vectors: (pooled) => (dense === undefined ? pooled : matmul(graph, pooled, transpose(graph, parameter(dense.weight)))),
  };
}

import { EMBEDDING, type OnnxDense } from '../../export/onnxPooling.ts';
import { HIDDEN } from '../../models/outputs.ts';
import { pooled, vectorWidth, type SentencePooling } from '../../models/sentencePooling.ts';
import type { Reading } from '../verification/onnxVerification.ts';

/** A vector a row, of its tokens that are not padding. @param d width of the hidden states */
export function sentenceReading(pooling: SentencePooling, d: number): Reading {
  const width = vectorWidth(pooling, d);
  return {
    output: EMBEDDING,
    of: (hidden, { batch, length, attention }) => {
      const vectors = new Float32Array(batch * width);
      for (let row = 0; row < batch; row++) {
        const used = attention.subarray(row * length, (row + 1) * length).lastIndexOf(1) + 1;
        const from = row * length;
        vectors.set(pooled(pooling, hidden.subarray(from * d, (from + used) * d), d), row * width);
      }
      return vectors;
    },
  };
}

/** The layer behind pooling at every token. @param d width of the hidden states */
export function tokenReading({ weight, outputs }: OnnxDense, d: number): Reading {
  const layer = { inputs: d, outputs, weight, bias: undefined, activation: 'identity' } as const;
  const pooling: SentencePooling = { poolers: ['cls'], layers: [layer] };
  return {
    output: HIDDEN,
    of: (hidden) => {
      const vectors = new Float32Array((hidden.length / d) * outputs);
      for (let token = 0; token < hidden.length / d; token++)
        vectors.set(pooled(pooling, hidden.subarray(token * d, (token + 1) * d), d), token * outputs);
      return vectors;
    },
  };
}

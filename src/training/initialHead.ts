import type { BertModel } from '../bert/model.ts';
import { embeddingNames, headNames } from '../bert/names.ts';
import { matrix, multiply, ridged, solvePositive, transposed, type Matrix } from '../tensor/matrix.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Hidden states of masked tokens, [count, width] row-major, and the right tokens, [count]. */
export interface Features {
  readonly width: number;
  readonly data: Float32Array;
  readonly labels: Int32Array;
}

const RIDGE = 1e-3;
/** So far right of zero, every activation that BERTs use is the identity to a few thousandths. */
const LINEAR = 5;

/**
 * A tied head before any training: transform W = U^T X (X^T X + eps I)^-1 from centred hidden states X to centred
 * embeddings U of the right words, its bias moved to where the activation is linear; LayerNorm takes the move out again.
 * The decoder's bias is the log frequency of every word.
 *
 * @param gain of the LayerNorm, the sharpness of the prediction; 0 predicts by frequency alone
 */
export function initialHead({ config, tensors }: BertModel, { width: d, data, labels }: Features, gain: number): Map<string, Tensor> {
  const words = tensors.get(embeddingNames.word)?.data ?? new Float32Array();
  const count = labels.length;
  const X = matrix(count, d, data);
  const U = matrix(count, d);
  labels.forEach((label, row) => U.data.set(words.subarray(label * d, (label + 1) * d), row * d));
  const mean = centre(X);
  centre(U);
  // [d, d]: rows are outputs.
  const W = transposed(solvePositive(ridged(multiply(transposed(X), X), RIDGE), multiply(transposed(X), U)));
  const Z = multiply(X, transposed(W));
  const size = Math.sqrt(Z.data.reduce((sum, x) => sum + x * x, 0) / Z.data.length) || 1;
  const weight = Float32Array.from(W.data, (x) => x / size);
  const shift = multiply(W, matrix(d, 1, mean));
  const counts = new Float64Array(config.vocabSize).fill(1);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  const total = count + config.vocabSize;
  const { transform, transformNorm, bias } = headNames;
  return new Map<string, Tensor>([
    [`${transform}.weight`, { shape: [d, d], data: weight }],
    [`${transform}.bias`, { shape: [d], data: Float32Array.from(shift.data, (x) => LINEAR - x / size) }],
    [`${transformNorm}.weight`, { shape: [d], data: new Float32Array(d).fill(gain) }],
    [`${transformNorm}.bias`, { shape: [d], data: new Float32Array(d) }],
    [bias, { shape: [config.vocabSize], data: Float32Array.from(counts, (x) => Math.log(x / total)) }],
  ]);
}

/** Takes the mean row out, and returns it. */
function centre(m: Matrix): Float64Array {
  const mean = new Float64Array(m.columns);
  for (let row = 0; row < m.rows; row++)
    for (let j = 0; j < m.columns; j++) mean[j] = (mean[j] ?? 0) + (m.data[row * m.columns + j] ?? 0) / m.rows;
  for (let row = 0; row < m.rows; row++)
    for (let j = 0; j < m.columns; j++) m.data[row * m.columns + j] = (m.data[row * m.columns + j] ?? 0) - (mean[j] ?? 0);
  return mean;
}

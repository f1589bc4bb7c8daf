import type { BertModel } from '../models/model.ts';
import { biasOf, blueprintOf, spaceWidths } from '../models/blueprint.ts';
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
/** So near to zero, GELU is half the identity to some hundredths: for a transform that has no bias to move by. */
const NEARLY_LINEAR = 0.05;
/** Rows that are multiplied at once: long products would leave no turn to a listener. */
const SLICE = 2048;

/** How many times {@link initialHead} has a turn for so many rows. */
export function initialHeadTurns(rows: number): number {
  return Math.ceil(rows / SLICE);
}

/**
 * A tied head before any training: transform W = U^T X (X^T X + eps I)^-1 from centred hidden states X to centred
 * embeddings U of the right words, its bias moved to where the activation is linear; LayerNorm takes the move out again. Without a
 * bias, X is not centred, and W so small that the activation is nearly linear; LayerNorm takes the smallness out.
 * The decoder's bias is the log frequency of every word. {@link withGain} makes it more or less sharp.
 *
 * @param turn heard after every slice of rows; throw from it to end the work
 */
export async function initialHead(
  { config, tensors }: BertModel,
  { width: d, data, labels }: Features,
  turn: () => Promise<void> | void,
): Promise<Map<string, Tensor>> {
  const blueprint = blueprintOf(config);
  const words = tensors.get(blueprint.module('words').weight)?.data ?? new Float32Array();
  const e = spaceWidths(config)[blueprint.module('words').writes];
  const count = labels.length;
  const meanState = new Float64Array(d);
  const meanWord = new Float64Array(e);
  const [transform, norm] = [blueprint.module('transform'), blueprint.module('transformNorm')];
  const moves = transform.bias !== undefined;
  labels.forEach((label, row) => {
    if (moves) for (let j = 0; j < d; j++) meanState[j] = (meanState[j] ?? 0) + (data[row * d + j] ?? 0) / count;
    for (let j = 0; j < e; j++) meanWord[j] = (meanWord[j] ?? 0) + (words[label * e + j] ?? 0) / count;
  });
  const gram = matrix(d, d);
  const cross = matrix(d, e);
  for (let from = 0; from < count; from += SLICE) {
    const rows = Math.min(SLICE, count - from);
    const X = matrix(rows, d);
    const U = matrix(rows, e);
    for (let row = 0; row < rows; row++) {
      const label = labels[from + row] ?? 0;
      for (let j = 0; j < d; j++) X.data[row * d + j] = (data[(from + row) * d + j] ?? 0) - (meanState[j] ?? 0);
      for (let j = 0; j < e; j++) U.data[row * e + j] = (words[label * e + j] ?? 0) - (meanWord[j] ?? 0);
    }
    const left = transposed(X);
    addTo(gram, multiply(left, X));
    addTo(cross, multiply(left, U));
    await turn();
  }
  // [e, d]: rows are outputs, as wide as the words.
  const W = transposed(solvePositive(ridged(gram, RIDGE), cross));
  // The mean square of X W^T, without making it.
  const seen = multiply(W, gram);
  const size = Math.sqrt(seen.data.reduce((sum, x, i) => sum + x * (W.data[i] ?? 0), 0) / (count * e)) || 1;
  const weight = Float32Array.from(W.data, (x) => ((moves ? 1 : NEARLY_LINEAR) * x) / size);
  const shift = multiply(W, matrix(d, 1, meanState));
  const counts = new Float64Array(config.vocabSize).fill(1);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  const total = count + config.vocabSize;
  return new Map<string, Tensor>([
    [transform.weight, { shape: [e, d], data: weight }],
    ...vectorOf(transform.bias, e, (i) => LINEAR - (shift.data[i] ?? 0) / size),
    [norm.weight, { shape: [e], data: new Float32Array(e).fill(1) }],
    ...vectorOf(norm.bias, e, () => 0),
    [biasOf(blueprint.module('decoder')), { shape: [config.vocabSize], data: Float32Array.from(counts, (x) => Math.log(x / total)) }],
  ]);
}

/** A vector of a module that has it. */
function vectorOf(name: string | undefined, length: number, value: (i: number) => number): [string, Tensor][] {
  return name === undefined ? [] : [[name, { shape: [length], data: Float32Array.from({ length }, (_, i) => value(i)) }]];
}

/** The head with another gain of its LayerNorm, the sharpness of the prediction; 0 predicts by frequency alone. */
export function withGain({ config }: Pick<BertModel, 'config'>, head: ReadonlyMap<string, Tensor>, gain: number): Map<string, Tensor> {
  const name = blueprintOf(config).module('transformNorm').weight;
  const d = head.get(name)?.data.length ?? 0;
  return new Map([...head, [name, { shape: [d], data: new Float32Array(d).fill(gain) }]]);
}

function addTo(target: Matrix, values: Matrix): void {
  for (let i = 0; i < target.data.length; i++) target.data[i] = (target.data[i] ?? 0) + (values.data[i] ?? 0);
}

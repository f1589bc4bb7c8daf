import type { LinearPooler } from '../models/sentencePooling.ts';
import type { OnnxWriter } from './onnxWriter.ts';

/** A layer without bias, [w, d] row-major. */
export interface OnnxDense {
  readonly weight: Float32Array;
  readonly outputs: number;
}

/** What makes a sentence's vector of its tokens' vectors. */
export interface OnnxSentence {
  readonly poolers: readonly LinearPooler[];
  readonly dense: OnnxDense | undefined;
  readonly normalised: boolean;
}

/** A vector a sentence, [batch_size, width]: pooled, through the dense layer, scaled to length 1. */
export const EMBEDDING = 'sentence_embedding';

const PLACE = '/sentence';
/** The smallest sum and length that sentence-transformers divides by. */
const SMALLEST_SUM = 1e-9;
const SMALLEST_LENGTH = 1e-12;

/** x D^T, every vector by itself. @param x [.., d] */
export function onnxDense(writer: OnnxWriter, x: string, { weight, outputs }: OnnxDense, output?: string): string {
  const inputs = weight.length / outputs;
  const turned = new Float32Array(weight.length);
  for (let row = 0; row < outputs; row++)
    for (let column = 0; column < inputs; column++) turned[column * outputs + row] = weight[row * inputs + column] ?? 0;
  const held = writer.tensor('sentence.dense.weight_transposed', 'float32', [inputs, outputs], turned);
  return writer.node('MatMul', `${PLACE}/dense/MatMul`, [x, held], { output });
}

/**
 * Pools the tokens of every row that are not padding.
 * @param hidden [batch_size, sequence_length, width]   @param given the mask, int64
 * @returns {@link EMBEDDING}
 */
export function onnxSentence(
  writer: OnnxWriter,
  hidden: string,
  width: number,
  given: string,
  { poolers, dense, normalised }: OnnxSentence,
): string {
  const rows = poolers.map((pooler) => tokenWeights(writer, pooler, given));
  const weights =
    rows.length === 1
      ? (rows[0] ?? '')
      : writer.node('Concat', `${PLACE}/Concat`, rows, {
          attributes: { axis: { i: 1 } },
          shape: ['batch_size', rows.length, 'sequence_length'],
        });
  const pooled = writer.node('MatMul', `${PLACE}/MatMul`, [weights, hidden], { shape: ['batch_size', rows.length, width] });
  const isLast = dense === undefined && !normalised;
  let vector = writer.node('Reshape', `${PLACE}/Reshape`, [pooled, writer.integers('pooled_width', [0, rows.length * width])], {
    shape: ['batch_size', rows.length * width],
    output: isLast ? EMBEDDING : undefined,
  });
  if (dense !== undefined) vector = onnxDense(writer, vector, dense, normalised ? undefined : EMBEDDING);
  if (!normalised) return vector;
  const square = writer.node('Mul', `${PLACE}/Square`, [vector, vector]);
  const sum = writer.node('ReduceSum', `${PLACE}/ReduceSum`, [square, lastAxis(writer)], { shape: ['batch_size', 1] });
  const length = writer.node('Sqrt', `${PLACE}/Sqrt`, [sum], { shape: ['batch_size', 1] });
  const divisor = atLeast(writer, length, 'smallest_length', SMALLEST_LENGTH, ['batch_size', 1]);
  return writer.node('Div', `${PLACE}/Div`, [vector, divisor], { output: EMBEDDING });
}

const TOKENS = ['batch_size', 'sequence_length'] as const;
const SUMS = ['batch_size', 1] as const;

/** The weight of every token in one pooled vector, [batch_size, 1, sequence_length]; 0 for padding. */
function tokenWeights(writer: OnnxWriter, pooler: LinearPooler, given: string): string {
  const place = `${PLACE}/${pooler}`;
  const mask = writer.cast(given, `${place}/Cast`, 'float32');
  const total = (of: string, step: string): string =>
    writer.node('ReduceSum', `${place}/${step}`, [of, lastAxis(writer)], { attributes: { keepdims: { i: 1 } }, shape: SUMS });
  const weights = (): string => {
    if (pooler === 'mean' || pooler === 'mean_sqrt_len_tokens') {
      const count = atLeast(writer, total(mask, 'Count'), 'smallest_sum', SMALLEST_SUM, SUMS, place);
      const divisor = pooler === 'mean' ? count : writer.node('Sqrt', `${place}/Sqrt`, [count], { shape: SUMS });
      return writer.node('Div', `${place}/Div`, [mask, divisor], { shape: TOKENS });
    }
    // Its number among the sentence's tokens, from 1.
    const number = writer.node('CumSum', `${place}/CumSum`, [mask, held(writer, 'sequence_axis', [1], [])], { shape: TOKENS });
    if (pooler === 'weightedmean') {
      const numbers = writer.node('Mul', `${place}/Mul`, [number, mask], { shape: TOKENS });
      const divisor = atLeast(writer, total(numbers, 'Sum'), 'smallest_sum', SMALLEST_SUM, SUMS, place);
      return writer.node('Div', `${place}/Div`, [numbers, divisor], { shape: TOKENS });
    }
    // 1 at the first number, or at the last, and 0 or less elsewhere.
    const beyond =
      pooler === 'cls'
        ? writer.node('Sub', `${place}/Sub`, [scalar(writer, 'sentence_two', 2), number], { shape: TOKENS })
        : writer.node(
            'Add',
            `${place}/Add`,
            [writer.node('Sub', `${place}/Sub`, [number, total(mask, 'Count')], { shape: TOKENS }), scalar(writer, 'sentence_one', 1)],
            {
              shape: TOKENS,
            },
          );
    return writer.node('Mul', `${place}/Mul`, [writer.node('Relu', `${place}/Relu`, [beyond]), mask], { shape: TOKENS });
  };
  return writer.node('Unsqueeze', `${place}/Unsqueeze`, [weights(), held(writer, 'pooled_axis', [1])], {
    shape: ['batch_size', 1, 'sequence_length'],
  });
}

function lastAxis(writer: OnnxWriter): string {
  return held(writer, 'sentence_axis', [-1]);
}

function held(writer: OnnxWriter, name: string, values: readonly number[], shape?: readonly number[]): string {
  return writer.has(name) ? name : writer.integers(name, values, shape);
}

function scalar(writer: OnnxWriter, name: string, value: number): string {
  return writer.has(name) ? name : writer.scalar(name, value);
}

function atLeast(
  writer: OnnxWriter,
  x: string,
  name: string,
  least: number,
  shape: readonly (string | number)[],
  place: string = PLACE,
): string {
  return writer.node('Max', `${place}/Max`, [x, scalar(writer, name, least)], { shape });
}

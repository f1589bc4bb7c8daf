import type { GeluKind } from '../graph/operation.ts';
import type { NamedTensors } from '../tensor/tensor.ts';
import { formatShape, type Shape } from '../tensor/shape.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { BertConfig } from './config.ts';
import type { EncoderShape } from './encoder.ts';
import { embeddingNames, headNames, layerNames } from './names.ts';

/** A BERT for masked language modelling: configuration and weights under Hugging Face names. */
export interface BertModel {
  readonly config: BertConfig;
  readonly tensors: NamedTensors;
}

export function encoderShape(config: BertConfig): EncoderShape {
  return {
    layers: config.layers,
    heads: config.heads,
    headSize: config.hiddenSize / config.heads,
    activation: activationOf(config),
    layerNormEps: config.layerNormEps,
  };
}

function activationOf(config: BertConfig): GeluKind {
  if (config.hiddenAct === 'gelu' || config.hiddenAct === 'relu') return config.hiddenAct;
  return 'gelu_tanh';
}

/** The name under which the decoder's weight is found: its own, or the tied word embeddings. */
export function decoderName(config: BertConfig): string {
  return config.tieWordEmbeddings ? embeddingNames.word : headNames.decoder;
}

/** Every parameter that a model of this configuration has, with its shape, in Hugging Face's order. */
export function parameterShapes(config: BertConfig): Map<string, Shape> {
  const { hiddenSize: d, intermediateSize: f, vocabSize } = config;
  const shapes = new Map<string, Shape>([
    [embeddingNames.word, [vocabSize, d]],
    [embeddingNames.position, [config.maxPositions, d]],
    [embeddingNames.type, [config.typeVocabSize, d]],
  ]);
  const vector = (name: string): void => void shapes.set(`${name}.weight`, [d]).set(`${name}.bias`, [d]);
  const matrix = (name: string, out: number, into: number): void =>
    void shapes.set(`${name}.weight`, [out, into]).set(`${name}.bias`, [out]);
  vector(embeddingNames.norm);
  for (let layer = 0; layer < config.layers; layer++) {
    const names = layerNames(layer);
    for (const name of [names.query, names.key, names.value, names.attentionOutput]) matrix(name, d, d);
    vector(names.attentionNorm);
    matrix(names.intermediate, f, d);
    matrix(names.output, d, f);
    vector(names.outputNorm);
  }
  matrix(headNames.transform, d, d);
  vector(headNames.transformNorm);
  shapes.set(headNames.bias, [vocabSize]);
  if (!config.tieWordEmbeddings) shapes.set(headNames.decoder, [vocabSize, d]);
  return shapes;
}

/** What was done to a checkpoint's tensors on the way in. */
export interface TensorReport {
  readonly renamed: readonly string[];
  readonly ignored: readonly string[];
}

/**
 * Checks a checkpoint tensor by tensor against its configuration.
 *
 * Reads `gamma`/`beta` and names without `bert.`; leaves out pooler, next-sentence head, position ids and
 * copies of the tied table.
 * @throws StudioError naming the first tensor that is missing or has another shape
 */
export function assembleModel(config: BertConfig, found: NamedTensors): { model: BertModel; report: TensorReport } {
  const wanted = parameterShapes(config);
  const tensors = new Map<string, { shape: Shape; data: Float32Array }>();
  const renamed: string[] = [];
  const ignored: string[] = [];
  for (const [name, tensor] of found) {
    const modern = name.replace(/LayerNorm\.gamma$/, 'LayerNorm.weight').replace(/LayerNorm\.beta$/, 'LayerNorm.bias');
    const full = wanted.has(modern) || wanted.has(`bert.${modern}`) === false ? modern : `bert.${modern}`;
    const shape = wanted.get(full);
    if (shape === undefined) {
      ignored.push(name);
      continue;
    }
    if (formatShape(shape) !== formatShape(tensor.shape))
      throw new StudioError(
        'checkpoint',
        `teacher: ${name} — expected ${formatShape(shape)} from config.json, got ${formatShape(tensor.shape)}. Config and weights are from different models.`,
        { tensor: name },
      );
    if (full !== name) renamed.push(`${name} -> ${full}`);
    tensors.set(full, tensor);
  }
  const missing = [...wanted.keys()].filter((name) => !tensors.has(name));
  if (missing.length > 0)
    throw new StudioError(
      'checkpoint',
      `teacher: ${missing.length} tensors are missing, the first is ${missing[0] ?? ''}. A BERT for masked language modelling is needed.`,
      { missing },
    );
  const ordered = new Map(
    [...wanted.keys()].flatMap((name) => {
      const tensor = tensors.get(name);
      return tensor === undefined ? [] : [[name, tensor] as const];
    }),
  );
  return { model: { config, tensors: ordered }, report: { renamed, ignored } };
}

export function countParameters(config: BertConfig): number {
  let total = 0;
  for (const shape of parameterShapes(config).values()) total += shape.reduce((product, n) => product * n, 1);
  return total;
}

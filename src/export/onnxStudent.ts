import { encoderShape, type BertModel } from '../models/model.ts';
import { embeddingNames, headNames, layerNames } from '../models/names.ts';
import { encodeOnnx, type ExternalData, type OnnxFile, type OnnxValue } from '../formats/onnx/onnxModel.ts';
import { StudioError } from '../tensor/studioError.ts';
import { onnxWeights, type OnnxPrecision } from './onnxWeights.ts';
import { FLOAT32, OnnxWriter } from './onnxWriter.ts';

const OPSET = 17;
const IR_VERSION = 8;
/** Added to the scores of padding, as in training. */
const MASKED = -1e30;

export interface OnnxForm {
  readonly precision?: OnnxPrecision;
  /** Every layer's attention, `attentions.0` .. [batch_size, heads, sequence_length, sequence_length], as outputs too. */
  readonly attentions?: boolean;
  /** Where weights go that are too many for the file itself. */
  readonly external?: ExternalData;
}

/** One whole file. @throws StudioError if its weights need external data */
export function encodeStudentOnnx(
  model: BertModel,
  name: string,
  metadata: Readonly<Record<string, string>>,
  precision: OnnxPrecision = 'fp32',
): Uint8Array {
  const { model: file, data } = writeOnnx(model, name, metadata, { precision, external: { file: '', above: PROTOBUF_LIMIT } });
  if (data !== null) throw new StudioError('export', `onnx: ${name} has over 2 GiB of weights, more than one file holds.`);
  return file;
}

/** What stays clear of protobuf's 2 GiB, nodes and names included. */
export const PROTOBUF_LIMIT = 2 ** 31 - 64 * 2 ** 20;

/**
 * A model as ONNX: int64 `input_ids`, `attention_mask`, `token_type_ids` [batch_size, sequence_length] to float32
 * `logits` [batch_size, sequence_length, vocab], or `last_hidden_state` [batch_size, sequence_length, hidden] where the
 * model has no head. Initialisers keep Hugging Face's names and layout; a tied table is stored once, at every precision.
 */
export function writeOnnx(model: BertModel, name: string, metadata: Readonly<Record<string, string>>, form: OnnxForm = {}): OnnxFile {
  const writer = new OnnxWriter();
  const { config } = model;
  const shape = encoderShape(config);
  const weights = onnxWeights(writer, model, form.precision ?? 'fp32');
  const linear = (x: string, key: string, place: string): string => weights.linear(x, `${key}.weight`, `${key}.bias`, place);
  const norm = (x: string, key: string, place: string, output?: string): string => {
    const inputs = [x, weights.vector(`${key}.weight`), weights.vector(`${key}.bias`)];
    return writer.node('LayerNormalization', place, inputs, { axis: { i: -1 }, epsilon: { f: config.layerNormEps } }, output);
  };
  const half = shape.activation === 'relu' ? '' : writer.scalar('half', 0.5);
  const one = writer.scalar('one', 1);
  const activate = (x: string, place: string): string => {
    // One name for all, so that the activation can be looked at in any file.
    const output = `${place}_output_0`;
    if (shape.activation === 'relu') return writer.node('Relu', `${place}/Relu`, [x], {}, output);
    const times = (a: string, b: string, step: string, to?: string): string => writer.node('Mul', `${place}/${step}`, [a, b], {}, to);
    let curve: string;
    if (shape.activation === 'gelu') {
      const argument = times(x, rootHalf, 'Mul');
      curve = writer.node('Erf', `${place}/Erf`, [argument]);
    } else {
      const cube = times(times(x, x, 'Square'), x, 'Cube');
      const inner = writer.node('Add', `${place}/AddCube`, [x, times(cube, cubic, 'MulCubic')]);
      curve = writer.node('Tanh', `${place}/Tanh`, [times(inner, tanhFactor, 'MulFactor')]);
    }
    return times(times(x, writer.node('Add', `${place}/Add`, [curve, one]), 'Mul_1'), half, 'Mul_2', output);
  };
  const rootHalf = shape.activation === 'gelu' ? writer.scalar('root_half', Math.SQRT1_2) : '';
  const cubic = shape.activation === 'gelu_tanh' ? writer.scalar('gelu_cubic', 0.044715) : '';
  const tanhFactor = shape.activation === 'gelu_tanh' ? writer.scalar('gelu_factor', Math.sqrt(2 / Math.PI)) : '';

  // The first T rows of the position table, T taken from the input.
  const embeddings = '/bert/embeddings';
  const tokens = writer.node('Shape', `${embeddings}/Shape`, ['input_ids'], { start: { i: 1 }, end: { i: 2 } });
  const zero = writer.integers('zero', [0]);
  const gather = (table: string, place: string, ids: string): string =>
    weights.rows(table, place, (held, step) => writer.node('Gather', `${place}${step}/Gather`, [held, ids]));
  const positionPlace = `${embeddings}/position_embeddings`;
  const positions = weights.rows(embeddingNames.position, positionPlace, (held, step) =>
    writer.node('Slice', `${positionPlace}${step}/Slice`, [held, zero, tokens, zero]),
  );
  const words = gather(embeddingNames.word, `${embeddings}/word_embeddings`, 'input_ids');
  const types = gather(embeddingNames.type, `${embeddings}/token_type_embeddings`, 'token_type_ids');
  const typed = writer.node('Add', `${embeddings}/Add`, [words, types]);
  let hidden = norm(writer.node('Add', `${embeddings}/Add_1`, [typed, positions]), embeddingNames.norm, `${embeddings}/LayerNorm`);

  const kept = writer.cast('attention_mask', '/bert/Cast', FLOAT32);
  const absent = writer.node('Sub', '/bert/Sub', [one, kept]);
  const flat = writer.node('Mul', '/bert/Mul', [absent, writer.scalar('masked_score', MASKED)]);
  const mask = writer.node('Unsqueeze', '/bert/Unsqueeze', [flat, writer.integers('mask_axes', [1, 2])]);
  const split = writer.integers('split_heads', [0, 0, shape.heads, shape.headSize]);
  const merge = writer.integers('merge_heads', [0, 0, config.hiddenSize]);
  const root = writer.scalar('score_scale', 1 / Math.sqrt(shape.headSize));

  const axes = ['batch_size', 'sequence_length'] as const;
  const outputs: OnnxValue[] = [];
  const headless = !model.tensors.has(`${headNames.transform}.weight`);
  for (let layer = 0; layer < shape.layers; layer++) {
    const names = layerNames(layer);
    const place = `/bert/encoder/layer.${layer}`;
    const self = `${place}/attention/self`;
    const heads = (key: string, part: string, perm: readonly number[]): string => {
      const shaped = writer.node('Reshape', `${self}/${part}/Reshape`, [linear(hidden, key, `${self}/${part}`), split]);
      return writer.node('Transpose', `${self}/${part}/Transpose_1`, [shaped], { perm: { ints: perm } });
    };
    const query = heads(names.query, 'query', [0, 2, 1, 3]);
    const key = heads(names.key, 'key', [0, 2, 3, 1]);
    const value = heads(names.value, 'value', [0, 2, 1, 3]);
    const probabilities = form.attentions === true ? `attentions.${layer}` : undefined;
    if (probabilities !== undefined)
      outputs.push({ name: probabilities, element: 'float32', shape: ['batch_size', shape.heads, 'sequence_length', 'sequence_length'] });
    const scores = writer.node('Mul', `${self}/Mul`, [writer.node('MatMul', `${self}/MatMul`, [query, key]), root]);
    const attention = writer.node(
      'Softmax',
      `${self}/Softmax`,
      [writer.node('Add', `${self}/Add`, [scores, mask])],
      { axis: { i: -1 } },
      probabilities,
    );
    const context = writer.node('Transpose', `${self}/Transpose`, [writer.node('MatMul', `${self}/MatMul_1`, [attention, value])], {
      perm: { ints: [0, 2, 1, 3] },
    });
    const merged = writer.node('Reshape', `${self}/Reshape`, [context, merge]);
    const attended = writer.node('Add', `${place}/attention/output/Add`, [
      linear(merged, names.attentionOutput, `${place}/attention/output/dense`),
      hidden,
    ]);
    const after = norm(attended, names.attentionNorm, `${place}/attention/output/LayerNorm`);
    const inner = activate(linear(after, names.intermediate, `${place}/intermediate/dense`), `${place}/intermediate/activation`);
    const outer = writer.node('Add', `${place}/output/Add`, [linear(inner, names.output, `${place}/output/dense`), after]);
    const last = headless && layer === shape.layers - 1;
    hidden = norm(outer, names.outputNorm, `${place}/output/LayerNorm`, last ? 'last_hidden_state' : undefined);
  }

  if (headless) outputs.unshift({ name: 'last_hidden_state', element: 'float32', shape: [...axes, config.hiddenSize] });
  else {
    const head = '/cls/predictions';
    const transformed = norm(
      activate(linear(hidden, headNames.transform, `${head}/transform/dense`), `${head}/transform/activation`),
      headNames.transformNorm,
      `${head}/transform/LayerNorm`,
    );
    const table = config.tieWordEmbeddings ? embeddingNames.word : headNames.decoder;
    weights.linear(transformed, table, headNames.bias, `${head}/decoder`, 'logits');
    outputs.unshift({ name: 'logits', element: 'float32', shape: [...axes, config.vocabSize] });
  }

  const contents = {
    name,
    producer: 'WID Studio',
    opset: OPSET,
    irVersion: IR_VERSION,
    nodes: writer.nodes,
    tensors: writer.tensors,
    inputs: ['input_ids', 'attention_mask', 'token_type_ids'].map((input) => ({ name: input, element: 'int64' as const, shape: axes })),
    outputs,
    metadata,
  };
  return encodeOnnx(contents, form.external);
}

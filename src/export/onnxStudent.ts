import type { EncoderShape } from '../models/encoder.ts';
import { MASKED_SCORE } from '../models/inputs.ts';
import { encoderShape, type BertModel } from '../models/model.ts';
import { embeddingNames, headNames, layerNames } from '../models/names.ts';
import { encodeOnnx, type ExternalData, type OnnxFile, type OnnxValue } from '../formats/onnx/onnxModel.ts';
import { StudioError } from '../tensor/studioError.ts';
import { onnxWeights, type OnnxPrecision } from './onnxWeights.ts';
import { OnnxWriter } from './onnxWriter.ts';

const OPSET = 17;
const IR_VERSION = 8;

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
 * model has no head. Tables and vectors keep Hugging Face's names and layout, weights lie as `MatMul` reads them; a tied
 * table is stored once, at every precision. The nodes have the form that ONNX Runtime's optimiser knows from BERT as
 * PyTorch exports it, and every value tells its shape, so that attention, GELU and LayerNorm can be fused.
 */
export function writeOnnx(model: BertModel, name: string, metadata: Readonly<Record<string, string>>, form: OnnxForm = {}): OnnxFile {
  const axes = ['batch_size', 'sequence_length'] as const;
  const inputs = ['input_ids', 'attention_mask', 'token_type_ids'].map((input) => ({
    name: input,
    element: 'int64' as const,
    shape: axes,
  }));
  const writer = new OnnxWriter(inputs);
  const { config } = model;
  const shape = encoderShape(config);
  const weights = onnxWeights(writer, model, form.precision ?? 'fp32');
  const linear = (x: string, key: string, place: string): string => weights.linear(x, `${key}.weight`, `${key}.bias`, place);
  const norm = (x: string, key: string, place: string, output?: string): string =>
    writer.node('LayerNormalization', place, [x, weights.vector(`${key}.weight`), weights.vector(`${key}.bias`)], {
      attributes: { axis: { i: -1 }, epsilon: { f: config.layerNormEps } },
      output,
    });
  const one = writer.scalar('one', 1);
  const activate = activation(writer, shape.activation, one);

  const embeddings = '/bert/embeddings';
  const gather = (table: string, place: string, ids: string): string =>
    weights.rows(table, place, (held, step) => writer.node('Gather', `${place}${step}/Gather`, [held, ids]));
  const words = gather(embeddingNames.word, `${embeddings}/word_embeddings`, 'input_ids');
  const types = gather(embeddingNames.type, `${embeddings}/token_type_embeddings`, 'token_type_ids');
  const positions = gather(embeddingNames.position, `${embeddings}/position_embeddings`, positionIds(writer, config.maxPositions));
  const typed = writer.node('Add', `${embeddings}/Add`, [words, types]);
  let hidden = norm(writer.node('Add', `${embeddings}/Add_1`, [typed, positions]), embeddingNames.norm, `${embeddings}/LayerNorm`);

  const mask = maskScores(writer, one);
  const split = writer.integers('split_heads', [0, 0, shape.heads, shape.headSize]);
  const merge = writer.integers('merge_heads', [0, 0, config.hiddenSize]);
  const root = writer.scalar('root_head_size', Math.sqrt(shape.headSize));

  const outputs: OnnxValue[] = [];
  const headless = !model.tensors.has(`${headNames.transform}.weight`);
  for (let layer = 0; layer < shape.layers; layer++) {
    const names = layerNames(layer);
    const place = `/bert/encoder/layer.${layer}`;
    const self = `${place}/attention/self`;
    const heads = (key: string, part: string, perm: readonly number[]): string => {
      const shaped = writer.node('Reshape', `${self}/${part}/Reshape`, [linear(hidden, key, `${self}/${part}`), split], {
        shape: [...axes, shape.heads, shape.headSize],
      });
      return writer.node('Transpose', `${self}/${part}/Transpose_1`, [shaped], { attributes: { perm: { ints: perm } } });
    };
    const query = heads(names.query, 'query', [0, 2, 1, 3]);
    const key = heads(names.key, 'key', [0, 2, 3, 1]);
    const value = heads(names.value, 'value', [0, 2, 1, 3]);
    const scores = writer.node('Div', `${self}/Div`, [writer.node('MatMul', `${self}/MatMul`, [query, key]), root]);
    const attention = writer.node('Softmax', `${self}/Softmax`, [writer.node('Add', `${self}/Add`, [scores, mask])], {
      attributes: { axis: { i: -1 } },
      output: form.attentions === true ? `attentions.${layer}` : undefined,
    });
    if (form.attentions === true) outputs.push({ name: attention, ...writer.form(attention) });
    const context = writer.node('Transpose', `${self}/Transpose`, [writer.node('MatMul', `${self}/MatMul_1`, [attention, value])], {
      attributes: { perm: { ints: [0, 2, 1, 3] } },
    });
    const merged = writer.node('Reshape', `${self}/Reshape`, [context, merge], { shape: [...axes, config.hiddenSize] });
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

  let answer = hidden;
  if (!headless) {
    const head = '/cls/predictions';
    const transformed = norm(
      activate(linear(hidden, headNames.transform, `${head}/transform/dense`), `${head}/transform/activation`),
      headNames.transformNorm,
      `${head}/transform/LayerNorm`,
    );
    answer = config.tieWordEmbeddings
      ? weights.decode(transformed, embeddingNames.word, headNames.bias, `${head}/decoder`, 'logits')
      : weights.linear(transformed, headNames.decoder, headNames.bias, `${head}/decoder`, 'logits');
  }
  outputs.unshift({ name: answer, ...writer.form(answer) });

  const contents = {
    name,
    producer: 'WID Studio',
    opset: OPSET,
    irVersion: IR_VERSION,
    nodes: writer.nodes,
    tensors: writer.tensors,
    inputs,
    outputs,
    values: writer.values(new Set(outputs.map((output) => output.name))),
    metadata,
  };
  return encodeOnnx(contents, form.external);
}

/** 0 .. T - 1 as [1, T], T the length of the input: cut from all positions, as PyTorch's BERT does it. */
function positionIds(writer: OnnxWriter, positions: number): string {
  const place = '/bert/embeddings';
  const all = writer.integers(
    'bert.embeddings.position_ids',
    Array.from({ length: positions }, (_, i) => i),
    [1, positions],
  );
  const zero = writer.integers('zero', [0]);
  const unit = writer.integers('unit', [1]);
  const shape = writer.node('Shape', `${place}/Shape`, ['input_ids'], { shape: [2] });
  const length = writer.node('Gather', `${place}/Gather`, [shape, writer.integers('second', [1], [])]);
  const end = writer.node('Unsqueeze', `${place}/Unsqueeze`, [length, zero], { shape: [1] });
  return writer.node('Slice', `${place}/Slice`, [all, zero, end, unit, unit], { shape: [1, 'sequence_length'] });
}

/** What is added to the scores, [batch_size, 1, 1, sequence_length]: 0 for tokens, a large negative number for padding. */
function maskScores(writer: OnnxWriter, one: string): string {
  const rows = writer.node('Unsqueeze', '/bert/Unsqueeze', ['attention_mask', writer.integers('mask_rows', [1])], {
    shape: ['batch_size', 1, 'sequence_length'],
  });
  const heads = writer.node('Unsqueeze', '/bert/Unsqueeze_1', [rows, writer.integers('mask_heads', [2])], {
    shape: ['batch_size', 1, 1, 'sequence_length'],
  });
  const absent = writer.node('Sub', '/bert/Sub', [one, writer.cast(heads, '/bert/Cast', 'float32')]);
  return writer.node('Mul', '/bert/Mul', [absent, writer.scalar('masked_score', MASKED_SCORE)]);
}

/** The feed-forward layer's curve; its output has one name whatever the curve, so that it can be looked at in any file. */
function activation(writer: OnnxWriter, curve: EncoderShape['activation'], one: string): (x: string, place: string) => string {
  const named = (place: string): { readonly output: string } => ({ output: `${place}_output_0` });
  if (curve === 'relu') return (x, place) => writer.node('Relu', `${place}/Relu`, [x], named(place));
  const half = writer.scalar('half', 0.5);
  const scaled = (x: string, inner: string, place: string): string => {
    const product = writer.node('Mul', `${place}/Mul_1`, [x, writer.node('Add', `${place}/Add`, [inner, one])]);
    return writer.node('Mul', `${place}/Mul_2`, [product, half], named(place));
  };
  if (curve === 'gelu') {
    const root = writer.scalar('root_two', Math.SQRT2);
    return (x, place) => scaled(x, writer.node('Erf', `${place}/Erf`, [writer.node('Div', `${place}/Div`, [x, root])]), place);
  }
  const cubic = writer.scalar('gelu_cubic', 0.044715);
  const factor = writer.scalar('gelu_factor', Math.sqrt(2 / Math.PI));
  return (x, place) => {
    const times = (a: string, b: string, step: string): string => writer.node('Mul', `${place}/${step}`, [a, b]);
    const cube = times(times(x, x, 'Square'), x, 'Cube');
    const inner = writer.node('Add', `${place}/AddCube`, [x, times(cube, cubic, 'MulCubic')]);
    return scaled(x, writer.node('Tanh', `${place}/Tanh`, [times(inner, factor, 'MulFactor')]), place);
  };
}

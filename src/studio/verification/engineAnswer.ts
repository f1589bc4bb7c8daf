import { bertEncoder, mlmHead, mlmTransform, type ParameterLookup } from '../../models/encoder.ts';
import { encoderInputs, writeSegments, writeTokens } from '../../models/inputs.ts';
import { decoderName, encoderShape, type BertModel } from '../../models/model.ts';
import { HIDDEN, LOGITS, outputOf } from '../../models/outputs.ts';
import type { Engine, Program } from '../../engines/engine.ts';
import { embeddingNode, layerNodes, transformNode } from '../../export/onnxTrace.ts';
import { Graph } from '../../graph/graph.ts';
import { plan } from '../../graph/plan.ts';
import type { Value } from '../../graph/value.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { TextBatch } from './textBatch.ts';

/** What of a forward pass is wanted; all of it would be many times the weights. */
export type Wanted = 'answer' | 'attentions' | 'trace';

/** The engine's values by the ONNX output that should equal them. */
export type EngineAnswer = ReadonlyMap<string, Float32Array>;

/** Logits that are computed at once: WebGPU binds no more than 128 MiB by default, and [3, 512, 30522] would be 188. */
const LOGIT_BYTES = 2 ** 26;

/** A forward pass in the engine, every position answered. */
export async function engineAnswer(engine: Engine, model: BertModel, batch: TextBatch, wanted: Wanted): Promise<EngineAnswer> {
  const graph = new Graph();
  const parameter = declare(graph, model);
  const shape = encoderShape(model.config);
  const size = { batch: batch.batch, sequence: batch.length };
  const inputs = encoderInputs(graph, size);
  const encoder = bertEncoder(graph, shape, parameter, inputs);
  const read: [string, Value][] = [];
  const answer = outputOf(model);
  if (wanted === 'attentions') encoder.layers.forEach((trace, layer) => read.push([`attentions.${layer}`, trace.attention]));
  if (wanted === 'trace') {
    const first = encoder.layers[0];
    if (first !== undefined) read.push([embeddingNode(model.config).output, first.read]);
    encoder.layers.forEach((trace, layer) => {
      for (const [part, { output }] of layerNodes(model.config, layer)) read.push([output, trace[part]]);
    });
    if (answer === LOGITS) read.push([transformNode(model.config).output, mlmTransform(graph, shape, parameter, encoder.hidden)]);
  }
  read.push([HIDDEN, encoder.hidden]);
  for (const [name, value] of read) graph.output(name, value);
  const program = await opened(engine, graph, model);
  const found = new Map<string, Float32Array>();
  try {
    writeTokens(program, shape.blueprint, size, { inputIds: batch.ids, attention: batch.attention });
    writeSegments(program, shape.blueprint, batch.types);
    await program.run();
    for (const [name] of read) found.set(name, await program.read(name));
  } finally {
    program.dispose();
  }
  const hidden = found.get(HIDDEN);
  if (answer === LOGITS && hidden !== undefined) found.set(LOGITS, await decoded(engine, model, hidden));
  return found;
}

/** Logits [N, V] of hidden states [N, d], some rows at a time. */
async function decoded(engine: Engine, model: BertModel, hidden: Float32Array): Promise<Float32Array> {
  const { hiddenSize, vocabSize } = model.config;
  const rows = hidden.length / hiddenSize;
  const atOnce = Math.max(1, Math.min(rows, Math.floor(LOGIT_BYTES / (4 * vocabSize))));
  const graph = new Graph();
  const parameter = declare(graph, model);
  const read = graph.input('rows', [atOnce, hiddenSize]);
  graph.output('logits', mlmHead(graph, encoderShape(model.config), parameter, read, parameter(decoderName(model.config))).logits);
  const program = await opened(engine, graph, model);
  const logits = new Float32Array(rows * vocabSize);
  const part = new Float32Array(atOnce * hiddenSize);
  try {
    for (let row = 0; row < rows; row += atOnce) {
      const count = Math.min(atOnce, rows - row);
      part.set(hidden.subarray(row * hiddenSize, (row + count) * hiddenSize));
      program.write('rows', part);
      await program.run();
      logits.set((await program.read('logits')).subarray(0, count * vocabSize), row * vocabSize);
    }
    return logits;
  } finally {
    program.dispose();
  }
}

/** Parameters by name, each a state of the graph from when it is first asked for. */
function declare(graph: Graph, { tensors }: BertModel): ParameterLookup {
  return (name) => {
    const held = graph.states.get(name);
    if (held !== undefined) return held;
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new StudioError('graph', `verification: there is no parameter ${name}.`);
    return graph.state(name, tensor.shape);
  };
}

async function opened(engine: Engine, graph: Graph, { tensors }: BertModel): Promise<Program> {
  const program = await engine.compile(plan(graph, engine.planOptions));
  for (const [name, { data }] of tensors) if (graph.states.has(name)) program.write(name, data);
  return program;
}

/** [batch, length, vocab] row-major: the logits of every position. `attention` is 1 for tokens, 0 for padding. */
export async function engineLogits(
  engine: Engine,
  model: BertModel,
  ids: Int32Array,
  attention: Uint8Array,
  batch: number,
  length: number,
): Promise<Float32Array> {
  const answer = await engineAnswer(engine, model, { batch, length, ids, attention, types: new Int32Array(ids.length) }, 'answer');
  const logits = answer.get(LOGITS);
  if (logits === undefined) throw new StudioError('verification', 'verification: the model has no masked-language-model head.');
  return logits;
}

import { bertEncoder, mlmHead, mlmTransform } from '../../bert/encoder.ts';
import { maskedInputs, positionIds } from '../../bert/masked.ts';
import { decoderName, encoderShape, type BertModel } from '../../bert/model.ts';
import { headNames } from '../../bert/names.ts';
import type { Engine } from '../../engines/engine.ts';
import { decoderNode, embeddingNode, layerNodes, transformNode } from '../../export/onnxTrace.ts';
import { Graph } from '../../graph/graph.ts';
import { plan } from '../../graph/plan.ts';
import type { Value } from '../../graph/value.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { TextBatch } from './textBatch.ts';

/** Added to the scores of padding, as in training. */
const MASKED = -1e30;

/** What of a forward pass is wanted; all of it would be many times the weights. */
export type Wanted = 'answer' | 'attentions' | 'trace';

/** The engine's values by the ONNX output that should equal them. */
export type EngineAnswer = ReadonlyMap<string, Float32Array>;

/** The name under which a model's answer leaves an ONNX file. */
export function answerName(model: BertModel): 'logits' | 'last_hidden_state' {
  return model.tensors.has(`${headNames.transform}.weight`) ? 'logits' : 'last_hidden_state';
}

/** A forward pass in the engine, every position answered. */
export async function engineAnswer(engine: Engine, model: BertModel, batch: TextBatch, wanted: Wanted): Promise<EngineAnswer> {
  const graph = new Graph();
  const values = new Map([...model.tensors].map(([name, { shape }]) => [name, graph.state(name, shape)]));
  const parameter = (name: string): Value => {
    const value = values.get(name);
    if (value === undefined) throw new StudioError('graph', `verification: there is no parameter ${name}.`);
    return value;
  };
  const shape = encoderShape(model.config);
  const inputs = maskedInputs(graph, { batch: batch.batch, sequence: batch.length, slots: 1 });
  const encoder = bertEncoder(graph, shape, parameter, inputs);
  const read: [string, Value][] = [];
  const answer = answerName(model);
  if (wanted === 'attentions') encoder.layers.forEach((trace, layer) => read.push([`attentions.${layer}`, trace.attention]));
  if (wanted === 'trace') {
    const first = encoder.layers[0];
    if (first !== undefined) read.push([embeddingNode.output, first.read]);
    encoder.layers.forEach((trace, layer) => {
      for (const [part, { output }] of layerNodes(layer)) read.push([output, trace[part]]);
    });
    if (answer === 'logits') read.push([transformNode.output, mlmTransform(graph, shape, parameter, encoder.hidden)]);
  }
  if (answer === 'logits')
    read.push([decoderNode.output, mlmHead(graph, shape, parameter, encoder.hidden, parameter(decoderName(model.config))).logits]);
  else read.push([answer, encoder.hidden]);
  for (const [name, value] of read) graph.output(name, value);
  const program = await engine.compile(plan(graph, engine.planOptions));
  try {
    for (const [name, tensor] of model.tensors) program.write(name, tensor.data);
    program.write('inputIds', batch.ids);
    program.write('typeIds', batch.types);
    program.write('positionIds', positionIds({ batch: batch.batch, sequence: batch.length }));
    program.write(
      'mask',
      Float32Array.from(batch.attention, (x) => (x === 0 ? MASKED : 0)),
    );
    await program.run();
    const found = new Map<string, Float32Array>();
    for (const [name] of read) found.set(name, await program.read(name));
    return found;
  } finally {
    program.dispose();
  }
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
  const logits = answer.get(decoderNode.output);
  if (logits === undefined) throw new StudioError('verification', 'verification: the model has no masked-language-model head.');
  return logits;
}

import { encoderShape, type BertModel } from '../../models/model.ts';
import { LOGITS, outputOf } from '../../models/outputs.ts';
import type { Engine } from '../../engines/engine.ts';
import {
  attentionNode,
  decoderNode,
  embeddingNode,
  hiddenNode,
  layerNodes,
  transformNode,
  type TracedNode,
} from '../../export/onnxTrace.ts';
import { withOutputs, type OnnxFile, type OnnxValue } from '../../formats/onnx/onnxModel.ts';
import { difference, type Tolerance } from './difference.ts';
import { onnxInputs, openOnnx } from './onnxRuntime.ts';
import { engineAnswer } from './engineAnswer.ts';
import { tokenRows, type TextBatch } from './textBatch.ts';

/**
 * Runs a file with its inner values as outputs and compares them with the engine's, in the order in which they are made.
 *
 * @param tolerance what the file as a whole was judged by: each value is held against it by the same measure
 * @param attentions whether the file has every layer's attention as an output, under a name of its own
 * @returns name of the first node that differs, or undefined where only their sum does
 */
export async function firstDifference(
  engine: Engine,
  model: BertModel,
  file: OnnxFile,
  dataName: string,
  batch: TextBatch,
  tolerance: Tolerance,
  attentions = false,
): Promise<string | undefined> {
  const { layers } = encoderShape(model.config);
  const answer = outputOf(model);
  const inner: TracedNode[] = [embeddingNode(model.config)];
  for (let layer = 0; layer < layers; layer++) inner.push(...layerNodes(model.config, layer).map(([, node]) => node));
  // A model without a head answers with its last layer, whose output has that name.
  if (answer === LOGITS) inner.push(transformNode(model.config));
  else inner.pop();
  const named = new Map(
    Array.from({ length: attentions ? layers : 0 }, (_, layer) => [attentionNode(model.config, layer).output, `attentions.${layer}`]),
  );
  // What the file gives already must not be asked for again, and no value has two names.
  const outputs = inner.filter(({ output }) => !named.has(output)).map(({ output }): OnnxValue => ({ name: output, element: 'float32' }));
  const runtime = await openOnnx({ ...file, model: withOutputs(file.model, outputs) }, dataName, onnxInputs(model));
  try {
    const got = await runtime.run(batch);
    const expected = await engineAnswer(engine, model, batch, 'trace');
    const last = answer === LOGITS ? decoderNode(model.config) : { node: hiddenNode(model.config, layers - 1).node, output: answer };
    const maps = new Set(Array.from({ length: layers }, (_, layer) => attentionNode(model.config, layer).output));
    const rows = { answer: tokenRows(batch), attentions: tokenRows(batch, model.config.heads) };
    return [...inner, last].find(({ output }) =>
      differs(expected.get(output), got.get(named.get(output) ?? output), maps.has(output) ? rows.attentions : rows.answer, tolerance),
    )?.node;
  } finally {
    await runtime.close();
  }
}

function differs(
  expected: Float32Array | undefined,
  got: Float32Array | undefined,
  rows: Uint8Array,
  { measure, most }: Tolerance,
): boolean {
  return got === undefined || difference(expected, got, rows)[measure] > most;
}

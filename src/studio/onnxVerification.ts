import { maskedInputs, maskedModel, positionIds } from '../bert/masked.ts';
import { decoderName, encoderShape, parameterShapes, type BertModel } from '../bert/model.ts';
import type { Engine } from '../engines/engine.ts';
import { Graph } from '../graph/graph.ts';
import { plan } from '../graph/plan.ts';
import { Random } from '../tensor/random.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';
import { openOnnx } from './onnxRuntime.ts';

export interface OnnxCheck {
  readonly batch: number;
  readonly length: number;
  /** Largest |engine - runtime|. */
  readonly difference: number;
  /** The same over max(1, |logit|). */
  readonly relative: number;
}

/** Compares an ONNX file in onnxruntime-web with the engine at several batch sizes and lengths, padding included. */
export async function verifyOnnx(
  engine: Engine,
  model: BertModel,
  onnx: Uint8Array,
  tokenizer: TextTokenizer,
  progress: (done: number, total: number) => void,
): Promise<OnnxCheck[]> {
  const runtime = await openOnnx(onnx);
  try {
    const longest = model.config.maxPositions;
    const lengths = [...new Set([1, Math.min(7, longest), longest])];
    const cases = [1, 3].flatMap((batch) => lengths.map((length) => ({ batch, length })));
    const checks: OnnxCheck[] = [];
    for (const { batch, length } of cases) {
      const ids = sampleIds(batch, length, model.config.vocabSize, tokenizer);
      // Every row but the first ends in padding, where there is room for it.
      const attention = Uint8Array.from(ids, (_, i) => (Math.floor(i / length) > 0 && i % length > length / 2 ? 0 : 1));
      const expected = await engineLogits(engine, model, ids, attention, batch, length);
      const got = await runtime.logits(ids, attention, batch, length);
      checks.push({ batch, length, ...difference(expected, got) });
      progress(checks.length, cases.length);
    }
    return checks;
  } finally {
    await runtime.close();
  }
}

function sampleIds(batch: number, length: number, vocabulary: number, { special }: TextTokenizer): Int32Array {
  const random = new Random(batch * 1000 + length);
  return Int32Array.from({ length: batch * length }, (_, i) => {
    if (i % length === 0) return special.classify;
    return i % 5 === 3 ? special.mask : random.integer(vocabulary);
  });
}

/** [batch, length, vocab] row-major: the logits of every position. `attention` is 1 for tokens, 0 for padding. */
export async function engineLogits(
  engine: Engine,
  model: BertModel,
  ids: Int32Array,
  attention: Uint8Array,
  batch: number,
  sequence: number,
): Promise<Float32Array> {
  const graph = new Graph();
  const shape = { batch, sequence, slots: batch * sequence };
  const values = new Map([...parameterShapes(model.config)].map(([name, dims]) => [name, graph.state(name, dims)]));
  const parameter = (name: string): ReturnType<typeof graph.state> => {
    const value = values.get(name);
    if (value === undefined) throw new StudioError('graph', `verification: there is no parameter ${name}.`);
    return value;
  };
  const masked = maskedModel(
    graph,
    encoderShape(model.config),
    parameter,
    maskedInputs(graph, shape),
    parameter(decoderName(model.config)),
  );
  graph.output('logits', masked.head.logits);
  const program = await engine.compile(plan(graph, engine.planOptions));
  try {
    for (const [name, tensor] of model.tensors) if (graph.states.has(name)) program.write(name, tensor.data);
    program.write('inputIds', ids);
    program.write('typeIds', new Int32Array(ids.length));
    program.write('positionIds', positionIds(shape));
    program.write(
      'mask',
      Float32Array.from(attention, (x) => (x === 0 ? -1e30 : 0)),
    );
    program.write(
      'positions',
      Int32Array.from(ids, (_, i) => i),
    );
    await program.run();
    return await program.read('logits');
  } finally {
    program.dispose();
  }
}

function difference(expected: Float32Array, got: Float32Array): { difference: number; relative: number } {
  if (expected.length !== got.length) return { difference: Infinity, relative: Infinity };
  let worst = 0;
  let relative = 0;
  expected.forEach((value, i) => {
    const gap = Math.abs(value - (got[i] ?? Number.NaN));
    // A gap that is not a number must count, so no Math.max here.
    if (!(gap <= worst)) worst = gap;
    const share = gap / Math.max(1, Math.abs(value));
    if (!(share <= relative)) relative = share;
  });
  return { difference: worst, relative };
}

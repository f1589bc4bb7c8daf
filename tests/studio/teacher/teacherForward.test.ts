import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bertEncoder, mlmHead } from '../../../src/models/encoder.ts';
import { encoderInputs, positionIds } from '../../../src/models/inputs.ts';
import { decoderName, encoderShape } from '../../../src/models/model.ts';
import type { Engine } from '../../../src/engines/engine.ts';
import { WasmEngine } from '../../../src/engines/wasm/wasmEngine.ts';
import { Graph } from '../../../src/graph/graph.ts';
import { plan } from '../../../src/graph/plan.ts';
import type { Value } from '../../../src/graph/value.ts';
import { readTeacher, type Teacher } from '../../../src/studio/teacher/teacher.ts';
import { BATCH, SEQUENCE } from '../../golden/batch.ts';
import { golden, goldenBatch, goldenTensor } from '../../golden/load.ts';
import { relativeError } from '../../../src/engines/conformance/relativeError.ts';

const CHECKPOINTS = new URL('../../golden/checkpoints/', import.meta.url);
const shape = { batch: BATCH, sequence: SEQUENCE, slots: BATCH * SEQUENCE };

/** The last hidden state of every token, [N, d], and its logits, [N, V], where the teacher has a head. */
async function forward(engine: Engine, { model, head }: Teacher): Promise<{ hidden: Float32Array; logits: Float32Array | undefined }> {
  const graph = new Graph();
  const values = new Map([...model.tensors].map(([name, tensor]) => [name, graph.state(name, tensor.shape)]));
  const parameter = (name: string): Value => {
    const value = values.get(name);
    if (value === undefined) throw new Error(name);
    return value;
  };
  const form = encoderShape(model.config);
  const { hidden } = bertEncoder(graph, form, parameter, encoderInputs(graph, shape));
  graph.output('hidden', hidden);
  if (head === 'mlm') graph.output('logits', mlmHead(graph, form, parameter, hidden, parameter(decoderName(model.config))).logits);
  const program = await engine.compile(plan(graph, engine.planOptions));
  const batch = goldenBatch();
  for (const [name, { data }] of model.tensors) program.write(name, data);
  program.write('inputIds', batch.inputIds);
  program.write('typeIds', batch.typeIds);
  program.write('positionIds', positionIds(shape));
  program.write('keyRanges', batch.keyRanges);
  await program.run();
  const result = { hidden: await program.read('hidden'), logits: head === 'mlm' ? await program.read('logits') : undefined };
  program.dispose();
  return result;
}

describe("every form of the golden teacher gives PyTorch's numbers on the CPU engine", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await WasmEngine.create(1);
  });
  afterAll(() => engine.dispose());

  /** Weights of 11 and of 8 significant bits, through three layers. */
  const rounded = new Map([
    ['safetensors-f16', 2e-3],
    ['safetensors-bf16', 2e-2],
  ]);
  const wanted = golden('teacher-forward');

  test.each(readdirSync(CHECKPOINTS))('%s', async (name) => {
    const folder = new URL(`${name}/`, CHECKPOINTS);
    const files = readdirSync(folder).map((path) => ({ path, bytes: new Uint8Array(readFileSync(new URL(path, folder))) }));
    const { hidden, logits } = await forward(engine, await readTeacher(name, files));
    const tolerance = rounded.get(name) ?? 1e-5;
    expect(relativeError(hidden, goldenTensor(wanted, 'hidden_states.3').data)).toBeLessThan(tolerance);
    expect(logits === undefined).toBe(['encoder-only', 'onnx-qa'].includes(name));
    if (logits !== undefined) expect(relativeError(logits, goldenTensor(wanted, 'logits').data)).toBeLessThan(tolerance);
  });
});

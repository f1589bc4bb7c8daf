// Queries see the keys of their ranges alone, and a document in a row with others is as if it were alone.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/engines/engine.ts';
import { Graph } from '../../src/graph/graph.ts';
import { softmax } from '../../src/graph/ops/softmax.ts';
import { plan } from '../../src/graph/plan.ts';
import type { BertConfig } from '../../src/models/config.ts';
import { bertEncoder } from '../../src/models/encoder.ts';
import { freshModel } from '../../src/models/freshModel.ts';
import { documentsOf, encoderInputs, keyRanges, positionIds, writeOneSegment, writeTokens, type Tokens } from '../../src/models/inputs.ts';
import { encoderShape } from '../../src/models/model.ts';
import { blueprintOf } from '../../src/models/blueprint.ts';
import { relativeError } from '../../src/engines/conformance/relativeError.ts';
import { ENGINES, PLAIN_WEBGPU } from './availableEngines.ts';
import { ODD_CONFIG } from './oddTraining.ts';
import { randomFloats } from '../../src/engines/conformance/operationCases.ts';

const CONFIG: BertConfig = { ...ODD_CONFIG, maxPositions: 19 };

describe('where documents lie', () => {
  const attention = Uint8Array.of(1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0);

  test('without documents a row is one, up to its last token, and its padding sees it', () => {
    expect([...documentsOf({ attention }, 5)]).toEqual([0, 3, 5, 10]);
    const whole = [...Array.from({ length: 5 }, () => [0, 3]), ...Array.from({ length: 5 }, () => [0, 5])];
    expect([...keyRanges({ attention }, 5)]).toEqual([...whole, ...Array.from({ length: 5 }, () => [0, 0])].flat());
    expect([...positionIds({ batch: 3, sequence: 5 }, 2)]).toEqual([2, 3, 4, 5, 6, 2, 3, 4, 5, 6, 2, 3, 4, 5, 6]);
  });

  test('documents see themselves, and their positions begin anew', () => {
    const documents = Int32Array.of(0, 3, 5, 7, 7, 10);
    const [first, second] = [
      [0, 3, 0, 3, 0, 3, 0, 0, 0, 0],
      [0, 2, 0, 2, 2, 5, 2, 5, 2, 5],
    ];
    expect([...keyRanges({ attention, documents }, 5)]).toEqual([...first, ...second, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect([...positionIds({ batch: 3, sequence: 5 }, 2, documents)].slice(0, 10)).toEqual([2, 3, 4, 5, 6, 2, 3, 2, 3, 4]);
  });
});

describe.each([...ENGINES, PLAIN_WEBGPU])('$name', ({ create }) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await create();
  });
  afterAll(() => engine.dispose());

  test.each([5, 8, 19])('what the scores of unseen keys hold does not matter, of %i', async (keys) => {
    const graph = new Graph();
    graph.output('p', softmax(graph, graph.input('x', [1, 2, 3, keys]), graph.input('ranges', [1, 3, 2], 'i32'), 0.3));
    const program = await engine.compile(plan(graph, engine.planOptions));
    program.write('ranges', Int32Array.of(1, 3, keys - 2, keys + 7, 2, 2));
    const scores = randomFloats([6, keys], 1);
    const isSeen = (i: number): boolean => {
      const [query, key] = [Math.floor(i / keys) % 3, i % keys];
      return query === 0 ? key === 1 || key === 2 : query === 1 && key >= keys - 2;
    };
    const read: Float32Array[] = [];
    for (const unseen of [0, 1e30, Number.NaN, Number.NEGATIVE_INFINITY]) {
      program.write(
        'x',
        scores.map((x, i) => (isSeen(i) ? x : unseen)),
      );
      await program.run();
      read.push(Float32Array.from(await program.read('p')));
    }
    for (const p of read) expect(p).toEqual(read[0]);
    const [p = new Float32Array()] = read;
    for (let row = 0; row < 6; row++)
      expect(p.subarray(row * keys, (row + 1) * keys).reduce((sum, x) => sum + x, 0)).toBeCloseTo(row % 3 === 2 ? 0 : 1, 6);
    p.forEach((x, i) => expect(x > 0).toBe(isSeen(i)));
    program.dispose();
  });

  test('documents in one row give the hidden states that each gives alone', async () => {
    const lengths = [7, 1, 5, 4];
    const words = Int32Array.from({ length: 17 }, (_, i) => 1 + ((7 * i) % 60));
    const starts = lengths.map((_, i) => lengths.slice(0, i).reduce((sum, x) => sum + x, 0));
    const model = freshModel(CONFIG, 3);
    const hidden = async (batch: number, tokens: Tokens): Promise<Float32Array> => {
      const size = { batch, sequence: 19 };
      const graph = new Graph();
      const parameter = (name: string) => graph.states.get(name) ?? graph.state(name, model.tensors.get(name)?.shape ?? []);
      graph.output('hidden', bertEncoder(graph, encoderShape(CONFIG), parameter, encoderInputs(graph, size)).hidden);
      const program = await engine.compile(plan(graph, engine.planOptions));
      for (const name of graph.states.keys()) program.write(name, model.tensors.get(name)?.data ?? new Float32Array());
      writeOneSegment(program, blueprintOf(CONFIG), size);
      writeTokens(program, blueprintOf(CONFIG), size, tokens);
      await program.run();
      const read = Float32Array.from(await program.read('hidden'));
      program.dispose();
      return read;
    };
    const packed = new Int32Array(19);
    packed.set(words);
    const together = await hidden(1, {
      inputIds: packed,
      attention: Uint8Array.from(packed, (id) => (id === 0 ? 0 : 1)),
      documents: Int32Array.from(starts.flatMap((start, i) => [start, start + (lengths[i] ?? 0)])),
    });
    const rows = new Int32Array(lengths.length * 19);
    starts.forEach((start, i) => rows.set(words.subarray(start, start + (lengths[i] ?? 0)), i * 19));
    const alone = await hidden(lengths.length, { inputIds: rows, attention: Uint8Array.from(rows, (id) => (id === 0 ? 0 : 1)) });
    const d = CONFIG.hiddenSize;
    starts.forEach((start, i) => {
      const length = (lengths[i] ?? 0) * d;
      const [ours, theirs] = [together.subarray(start * d, start * d + length), alone.subarray(i * 19 * d, i * 19 * d + length)];
      // Sums over other lanes: float32's last places.
      expect(relativeError(ours, theirs), `document ${i}`).toBeLessThan(2e-6);
    });
  });
});

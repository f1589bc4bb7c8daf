import { maskedInputs, positionIds, type BatchShape } from '../models/masked.ts';
import type { BertModel } from '../models/model.ts';
import { asRunnable, type Runnable } from '../models/runnable.ts';
import { filledProgram } from '../graph/filledProgram.ts';
import type { Engine, Program } from '../engines/engine.ts';
import { Graph } from '../graph/graph.ts';
import { argmaxRows } from '../graph/ops/rows.ts';
import { plan } from '../graph/plan.ts';
import { writeTensors } from './writeTensors.ts';

export interface EvaluationBatch {
  readonly inputIds: Int32Array;
  readonly attentionMask: Float32Array;
  readonly positions: Int32Array;
  readonly labels: Int32Array;
}

export interface Evaluation {
  /** Mean cross-entropy of the predicted tokens, nats. */
  readonly loss: number;
  /** Share of predicted tokens whose top prediction is right. */
  readonly accuracy: number;
  /** Top prediction of every used slot, in order. */
  readonly predictions: Int32Array;
}

/** A model compiled for held-out evaluation; weights may be rewritten between evaluations. */
export class Evaluator {
  /** Of the runnable that it was compiled for; others of the same key may be loaded. */
  readonly key: string;
  readonly #program: Program;
  readonly #names: readonly string[];

  private constructor(key: string, program: Program, names: readonly string[]) {
    this.key = key;
    this.#program = program;
    this.#names = names;
  }

  static async create(engine: Engine, model: BertModel | Runnable, shape: BatchShape): Promise<Evaluator> {
    const runnable = asRunnable(model);
    const graph = new Graph();
    const masked = runnable.lay(graph, maskedInputs(graph, shape));
    graph.output('rows', masked.rows);
    graph.output('predictions', argmaxRows(graph, masked.head.logits));
    const names = [...graph.states.keys()];
    const program = await filledProgram(engine, plan(graph, engine.planOptions), (made) => {
      made.write('positionIds', positionIds(shape));
      made.write('typeIds', new Int32Array(shape.batch * shape.sequence));
      writeTensors(made, names, runnable);
    });
    return new Evaluator(runnable.key, program, names);
  }

  load(model: BertModel | Runnable): void {
    writeTensors(this.#program, this.#names, model);
  }

  /** Segment ids other than all zero. */
  writeTypes(typeIds: Int32Array): void {
    this.#program.write('typeIds', typeIds);
  }

  async evaluate(batches: readonly EvaluationBatch[]): Promise<Evaluation> {
    let loss = 0;
    let right = 0;
    const predictions: number[] = [];
    for (const batch of batches) {
      this.#program.write('inputIds', batch.inputIds);
      this.#program.write('mask', batch.attentionMask);
      this.#program.write('positions', batch.positions);
      this.#program.write('labels', batch.labels);
      await this.#program.run();
      const rows = await this.#program.read('rows');
      const best = await this.#program.readIntegers('predictions');
      batch.labels.forEach((label, slot) => {
        if (label < 0) return;
        loss += rows[slot] ?? 0;
        if (best[slot] === label) right++;
        predictions.push(best[slot] ?? -1);
      });
    }
    const count = Math.max(1, predictions.length);
    return { loss: loss / count, accuracy: right / count, predictions: Int32Array.from(predictions) };
  }

  dispose(): void {
    this.#program.dispose();
  }
}

/** Share of slots on which two models' top predictions agree. */
export function agreement(a: Int32Array, b: Int32Array): number {
  let same = 0;
  a.forEach((token, i) => {
    if (token === b[i]) same++;
  });
  return same / Math.max(1, a.length);
}

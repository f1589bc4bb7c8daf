import { maskedInputs, maskedModel, positionIds, type BatchShape } from '../bert/masked.ts';
import { decoderName, encoderShape, parameterShapes, type BertModel } from '../bert/model.ts';
import type { Engine, Program } from '../engines/engine.ts';
import { Graph } from '../graph/graph.ts';
import { argmaxRows } from '../graph/ops/rows.ts';
import { plan } from '../graph/plan.ts';
import { StudioError } from '../tensor/studioError.ts';

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

/** A BERT compiled for held-out evaluation; weights may be rewritten between evaluations. */
export class Evaluator {
  readonly #program: Program;

  private constructor(program: Program) {
    this.#program = program;
  }

  static async create(engine: Engine, model: BertModel, shape: BatchShape): Promise<Evaluator> {
    const graph = new Graph();
    const values = new Map([...parameterShapes(model.config)].map(([name, dims]) => [name, graph.state(name, dims)]));
    const parameter = (name: string): ReturnType<typeof graph.state> => {
      const value = values.get(name);
      if (value === undefined) throw new StudioError('graph', `evaluation: there is no parameter ${name}.`);
      return value;
    };
    const masked = maskedModel(
      graph,
      encoderShape(model.config),
      parameter,
      maskedInputs(graph, shape),
      parameter(decoderName(model.config)),
    );
    graph.output('rows', masked.rows);
    graph.output('predictions', argmaxRows(graph, masked.head.logits));
    const program = await engine.compile(plan(graph, engine.planOptions));
    program.write('positionIds', positionIds(shape));
    program.write('typeIds', new Int32Array(shape.batch * shape.sequence));
    const evaluator = new Evaluator(program);
    evaluator.load(model);
    return evaluator;
  }

  load(model: BertModel): void {
    for (const name of parameterShapes(model.config).keys()) {
      const tensor = model.tensors.get(name);
      if (tensor === undefined) throw new StudioError('checkpoint', `evaluation: the model has no tensor ${name}.`);
      this.#program.write(name, tensor.data);
    }
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

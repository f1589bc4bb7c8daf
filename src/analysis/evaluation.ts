import type { Blueprint } from '../models/blueprint.ts';
import { writeOneSegment, writeSegments, writeTokens, type BatchSize } from '../models/inputs.ts';
import type { Evaluation, StepShape, Task, TaskBatch } from '../tasks/task.ts';
import type { BertModel } from '../models/model.ts';
import { asRunnable, type Runnable } from '../models/runnable.ts';
import { filledProgram } from '../graph/filledProgram.ts';
import type { Engine, Program } from '../engines/engine.ts';
import { Graph } from '../graph/graph.ts';
import { plan } from '../graph/plan.ts';
import { writeTensors } from './writeTensors.ts';

/** A model compiled for held-out evaluation; weights may be rewritten between evaluations. */
export class Evaluator {
  /** Of the runnable that it was compiled for; others of the same key may be loaded. */
  readonly key: string;
  readonly #blueprint: Blueprint;
  readonly #program: Program;
  readonly #names: readonly string[];
  readonly #task: Task;
  readonly #size: BatchSize;
  /** What is read of every batch, by name: whether it is of whole numbers. */
  readonly #read: ReadonlyMap<string, boolean>;

  private constructor(
    { key, blueprint }: Runnable,
    program: Program,
    names: readonly string[],
    { task, batch, sequence }: StepShape,
    read: ReadonlyMap<string, boolean>,
  ) {
    this.key = key;
    this.#blueprint = blueprint;
    this.#program = program;
    this.#names = names;
    this.#task = task;
    this.#size = { batch, sequence };
    this.#read = read;
  }

  static async create(engine: Engine, model: BertModel | Runnable, shape: StepShape): Promise<Evaluator> {
    const runnable = asRunnable(model);
    const graph = new Graph();
    const { task } = shape;
    const judged = task.judged(graph, task.part(graph, shape, 0).model(runnable.lay(graph)));
    for (const [name, value] of judged) graph.output(name, value);
    const names = [...graph.states.keys()];
    const program = await filledProgram(engine, plan(graph, engine.planOptions), (made) => {
      writeOneSegment(made, runnable.blueprint, shape);
      writeTensors(made, names, runnable);
    });
    return new Evaluator(runnable, program, names, shape, new Map([...judged].map(([name, { dtype }]) => [name, dtype === 'i32'])));
  }

  load(model: BertModel | Runnable): void {
    writeTensors(this.#program, this.#names, model);
  }

  /** Segment ids other than all zero. */
  writeTypes(typeIds: Int32Array): void {
    writeSegments(this.#program, this.#blueprint, typeIds);
  }

  async evaluate(batches: readonly TaskBatch[]): Promise<Evaluation> {
    const tally = this.#task.tally();
    for (const batch of batches) {
      writeTokens(this.#program, this.#blueprint, this.#size, batch);
      for (const [name, numbers] of batch.inputs) this.#program.write(name, numbers);
      await this.#program.run();
      const read = new Map<string, Int32Array | Float32Array>();
      for (const [name, whole] of this.#read)
        read.set(name, whole ? await this.#program.readIntegers(name) : await this.#program.read(name));
      tally.add(batch, read);
    }
    return tally.result();
  }

  dispose(): void {
    this.#program.dispose();
  }
}

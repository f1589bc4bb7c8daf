import type { BatchShape } from '../bert/masked.ts';
import { partName, positionIds } from '../bert/masked.ts';
import type { Engine, Program } from '../engines/engine.ts';
import { plan } from '../graph/plan.ts';
import { sizeOf } from '../tensor/shape.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { NamedTensors, Tensor } from '../tensor/tensor.ts';
import type { TrainingGraph } from './trainingGraph.ts';

/** What one step needs of a batch; `text/` makes them. */
export interface StepBatch {
  readonly inputIds: Int32Array;
  readonly attentionMask: Float32Array;
  readonly positions: Int32Array;
  readonly labels: Int32Array;
  readonly predicted: number;
}

export interface OptimiserSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly clipNorm: number;
  /** Whether Adam's moments are corrected for their start at zero. */
  readonly biasCorrection: boolean;
}

export const DEFAULT_OPTIMISER: OptimiserSettings = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, clipNorm: 1, biasCorrection: true };

export interface StepMetrics {
  /** Mean cross-entropy of the predicted tokens before the update, nats. */
  readonly loss: number;
  readonly gradientNorm: number;
}

/** A number that is not finite reached the loss or the gradient; the weights were left as they were. */
export class DivergenceError extends StudioError {
  readonly loss: number;
  readonly norm: number;

  /** @param step updates made before */
  constructor(step: number, loss: number, norm: number) {
    super(
      'diverged',
      `run: loss is ${loss} at step ${step} (gradient norm ${norm}). Stopped before the update; the weights are those of step ${step}. Try a lower learning rate or a longer warm-up.`,
      { step },
    );
    this.loss = loss;
    this.norm = norm;
  }
}

/** Runs a training graph step by step on an engine. */
export class Trainer {
  readonly #program: Program;
  readonly #graph: TrainingGraph;
  readonly #optimiser: OptimiserSettings;
  #updates = 0;

  private constructor(program: Program, graph: TrainingGraph, optimiser: OptimiserSettings) {
    this.#program = program;
    this.#graph = graph;
    this.#optimiser = optimiser;
  }

  /**
   * Compiles the graph and writes its starting point.
   * @param tensors every trained and frozen state by name; with `updates` above 0 also the moments that {@link state} gave
   * @throws StudioError if one is missing or has another length
   */
  static async create(
    engine: Engine,
    graph: TrainingGraph,
    shape: BatchShape,
    tensors: NamedTensors,
    optimiser: OptimiserSettings = DEFAULT_OPTIMISER,
    updates = 0,
  ): Promise<Trainer> {
    const program = await engine.compile(plan(graph.graph, engine.planOptions));
    for (const [name, dims] of [...graph.trained, ...graph.frozen]) {
      const tensor = tensors.get(name);
      if (tensor === undefined || tensor.data.length !== sizeOf(dims))
        throw new StudioError('training', `trainer: ${name} — expected ${sizeOf(dims)} numbers, got ${tensor?.data.length ?? 'none'}.`);
      program.write(name, tensor.data);
    }
    for (const [name, dims] of graph.trained) {
      for (const moment of [`first.${name}`, `second.${name}`]) {
        const known = updates === 0 ? undefined : tensors.get(moment);
        program.write(moment, known?.data ?? new Float32Array(sizeOf(dims)));
      }
    }
    program.write('positionIds', positionIds(shape));
    program.write('typeIds', new Int32Array(shape.batch * shape.sequence));
    const trainer = new Trainer(program, graph, optimiser);
    trainer.#updates = updates;
    return trainer;
  }

  /**
   * One forward and backward pass and one update.
   * @param parts the micro-batches of the step, as many as the graph was made for
   * @throws DivergenceError with the weights untouched
   */
  async step(parts: readonly StepBatch[], learningRate: number): Promise<StepMetrics> {
    const program = this.#program;
    const { beta1, beta2, epsilon, clipNorm, biasCorrection } = this.#optimiser;
    const next = this.#updates + 1;
    const correction = (beta: number): number => (biasCorrection ? 1 - beta ** next : 1);
    this.#writeParts(parts);
    program.write('settings', Float32Array.of(learningRate, beta1, beta2, epsilon, correction(beta1), correction(beta2), clipNorm));
    await program.run();
    // One wait for both: on a GPU every read is a round trip.
    const [[loss = Number.NaN], [gradientNorm = Number.NaN, finite = 0]] = await Promise.all([program.read('loss'), program.read('norm')]);
    if (finite === 0 || !Number.isFinite(loss)) throw new DivergenceError(this.#updates, loss, gradientNorm);
    this.#updates = next;
    return { loss, gradientNorm };
  }

  #writeParts(parts: readonly StepBatch[]): void {
    for (const [part, batch] of parts.entries()) {
      this.#program.write(partName('inputIds', part), batch.inputIds);
      this.#program.write(partName('mask', part), batch.attentionMask);
      this.#program.write(partName('positions', part), batch.positions);
      this.#program.write(partName('labels', part), batch.labels);
    }
    // One mean over the predicted tokens of all parts, as if they were one batch.
    const predicted = parts.reduce((sum, batch) => sum + batch.predicted, 0);
    this.#program.write('lossWeight', Float32Array.of(1 / Math.max(1, predicted)));
  }

  /** Segment ids other than all zero. */
  writeTypes(typeIds: Int32Array): void {
    this.#program.write('typeIds', typeIds);
  }

  /** Overwrites states that the graph names as rewritten. */
  rewrite(tensors: NamedTensors): void {
    for (const [name, { data }] of tensors) if (this.#graph.rewritten?.has(name) === true) this.#program.write(name, data);
  }

  /** The trained tensors as they are now, and the rewritten ones. */
  async read(): Promise<Map<string, Tensor>> {
    const tensors = new Map<string, Tensor>();
    for (const [name, shape] of [...this.#graph.trained, ...(this.#graph.rewritten ?? [])])
      tensors.set(name, { shape, data: await this.#program.read(name) });
    return tensors;
  }

  /** Updates made so far: Adam's bias correction depends on it. */
  get updates(): number {
    return this.#updates;
  }

  /** Trained tensors and their moments: all that another trainer needs to go on. */
  async state(): Promise<Map<string, Tensor>> {
    const tensors = await this.read();
    for (const [name, shape] of this.#graph.trained)
      for (const moment of [`first.${name}`, `second.${name}`]) tensors.set(moment, { shape, data: await this.#program.read(moment) });
    return tensors;
  }

  dispose(): void {
    this.#program.dispose();
  }
}

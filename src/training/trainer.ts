import { partName, writeOneSegment, writeSegments, writeTokens, type BatchSize } from '../models/inputs.ts';
import type { TaskBatch } from '../tasks/task.ts';
import { filledProgram } from '../graph/filledProgram.ts';
import type { Engine, Program } from '../engines/engine.ts';
import { plan } from '../graph/plan.ts';
import { sizeOf } from '../tensor/shape.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { NamedTensors, Tensor } from '../tensor/tensor.ts';
import { NormLimit } from './normLimit.ts';
import { HALTED } from './optimiserNodes.ts';
import type { TrainingGraph } from './trainingGraph.ts';

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
  readonly learningRate: number;
  /** Mean loss of an answer before the update, nats. */
  readonly loss: number;
  readonly gradientNorm: number;
}

/** A number that is not finite reached the loss or the gradient, or the gradient exploded; the weights were left as they were. */
export class DivergenceError extends StudioError {
  /** The message for a caller whose own count of updates is `step`. */
  readonly at: (step: number) => string;

  /** @param step updates made before   @param usual norm of the steps before; undefined for the first */
  constructor(step: number, loss: number, norm: number, usual: number | undefined) {
    const beside = Number.isFinite(loss) && Number.isFinite(norm) && usual !== undefined ? `, usually ${usual.toPrecision(3)}` : '';
    const told = (at: number): string => `loss is ${loss} at step ${at} (gradient norm ${norm}${beside}). Stopped before the update`;
    super('diverged', `run: ${told(step)}; the weights are those of step ${step}. ${DIVERGENCE_CURE}`, { step });
    this.at = told;
  }
}

export const DIVERGENCE_CURE = 'Try a lower learning rate or a longer warm-up.';

/** A step that was handed over to the engine. */
interface Handed {
  /** Updates before it. */
  readonly updates: number;
  readonly learningRate: number;
  /** Its loss; its gradient's norm and flag. */
  readonly numbers: Promise<[Float32Array, Float32Array]>;
  /** What the rewritten states held. */
  readonly rewritten: NamedTensors;
}

/**
 * Runs a training graph step by step on an engine.
 *
 * Steps are handed over and their numbers read later, so that a GPU never waits for the host between two steps. After a
 * step that is not sound those behind it leave the weights as they are too, and {@link settle} sets the trainer back.
 */
export class Trainer {
  readonly #program: Program;
  readonly #graph: TrainingGraph;
  readonly #shape: BatchSize;
  readonly #optimiser: OptimiserSettings;
  #updates = 0;
  /** Oldest first. */
  readonly #handed: Handed[] = [];
  readonly #normLimit: NormLimit;
  #rewritten: NamedTensors;

  private constructor(
    program: Program,
    graph: TrainingGraph,
    shape: BatchSize,
    optimiser: OptimiserSettings,
    tensors: NamedTensors,
    updates: number,
    normLimit: NormLimit,
  ) {
    this.#program = program;
    this.#graph = graph;
    this.#shape = shape;
    this.#optimiser = optimiser;
    this.#rewritten = new Map([...tensors].filter(([name]) => graph.rewritten?.has(name) === true));
    this.#updates = updates;
    this.#normLimit = normLimit;
  }

  /**
   * Compiles the graph and writes its starting point.
   * @param tensors every trained and frozen state by name; with `updates` above 0 also their moments, as {@link state} gives them
   * @param normLimit where other trainers of the run have seen what is usual
   * @throws StudioError if one is missing or has another length
   */
  static async create(
    engine: Engine,
    graph: TrainingGraph,
    shape: BatchSize,
    tensors: NamedTensors,
    optimiser: OptimiserSettings = DEFAULT_OPTIMISER,
    updates = 0,
    normLimit = new NormLimit(),
  ): Promise<Trainer> {
    const program = await filledProgram(engine, plan(graph.graph, engine.planOptions), (made) => {
      for (const [name, dims] of [...graph.trained, ...graph.frozen]) {
        const tensor = tensors.get(name);
        if (tensor === undefined || tensor.data.length !== sizeOf(dims))
          throw new StudioError('training', `trainer: ${name} — expected ${sizeOf(dims)} numbers, got ${tensor?.data.length ?? 'none'}.`);
        made.write(name, tensor.data);
      }
      for (const [name, dims] of graph.trained) {
        for (const moment of [`first.${name}`, `second.${name}`]) {
          const known = updates === 0 ? undefined : tensors.get(moment);
          made.write(moment, known?.data ?? new Float32Array(sizeOf(dims)));
        }
      }
      writeOneSegment(made, graph.blueprint, shape);
    });
    return new Trainer(program, graph, shape, optimiser, tensors, updates, normLimit);
  }

  /** Steps worth having on the way before the first one's numbers are awaited. */
  get ahead(): number {
    return this.#program.ahead;
  }

  /** Steps that were handed over and not settled. */
  get onTheWay(): number {
    return this.#handed.length;
  }

  /**
   * Hands over one forward and backward pass and one update.
   * @param parts the micro-batches of the step, as many as the graph was made for
   */
  async handOver(parts: readonly TaskBatch[], learningRate: number): Promise<void> {
    const program = this.#program;
    const { beta1, beta2, epsilon, clipNorm, biasCorrection } = this.#optimiser;
    const updates = this.#updates;
    const correction = (beta: number): number => (biasCorrection ? 1 - beta ** (updates + 1) : 1);
    this.#writeParts(parts);
    const corrections = [correction(beta1), correction(beta2)];
    program.write('settings', Float32Array.of(learningRate, beta1, beta2, epsilon, ...corrections, clipNorm, this.#normLimit.value));
    await program.run();
    const numbers = Promise.all([program.read('loss'), program.read('norm')]);
    // A lost device is told by `settle`, and by every other call before.
    numbers.catch(() => {});
    this.#handed.push({ updates, learningRate, numbers, rewritten: this.#rewritten });
    this.#updates = updates + 1;
  }

  /**
   * The numbers of the oldest step on the way.
   * @throws DivergenceError where they are not finite, or the norm is far beyond the usual: weights, rewritten states and
   * {@link updates} are those before that step, and nothing is on the way any more
   */
  async settle(): Promise<StepMetrics> {
    const [handed] = this.#handed;
    if (handed === undefined) throw new StudioError('training', 'trainer: no step is on the way.');
    const [[loss = Number.NaN], [gradientNorm = Number.NaN, sound = 0]] = await handed.numbers;
    this.#handed.shift();
    if (sound !== 0) {
      this.#normLimit.add(gradientNorm);
      return { loss, gradientNorm, learningRate: handed.learningRate };
    }
    for (const { numbers } of this.#handed.splice(0)) await numbers;
    this.#program.write(HALTED, Float32Array.of(0));
    this.rewrite(handed.rewritten);
    this.#updates = handed.updates;
    throw new DivergenceError(handed.updates, loss, gradientNorm, this.#normLimit.usual);
  }

  /**
   * One step, and its numbers at once.
   * @throws DivergenceError with the weights untouched
   */
  async step(parts: readonly TaskBatch[], learningRate: number): Promise<StepMetrics> {
    await this.handOver(parts, learningRate);
    return this.settle();
  }

  #writeParts(parts: readonly TaskBatch[]): void {
    for (const [part, batch] of parts.entries()) {
      writeTokens(this.#program, this.#graph.blueprint, this.#shape, batch, part);
      for (const [name, numbers] of batch.inputs) this.#program.write(partName(name, part), numbers);
    }
    // One mean over the answers of all parts, as if they were one batch.
    const answers = parts.reduce((sum, batch) => sum + batch.answers, 0);
    this.#program.write('lossWeight', Float32Array.of(1 / Math.max(1, answers)));
  }

  /** Segment ids other than all zero. */
  writeTypes(typeIds: Int32Array): void {
    writeSegments(this.#program, this.#graph.blueprint, typeIds);
  }

  /** Overwrites states that the graph names as rewritten, for the steps that are handed over from now on. */
  rewrite(tensors: NamedTensors): void {
    const known = [...tensors].filter(([name]) => this.#graph.rewritten?.has(name) === true);
    for (const [name, { data }] of known) this.#program.write(name, data);
    this.#rewritten = new Map([...this.#rewritten, ...known]);
  }

  /** The trained tensors as the steps so far leave them, and the rewritten ones. */
  async read(): Promise<Map<string, Tensor>> {
    const tensors = new Map<string, Tensor>();
    for (const [name, shape] of [...this.#graph.trained, ...(this.#graph.rewritten ?? [])])
      tensors.set(name, { shape, data: await this.#program.read(name) });
    return tensors;
  }

  /** Updates handed over so far: Adam's bias correction depends on it. */
  get updates(): number {
    return this.#updates;
  }

  /** Trained and rewritten tensors and moments: all that another trainer needs to go on. */
  async state(): Promise<Map<string, Tensor>> {
    return new Map([...(await this.read()), ...(await this.moments())]);
  }

  /** Adam's moments of the trained tensors. */
  async moments(): Promise<Map<string, Tensor>> {
    const tensors = new Map<string, Tensor>();
    for (const [name, shape] of this.#graph.trained)
      for (const moment of [`first.${name}`, `second.${name}`]) tensors.set(moment, { shape, data: await this.#program.read(moment) });
    return tensors;
  }

  dispose(): void {
    this.#program.dispose();
  }
}

import type { Graph } from '../graph/graph.ts';
import type { Value } from '../graph/value.ts';
import type { EncoderInputs, EncoderResult } from '../models/encoder.ts';
import type { BatchSize, Tokens } from '../models/inputs.ts';
import type { LaidModel } from '../models/runnable.ts';
import type { LinearPooler } from '../models/sentencePooling.ts';
import type { SentenceVectors } from './sentenceScores.ts';
import type { StreamState } from '../text/maskedBatch.ts';
import type { PackedText } from '../text/packedText.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';

/** Sizes of one micro-batch: B sequences of T tokens, M slots for what the head answers. */
export interface BatchShape extends BatchSize {
  readonly slots: number;
  /** Weight of the likeness of the answers among each other in what training minimises; read by tasks whose answers are vectors. */
  readonly likeness?: number;
}

/** What one micro-batch of a step is made of. */
export interface StepShape extends BatchShape {
  readonly task: Task;
}

/** One micro-batch as the host writes it. */
export interface TaskBatch extends Tokens {
  /** Answers that its loss is a sum over. */
  readonly answers: number;
  /** The task's own inputs, by their names in the graph. */
  readonly inputs: ReadonlyMap<string, Int32Array | Float32Array>;
}

/** A model with the task's head on the inputs of one micro-batch. */
export interface TaskModel {
  readonly encoder: EncoderResult;
  /** What the head answers, [M, C]: logits or numbers. */
  readonly answers: Value;
  /** Loss of every slot, [M]; 0 of an unused one. */
  readonly rows: Value;
  /** Their sum, [1]: what is reported. */
  readonly lossSum: Value;
  /** What training minimises, summed over the slots, [1]; left out if it is the loss. */
  readonly target?: Value;
}

/** One micro-batch in a graph: its inputs are declared, and models can be laid on them. */
export interface TaskPart {
  readonly encoder: EncoderInputs;
  /** Rows of B T at which hidden states are compared; -1 = unused. For masked words [M], the row that every slot is about. */
  readonly positions: Value;
  /** Multiplies what is summed over those rows, so that it is a sum over the slots; 1 if left out. */
  readonly perPosition?: number;
  /** Adds a model's encoder and head, and its loss. */
  model(laid: LaidModel): TaskModel;
  /**
   * How far the student's answers are from the teacher's, summed over the slots, [1]; left out if the loss is that already, since the
   * batches hold the teacher's answers.
   * @param temperature softens both, above 0
   */
  divergence?(student: TaskModel, teacher: TaskModel, temperature: number): Value;
}

/** Of the settings of a run, those that a task may read. */
export interface TaskSettings {
  /** Share of tokens that are hidden and predicted, 0 to 1. */
  readonly masking: number;
  /** Share of tokens that are predicted, 0 to 1; what it is beyond `masking` is predicted where it can be seen. */
  readonly predicted: number;
  /** Choose all pieces of a word together. */
  readonly wholeWords: boolean;
  /** Sentences of a micro-batch, at most. */
  readonly sentences: number;
}

/** One split of a text, and the tokenizer that made it. */
export interface TaskText extends PackedText {
  readonly tokenizer: TextTokenizer;
  /** What the teacher makes of every document; given if the task learns from it. */
  readonly taught?: TaughtVectors;
}

/** A teacher's vectors of the documents of a text, and how a student pools. */
export interface TaughtVectors {
  readonly poolers: readonly LinearPooler[];
  /** Of length 1, [D, w], in the order of the text's documents. */
  readonly vectors: SentenceVectors;
}

/** An endless stream of training steps; its state fits into a checkpoint. */
export interface TaskStream {
  /** The micro-batches of the next step. */
  next(): readonly TaskBatch[];
  state(): StreamState;
  restore(state: StreamState): void;
}

/** Held-out numbers of one model. */
export interface Evaluation {
  /** Mean loss of an answer; {@link TaskWords} says in what unit. */
  readonly loss: number;
  /** The task's own score, 0 to 1; {@link TaskWords} says of what. */
  readonly accuracy: number;
  /** The answer of every used slot, in order. */
  readonly predictions: Int32Array | Float32Array;
  /** Numbers of an answer if there are several, as of a vector. */
  readonly width?: number;
}

/** Sums up what a model answers, batch by batch. */
export interface TaskTally {
  /** @param read numbers of {@link Task.judged} by name */
  add(batch: TaskBatch, read: ReadonlyMap<string, Int32Array | Float32Array>): void;
  result(): Evaluation;
}

/** How many answers of a file were judged, and how many were right. */
export interface RightAnswers {
  readonly answers: number;
  readonly right: number;
}

/** The words for a task's numbers, on the page, in the terminal and on a card. */
export interface TaskWords {
  /** What is answered, in the plural, as in "masked tokens". */
  readonly answers: string;
  /** What `accuracy` is the share of. */
  readonly accuracy: string;
  /** What `agreement` is the share of. */
  readonly agreement: string;
  /** What `loss` is in; nats if left out. */
  readonly loss?: string;
  /** Whether the loss is over the words of the vocabulary, so that losses over other vocabularies cannot be compared with it. */
  readonly overVocabulary?: true;
  /** What a student does, and is not made for, in a sentence of its card. */
  readonly limits: string;
}

/**
 * What a model is trained for and judged by: its head's loss, its batches, its held-out numbers and the words for them.
 * Training, evaluation and the session know a task by this interface alone (docs/adding-a-task.md).
 */
export interface Task {
  /** As files of runs and students record it; never changed. */
  readonly name: string;
  readonly words: TaskWords;
  /** Slots that a micro-batch needs at most. @param settings of a run; without, of held-out evaluation */
  slots(size: BatchSize, settings?: TaskSettings): number;
  /** Declares the inputs of micro-batch `part`. */
  part(graph: Graph, shape: BatchShape, part: number): TaskPart;
  /**
   * Training batches of a split, in an order that follows from `seed` alone.
   * @param shape of one micro-batch   @param parts micro-batches of a step
   */
  stream(text: TaskText, shape: BatchShape, parts: number, seed: number, settings: TaskSettings): TaskStream;
  /** Fixed batches to judge by, the same for every recipe. @param batch sequences in one   @param most batches */
  heldOut(text: TaskText, batch: number, seed: number, most: number): TaskBatch[];
  /** The values that judging reads of a model, by name. */
  judged(graph: Graph, model: TaskModel): ReadonlyMap<string, Value>;
  tally(): TaskTally;
  /** Numbers of a teacher whose answers the batches hold; left out if it must be run. */
  teacherOf?(batches: readonly TaskBatch[]): Evaluation;
  /** Share of slots that two models answer alike, 0 to 1. */
  agreement(a: Evaluation, b: Evaluation): number;
  /** Judges the answers that an exported file gives at every token; left out if answers are not of tokens. @param outputs [B T, C] row-major */
  judgeOutputs?(batch: TaskBatch, outputs: Float32Array): RightAnswers;
  /** Loss of a model that knows nothing: a run whose loss is far beyond it has diverged. @param classes C */
  guessing(classes: number): number;
}

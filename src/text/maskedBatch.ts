import { Random } from '../tensor/random.ts';
import { takeRows, type PackedRows, type PackedText } from './packedText.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** A batch for masked language modelling, [B T] flat, with M slots for the predicted tokens. */
export interface MaskedBatch {
  readonly inputIds: Int32Array;
  /** [B T], 1 for tokens, 0 for padding. */
  readonly attention: Uint8Array;
  /** [D, 2], tokens [start, end) of B T of documents that lie apart; left out of running text. */
  readonly documents?: Int32Array;
  /** [M], row in B T of every predicted token; -1 = unused. */
  readonly positions: Int32Array;
  /** [M], the right token; -1 = unused. */
  readonly labels: Int32Array;
  readonly predicted: number;
}

/** Slots that a batch needs at most. */
export function maskedSlots(batch: number, sequence: number, probability: number): number {
  return batch * Math.max(1, Math.round(probability * (sequence - 2)));
}

/** What is hidden of a sequence, and predicted. */
export interface Masking {
  /** Share of tokens that are hidden, 0 to 1. */
  readonly probability: number;
  /** Choose all pieces of a word together. */
  readonly wholeWords: boolean;
  /** Share of tokens that are predicted, if it is more than are hidden: the others are predicted where they can be seen. */
  readonly predicted?: number;
}

/**
 * Chooses tokens to hide: round(probability x tokens) of every sequence, at least one; of these 80 % become
 * [MASK], 10 % a random token, 10 % stay. Special tokens are never chosen. With whole words, a word that would
 * exceed the number is passed over. They are predicted, and others with them up to the share that is predicted.
 *
 * @param rows of a packed text
 */
export function maskBatch(
  { ids: sequences, documents }: PackedRows,
  sequence: number,
  tokenizer: TextTokenizer,
  random: Random,
  { probability, wholeWords, predicted: share = 0 }: Masking,
): MaskedBatch {
  const { special } = tokenizer;
  const batch = sequences.length / sequence;
  const slots = maskedSlots(batch, sequence, Math.max(probability, share));
  const inputIds = sequences.slice();
  const positions = new Int32Array(slots).fill(-1);
  const labels = new Int32Array(slots).fill(-1);
  let predicted = 0;
  for (let row = 0; row < batch; row++) {
    const places = Array.from({ length: sequence }, (_, i) => row * sequence + i);
    const hidden = chooseTokens(places, sequences, tokenizer, random, { probability, wholeWords });
    for (const at of hidden) inputIds[at] = replaceToken(sequences[at] ?? -1, tokenizer, random);
    const asked = share > probability ? withOthers(hidden, places, sequences, tokenizer, random, share) : hidden;
    for (const at of asked) {
      positions[predicted] = at;
      labels[predicted] = sequences[at] ?? -1;
      predicted += 1;
    }
  }
  return {
    inputIds,
    attention: Uint8Array.from(sequences, (id) => (id === special.pad ? 0 : 1)),
    ...(documents === undefined ? {} : { documents }),
    positions,
    labels,
    predicted,
  };
}

/** The places among `places` whose tokens are of the text. */
function textPlaces(places: readonly number[], ids: Int32Array, { special }: TextTokenizer): number[] {
  const specials = new Set(Object.values(special));
  specials.delete(special.unknown);
  return places.filter((at) => !specials.has(ids[at] ?? special.pad));
}

/** Hidden places, and others at random up to a share of the tokens, ascending. */
function withOthers(
  hidden: readonly number[],
  places: readonly number[],
  ids: Int32Array,
  tokenizer: TextTokenizer,
  random: Random,
  share: number,
): number[] {
  const candidates = textPlaces(places, ids, tokenizer);
  const known = new Set(hidden);
  const others = candidates.filter((at) => !known.has(at));
  const count = Math.max(0, Math.round(share * candidates.length) - hidden.length);
  return [...hidden, ...pickTokens(others, random, count)].toSorted((a, b) => a - b);
}

/** The places among `places` whose tokens are hidden, ascending. */
export function chooseTokens(
  places: readonly number[],
  ids: Int32Array,
  tokenizer: TextTokenizer,
  random: Random,
  { probability, wholeWords }: Masking,
): number[] {
  const candidates = textPlaces(places, ids, tokenizer);
  const count = Math.max(1, Math.round(probability * candidates.length));
  const picked = wholeWords ? pickWords(candidates, ids, tokenizer, random, count) : pickTokens(candidates, random, count);
  return picked.toSorted((a, b) => a - b);
}

/** What stands in the place of a token that is predicted. */
export function replaceToken(id: number, { special, vocabularySize }: TextTokenizer, random: Random): number {
  const draw = random.uniform();
  if (draw < 0.8) return special.mask;
  return draw < 0.9 ? random.integer(vocabularySize) : id;
}

function pickTokens(candidates: readonly number[], random: Random, count: number): number[] {
  const order = [...candidates];
  random.shuffle(order);
  return order.slice(0, count);
}

/** Whole words in random order while they fit; if none does, the first pieces of one. */
function pickWords(candidates: readonly number[], ids: Int32Array, tokenizer: TextTokenizer, random: Random, count: number): number[] {
  const words: number[][] = [];
  for (const at of candidates) {
    const word = words.at(-1);
    if (word !== undefined && word.at(-1) === at - 1 && tokenizer.isContinuation(ids[at] ?? -1)) word.push(at);
    else words.push([at]);
  }
  const order = words.map((_, index) => index);
  random.shuffle(order);
  const picked: number[] = [];
  for (const index of order) {
    const word = words[index] ?? [];
    if (picked.length + word.length <= count) picked.push(...word);
  }
  return picked.length > 0 ? picked : (words[order[0] ?? 0] ?? []).slice(0, count);
}

/**
 * Cuts a batch into `parts` of as many sequences each: the micro-batches of gradient accumulation.
 * @param slots slots of a part
 */
export function splitBatch(batch: MaskedBatch, parts: number, slots: number): MaskedBatch[] {
  if (parts === 1) return [batch];
  const rows = batch.inputIds.length / parts;
  return Array.from({ length: parts }, (_, part) => {
    const from = part * rows;
    const positions = new Int32Array(slots).fill(-1);
    const labels = new Int32Array(slots).fill(-1);
    let predicted = 0;
    batch.positions.forEach((at, slot) => {
      if (at < from || at >= from + rows) return;
      positions[predicted] = at - from;
      labels[predicted] = batch.labels[slot] ?? -1;
      predicted += 1;
    });
    return {
      inputIds: batch.inputIds.slice(from, from + rows),
      attention: batch.attention.slice(from, from + rows),
      ...(batch.documents === undefined ? {} : { documents: documentsWithin(batch.documents, from, from + rows) }),
      positions,
      labels,
      predicted,
    };
  });
}

/** Those of [from, to), counted from `from`. */
function documentsWithin(documents: Int32Array, from: number, to: number): Int32Array {
  return documents.filter((at, i) => at >= from && (i % 2 === 0 ? at < to : at <= to && at > from)).map((at) => at - from);
}

/** Where a stream stands: it goes on from here with the same batches. */
export interface StreamState {
  readonly random: readonly number[];
  /** Sequences left of this epoch, the next one last. */
  readonly order: readonly number[];
}

/** An endless stream of masked batches, epoch by epoch in shuffled order; its state fits into a checkpoint. */
export class BatchStream {
  readonly #text: PackedText;
  readonly #batch: number;
  readonly #tokenizer: TextTokenizer;
  readonly #masking: Masking;
  #random: Random;
  #order: number[] = [];

  constructor(text: PackedText, batch: number, tokenizer: TextTokenizer, seed: number, masking: Masking) {
    this.#text = text;
    this.#batch = batch;
    this.#tokenizer = tokenizer;
    this.#random = new Random(seed);
    this.#masking = masking;
  }

  state(): StreamState {
    return { random: this.#random.state(), order: [...this.#order] };
  }

  restore(state: StreamState): void {
    this.#random = Random.from(state.random);
    this.#order = [...state.order];
  }

  next(): MaskedBatch {
    const rows = Array.from({ length: this.#batch }, () => this.#nextRow());
    const taken = takeRows(this.#text, rows, this.#tokenizer.special.pad);
    return maskBatch(taken, this.#text.sequence, this.#tokenizer, this.#random, this.#masking);
  }

  #nextRow(): number {
    if (this.#order.length === 0) {
      this.#order = Array.from({ length: this.#text.sequences.length / this.#text.sequence }, (_, i) => i);
      this.#random.shuffle(this.#order);
    }
    return this.#order.pop() ?? 0;
  }
}

/** A split as masked batches with a fixed masking; what does not fill a batch is left out, unless it is all there is. */
export function fixedBatches(
  text: PackedText,
  batch: number,
  tokenizer: TextTokenizer,
  seed: number,
  most: number,
  masking: Masking,
): MaskedBatch[] {
  const { sequences, sequence } = text;
  const random = new Random(seed);
  const count = Math.max(1, Math.min(most, Math.floor(sequences.length / (batch * sequence))));
  return Array.from({ length: count }, (_, i) => {
    const rows = Array.from({ length: batch }, (__, row) => i * batch + row);
    return maskBatch(takeRows(text, rows, tokenizer.special.pad), sequence, tokenizer, random, masking);
  });
}

import { StudioError } from '../tensor/studioError.ts';
import type { TextDocument } from './textFile.ts';
import type { TextTokenizer } from './tokenizer.ts';
import { heldOutPieces, withoutLongPieces } from './split.ts';
import { TokenStore } from './tokenStore.ts';

/** Text as packed sequences, [count, sequence] row-major: [CLS] tokens [SEP]; the last of a split is padded. */
export interface Corpus {
  readonly sequence: number;
  /** Of the split into training and held-out text. */
  readonly seed: number;
  readonly train: Int32Array;
  readonly heldOut: Int32Array;
  readonly documents: number;
  readonly tokens: number;
  /** 0 to 1. */
  readonly unknownShare: number;
  /** Documents by their length in tokens, in bins [2^i, 2^(i+1)) from 2^0 on. */
  readonly lengths: readonly number[];
  /** Whether reading ended at the limit, with text left over. */
  readonly cut: boolean;
}

export interface CorpusOptions {
  /** Tokens of one packed sequence, [CLS] and [SEP] included. */
  readonly sequence: number;
  readonly seed: number;
  /** Reading ends there. A run of 5,000 steps of 4,096 tokens sees 20 million. */
  readonly mostTokens?: number;
  /** Called after each document; throw from it to give up. */
  readonly listen?: (tokens: number) => Promise<void> | void;
}

/** 128 MiB of ids. */
export const MOST_TOKENS = 1 << 25;
/** Below this many documents, blocks of lines are held out instead of whole documents. */
const ENOUGH_DOCUMENTS = 10;
const BLOCK_LINES = 8;
/** A run on text that the teacher cannot read teaches nothing. */
const MOST_UNKNOWN = 0.5;

/**
 * Tokenises, packs and splits documents as they are read; the split is by document and seeded. Where documents are few, or
 * one is most of the text, it is by blocks of them.
 * @throws StudioError if there is too little text for one sequence of each split, or the vocabulary makes most of it unknown
 */
export async function buildCorpus(
  documents: AsyncIterable<TextDocument> | Iterable<TextDocument>,
  tokenizer: TextTokenizer,
  options: CorpusOptions,
): Promise<Corpus> {
  const { sequence, seed, mostTokens = MOST_TOKENS, listen } = options;
  const store = new TokenStore();
  const documentEnds: number[] = [];
  /** Ends of blocks of lines, kept while there are few documents. */
  const blockEnds: number[] = [];
  const lengths: number[] = [];
  let unknown = 0;
  let cut = false;
  for await (const { text } of documents) {
    if (store.length >= mostTokens) {
      cut = true;
      break;
    }
    const start = store.length;
    let lines = 0;
    for (const line of text.split('\n')) {
      if (line.trim() === '') continue;
      const ids = tokenizer.encode(line);
      for (const id of ids) if (id === tokenizer.special.unknown) unknown += 1;
      store.append(ids);
      lines += 1;
      if (lines % BLOCK_LINES === 0 && documentEnds.length < ENOUGH_DOCUMENTS) blockEnds.push(store.length);
    }
    const length = store.length - start;
    if (length === 0) continue;
    if (blockEnds.at(-1) !== store.length && documentEnds.length < ENOUGH_DOCUMENTS) blockEnds.push(store.length);
    documentEnds.push(store.length);
    const bin = Math.floor(Math.log2(length));
    lengths[bin] = (lengths[bin] ?? 0) + 1;
    await listen?.(store.length);
  }
  const ends = withoutLongPieces(documentEnds.length >= ENOUGH_DOCUMENTS ? documentEnds : blockEnds, sequence);
  const tokens = store.length;
  if (tokens < 2 * sequence)
    throw new StudioError(
      'text',
      `text: ${tokens} tokens are too few for sequences of ${sequence}, expected at least ${2 * sequence}. Give more text, or shorter sequences.`,
    );
  if (unknown > MOST_UNKNOWN * tokens)
    throw new StudioError(
      'text',
      `text: ${Math.round((100 * unknown) / tokens)} % of the tokens are unknown to the teacher's vocabulary. Give text in the teacher's language and script, or a teacher for this text.`,
      { unknownShare: unknown / tokens },
    );

  const held = heldOutPieces(ends, seed);
  const split = (inside: boolean): Int32Array => pack(store, ends, (piece) => held.has(piece) === inside, tokenizer, sequence);
  return {
    sequence,
    seed,
    train: split(false),
    heldOut: split(true),
    documents: documentEnds.length,
    tokens,
    unknownShare: unknown / tokens,
    lengths: Array.from(lengths, (count) => count ?? 0),
    cut,
  };
}

function pack(
  store: TokenStore,
  ends: readonly number[],
  belongs: (piece: number) => boolean,
  tokenizer: TextTokenizer,
  sequence: number,
): Int32Array {
  const { pad, classify, separate } = tokenizer.special;
  const room = sequence - 2;
  let tokens = 0;
  ends.forEach((end, piece) => {
    if (belongs(piece)) tokens += end - (ends[piece - 1] ?? 0);
  });
  const packed = new Int32Array(Math.ceil(tokens / room) * sequence).fill(pad);
  let at = 0;
  ends.forEach((end, piece) => {
    if (!belongs(piece)) return;
    for (let from = ends[piece - 1] ?? 0; from < end;) {
      const row = Math.floor(at / room) * sequence;
      const inRow = at % room;
      const take = Math.min(room - inRow, end - from);
      packed[row] = classify;
      packed.set(store.slice(from, from + take), row + 1 + inRow);
      packed[row + 1 + inRow + take] = separate;
      from += take;
      at += take;
    }
  });
  return packed;
}

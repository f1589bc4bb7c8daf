import { StudioError } from '../tensor/studioError.ts';
import type { TextDocument } from './textFile.ts';
import type { TextTokenizer } from './tokenizer.ts';
import { hasLongPieces, heldOutPieces, withoutLongPieces } from './split.ts';
import { packApart, packJoined, type PackedText } from './packedText.ts';
import { TokenStore } from './tokenStore.ts';

/**
 * Text as packed sequences, [count, sequence] row-major. Running text has [CLS] and [SEP] around every row, and the last row of a
 * split is padded; of documents that lie apart each has its own.
 */
export interface Corpus {
  readonly sequence: number;
  /** Of the split into training and held-out text. */
  readonly seed: number;
  readonly train: Int32Array;
  readonly heldOut: Int32Array;
  /** Where documents lie in each split, as {@link PackedText.documents}; left out of running text. */
  readonly apart?: { readonly train: Int32Array; readonly heldOut: Int32Array };
  readonly documents: number;
  readonly tokens: number;
  /** 0 to 1. */
  readonly unknownShare: number;
  /** Documents by their length in tokens, in bins [2^i, 2^(i+1)) from 2^0 on. */
  readonly lengths: readonly number[];
  /** Whether reading ended at the limit, with text left over. */
  readonly cut: boolean;
  /** Given if every line or document is a sentence. */
  readonly sentences?: SentenceCounts;
}

/** What was left out of sentences. */
export interface SentenceCounts {
  /** Sentences that were read before. */
  readonly equal: number;
  /** Sentences that were cut to a row. */
  readonly shortened: number;
}

export interface CorpusOptions {
  /** Tokens of one packed sequence, [CLS] and [SEP] included. */
  readonly sequence: number;
  readonly seed: number;
  /**
   * Whether documents lie apart in the rows; else they are joined to running text, as where this is left out. Or who says so, of
   * the documents that are held out.
   */
  readonly apart?: boolean | ((heldOut: readonly Int32Array[]) => Promise<boolean>);
  /**
   * Whether every line of plain text, and every other document, is a sentence: it lies apart, is cut to a row instead of into parts,
   * and is taken once.
   */
  readonly sentences?: boolean;
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
  const seen = options.sentences === true ? new Set<string>() : undefined;
  const apart = seen === undefined ? (options.apart ?? false) : true;
  let equal = 0;
  let shortened = 0;
  const store = new TokenStore();
  const documentEnds: number[] = [];
  /** Ends of blocks of lines, kept while there are few documents. */
  const blockEnds: number[] = [];
  /** Ends of what lies apart: documents, or lines of those that say so. */
  const apartEnds: number[] = [];
  const lengths: number[] = [];
  let unknown = 0;
  let cut = false;
  for await (const { text, byLine } of documents) {
    if (store.length >= mostTokens) {
      cut = true;
      break;
    }
    const start = store.length;
    let lines = 0;
    for (const line of seen === undefined || byLine === true ? text.split('\n') : [text]) {
      const sentence = line.trim();
      if (sentence === '') continue;
      if (seen?.has(sentence) === true) {
        equal += 1;
        continue;
      }
      seen?.add(sentence);
      const whole = tokenizer.encode(line);
      const ids = seen === undefined ? whole : whole.slice(0, sequence - 2);
      if (ids.length < whole.length) shortened += 1;
      for (const id of ids) if (id === tokenizer.special.unknown) unknown += 1;
      store.append(ids);
      lines += 1;
      if (apart !== false && byLine === true) apartEnds.push(store.length);
      if (lines % BLOCK_LINES === 0 && documentEnds.length < ENOUGH_DOCUMENTS) blockEnds.push(store.length);
    }
    const length = store.length - start;
    if (length === 0) continue;
    if (blockEnds.at(-1) !== store.length && documentEnds.length < ENOUGH_DOCUMENTS) blockEnds.push(store.length);
    documentEnds.push(store.length);
    if (apart !== false && byLine !== true) apartEnds.push(store.length);
    const bin = Math.floor(Math.log2(length));
    lengths[bin] = (lengths[bin] ?? 0) + 1;
    await listen?.(store.length);
  }
  const ends =
    seen === undefined
      ? withoutLongPieces(documentEnds.length >= ENOUGH_DOCUMENTS ? documentEnds : blockEnds, sequence)
      : ([documentEnds, blockEnds].find((list) => list.length >= ENOUGH_DOCUMENTS && !hasLongPieces(list)) ?? apartEnds);
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
  const documentsOf = (inside: boolean, borders: readonly number[]): Int32Array[] => [
    ...within(store, ends, (piece) => held.has(piece) === inside, borders),
  ];
  const isApart = typeof apart === 'boolean' ? apart : await apart(documentsOf(true, apartEnds));
  const packs = (inside: boolean): PackedText =>
    isApart
      ? packApart(documentsOf(inside, apartEnds), sequence, tokenizer.special)
      : packJoined(documentsOf(inside, ends), sequence, tokenizer.special);
  const [train, heldOut] = [packs(false), packs(true)];
  return {
    sequence,
    seed,
    train: train.sequences,
    heldOut: heldOut.sequences,
    ...(train.documents === undefined || heldOut.documents === undefined
      ? {}
      : { apart: { train: train.documents, heldOut: heldOut.documents } }),
    documents: documentEnds.length,
    tokens,
    unknownShare: unknown / tokens,
    lengths: Array.from(lengths, (count) => count ?? 0),
    cut,
    ...(seen === undefined ? {} : { sentences: { equal, shortened } }),
  };
}

/** The packed tokens of a corpus. */
export type Splits = Pick<Corpus, 'sequence' | 'train' | 'heldOut' | 'apart'>;

/** One split of a corpus. */
export function splitOf({ sequence, apart, ...splits }: Splits, split: 'train' | 'heldOut'): PackedText {
  return { sequences: splits[split], sequence, ...(apart === undefined ? {} : { documents: apart[split] }) };
}

/** Documents of the pieces that belong to a split; one that lies in several pieces is cut there. */
function* within(
  store: TokenStore,
  pieceEnds: readonly number[],
  belongs: (piece: number) => boolean,
  borders: readonly number[],
): Generator<Int32Array> {
  let document = 0;
  for (const [piece, pieceEnd] of pieceEnds.entries())
    for (let from = pieceEnds[piece - 1] ?? 0; from < pieceEnd;) {
      while ((borders[document] ?? pieceEnd) <= from) document += 1;
      const to = Math.min(pieceEnd, borders[document] ?? pieceEnd);
      if (belongs(piece)) yield store.slice(from, to);
      from = to;
    }
}

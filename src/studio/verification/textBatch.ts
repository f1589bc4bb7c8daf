import { Random } from '../../tensor/random.ts';
import type { Corpus } from '../../text/corpus.ts';
import type { TextTokenizer } from '../../text/tokenizer.ts';

/** Token ids as a model reads them, [batch, length] row-major. */
export interface TextBatch {
  readonly batch: number;
  readonly length: number;
  readonly ids: Int32Array;
  /** 1 for tokens, 0 for padding. */
  readonly attention: Uint8Array;
  /** Segments. */
  readonly types: Int32Array;
}

/**
 * Which rows of an answer are of tokens: [batch, length, ..], or attention [batch, heads, length, length].
 * @param heads of attention; 1 for other answers
 */
export function tokenRows({ batch, length, attention }: TextBatch, heads = 1): Uint8Array {
  return Uint8Array.from(
    { length: batch * heads * length },
    (_, row) => attention[Math.floor(row / (heads * length)) * length + (row % length)] ?? 0,
  );
}

/** Read where the session has no text of the user's. */
const PROSE =
  'The harbour was quiet that morning. Two boats lay at the wall, and a man in a blue coat counted boxes on the quay. ' +
  'He had done so every day for eleven years, and nobody had ever asked him what was inside. When the bell rang at nine, ' +
  'the first of the workers came down the hill with their bread and their coffee, talking about the weather and the price ' +
  'of fish. A school class walked past in pairs. The smallest child stopped, looked at the water, and said that it was ' +
  'green because the sky was tired. Its teacher laughed; the man with the boxes wrote it down.';

/** Tokens of the held-out text, or of a page of English where there is none; special ones left out. */
export function verificationTokens(tokenizer: TextTokenizer, corpus: Corpus | undefined): Int32Array {
  const { pad, classify, separate } = tokenizer.special;
  const held = corpus?.heldOut.filter((id) => id !== pad && id !== classify && id !== separate);
  return held === undefined || held.length === 0 ? Int32Array.from(tokenizer.encode(PROSE)) : held;
}

/**
 * Sequences of running text with [CLS], [SEP] and a few [MASK]; every sequence but the first ends in padding where it
 * has room, and its second half is the second segment where the model knows two.
 */
export function textBatch(
  tokens: Int32Array,
  { special }: TextTokenizer,
  batch: number,
  length: number,
  typeVocabulary: number,
): TextBatch {
  const random = new Random(batch * 1000 + length);
  const ids = new Int32Array(batch * length).fill(special.pad);
  const attention = new Uint8Array(batch * length);
  const types = new Int32Array(batch * length);
  for (let row = 0; row < batch; row++) {
    const used = row === 0 ? length : Math.max(1, length - row * Math.max(1, Math.floor(length / 4)));
    const from = random.integer(Math.max(1, tokens.length - used));
    for (let at = 0; at < used; at++) {
      const i = row * length + at;
      attention[i] = 1;
      if (typeVocabulary > 1 && at >= used / 2) types[i] = 1;
      if (at === 0) ids[i] = special.classify;
      else if (at === used - 1) ids[i] = special.separate;
      else ids[i] = at % 6 === 3 ? special.mask : (tokens[(from + at) % tokens.length] ?? special.unknown);
    }
  }
  return { batch, length, ids, attention, types };
}

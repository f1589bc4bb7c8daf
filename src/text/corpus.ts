import { Random } from '../tensor/random.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { TextTokenizer } from './tokenizer.ts';

export interface TextDocument {
  readonly name: string;
  readonly text: string;
}

/** Text as packed sequences, [count, sequence] row-major: [CLS] tokens [SEP]; the last of a split is padded. */
export interface Corpus {
  readonly sequence: number;
  readonly train: Int32Array;
  readonly heldOut: Int32Array;
  readonly documents: number;
  readonly tokens: number;
  /** 0 to 1. */
  readonly unknownShare: number;
}

const HELD_OUT_SHARE = 0.1;
/** Below this many documents, blocks of paragraphs are held out instead of whole documents. */
const ENOUGH_DOCUMENTS = 10;
const BLOCK_LINES = 8;

/**
 * Bytes of a text file. @throws StudioError naming the file if it is empty, binary, or not UTF-8
 */
export function readText(name: string, bytes: Uint8Array): TextDocument {
  if (bytes.length === 0) throw new StudioError('text', `${name}: the file is empty. Choose one with text.`);
  if (bytes.subarray(0, 8192).includes(0)) throw new StudioError('text', `${name}: this is a binary file, expected plain text in UTF-8.`);
  try {
    return { name, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    throw new StudioError('text', `${name}: not valid UTF-8. Save it as UTF-8 and try again.`);
  }
}

/**
 * Tokenises, packs and splits documents; the split is by document and seeded.
 * @param sequence tokens of one packed sequence, [CLS] and [SEP] included
 * @throws StudioError if there is too little text for one sequence of each split
 */
export function buildCorpus(documents: readonly TextDocument[], tokenizer: TextTokenizer, sequence: number, seed: number): Corpus {
  const pieces =
    documents.length >= ENOUGH_DOCUMENTS
      ? documents.map((document) => document.text)
      : documents.flatMap((document) => blocks(document.text));
  const encoded = pieces.map((text) => text.split('\n').flatMap((line) => (line.trim() === '' ? [] : tokenizer.encode(line))));
  const tokens = encoded.reduce((sum, ids) => sum + ids.length, 0);
  if (encoded.length < 2 || tokens < 2 * sequence)
    throw new StudioError(
      'text',
      `text: ${tokens} tokens in ${encoded.length} pieces are too few for sequences of ${sequence}. Give more text, or shorter sequences.`,
    );
  const order = encoded.map((_, index) => index);
  new Random(seed).shuffle(order);
  const held = new Set<number>();
  let heldTokens = 0;
  for (const index of order) {
    if (held.size > 0 && heldTokens >= HELD_OUT_SHARE * tokens) break;
    if (held.size === order.length - 1) break;
    held.add(index);
    heldTokens += encoded[index]?.length ?? 0;
  }
  const unknown = encoded.reduce((sum, ids) => sum + ids.filter((id) => id === tokenizer.special.unknown).length, 0);
  const split = (inside: boolean): Int32Array =>
    pack(
      encoded.filter((_, index) => held.has(index) === inside),
      tokenizer,
      sequence,
    );
  return { sequence, train: split(false), heldOut: split(true), documents: documents.length, tokens, unknownShare: unknown / tokens };
}

function blocks(text: string): string[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const list: string[] = [];
  for (let at = 0; at < lines.length; at += BLOCK_LINES) list.push(lines.slice(at, at + BLOCK_LINES).join('\n'));
  return list;
}

function pack(documents: readonly (readonly number[])[], tokenizer: TextTokenizer, sequence: number): Int32Array {
  const stream = documents.flat();
  const room = sequence - 2;
  const count = Math.ceil(stream.length / room);
  const packed = new Int32Array(count * sequence).fill(tokenizer.special.pad);
  for (let row = 0; row < count; row++) {
    const part = stream.slice(row * room, (row + 1) * room);
    packed[row * sequence] = tokenizer.special.classify;
    packed.set(part, row * sequence + 1);
    packed[row * sequence + 1 + part.length] = tokenizer.special.separate;
  }
  return packed;
}

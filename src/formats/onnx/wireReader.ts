import type { ByteSource } from '../../tensor/byteSource.ts';
import { OnnxError } from './onnxError.ts';

/** One field of a protobuf message. */
export interface WireField {
  readonly number: number;
  /** Protobuf's wire types: a varint, 8 bytes, bytes with their length, 4 bytes. */
  readonly type: 0 | 1 | 2 | 5;
  /** A varint's value; 0 for the others. Exact up to 2^53. */
  readonly value: number;
  /** Where its contents are, in bytes of the source. */
  readonly start: number;
  readonly end: number;
}

const WINDOW = 2 ** 16;
/** A varint takes 10 bytes at most, a tag and a length 20. */
const LONGEST_HEAD = 20;

/**
 * Walks over the fields of a protobuf message without reading what they hold: the protobuf library decodes a message
 * from one buffer, and a model's message holds all of its weights.
 */
export class WireReader {
  readonly #source: ByteSource;
  readonly #end: number;
  #at: number;
  #window = new Uint8Array();
  #windowAt = 0;

  constructor(source: ByteSource, start = 0, end = source.size) {
    this.#source = source;
    this.#at = start;
    this.#end = end;
  }

  /** The next field, or undefined at the end. @throws OnnxError if the bytes are no protobuf message */
  async next(): Promise<WireField | undefined> {
    if (this.#at >= this.#end) return undefined;
    const from = this.#at - this.#windowAt;
    if (from < 0 || from + LONGEST_HEAD > this.#window.length) {
      this.#window = await this.#source.read(this.#at, Math.min(this.#end, this.#at + WINDOW));
      this.#windowAt = this.#at;
    }
    const tag = this.#varint();
    const number = Math.floor(tag / 8);
    const type = tag % 8;
    if (number < 1 || number > 2 ** 29) throw this.#damaged(`a field number, got ${number}`);
    if (type === 0) {
      const start = this.#at;
      const value = this.#varint();
      return { number, type, value, start, end: this.#at };
    }
    if (type !== 1 && type !== 2 && type !== 5) throw this.#damaged(`a field of a known kind, got kind ${type}`);
    const length = type === 2 ? this.#varint() : type === 1 ? 8 : 4;
    const start = this.#at;
    const end = start + length;
    if (end > this.#end) throw this.#damaged(`a field that ends by byte ${this.#end}, got ${end}`);
    this.#at = end;
    return { number, type, value: 0, start, end };
  }

  #varint(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#window[this.#at - this.#windowAt];
      if (byte === undefined) throw this.#damaged('a whole number, got the end');
      this.#at += 1;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw this.#damaged('a number of at most 10 bytes, got more');
  }

  #damaged(expected: string): OnnxError {
    return new OnnxError(`byte ${this.#at} — expected ${expected}. The file is cut off, damaged, or not an ONNX model.`);
  }
}

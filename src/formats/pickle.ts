import { shownName } from '../tensor/shown.ts';
import { StudioError } from '../tensor/studioError.ts';

/** A pickle that holds more than tensors and plain containers, or is damaged. */
export class PickleError extends StudioError {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}) {
    super('pickle', `pickle: ${message}`, details);
  }
}

/** The bytes at hand end inside the pickle; of a file that was read in part, more may cure it. */
export class PickleEndError extends PickleError {}

/** A Python global by name, as `torch FloatStorage`; nothing is ever imported or called. */
export interface PickleGlobal {
  readonly global: string;
}

/** What a REDUCE of an allowed global gave: the global and its arguments, for the caller to make sense of. */
export interface PickleCall {
  readonly call: string;
  readonly args: readonly PickleValue[];
}

/** A persistent id, such as a tensor's storage. */
export interface PickleReference {
  readonly persistent: PickleValue;
}

export type PickleValue =
  | number
  | bigint
  | string
  | boolean
  | null
  | Uint8Array
  | PickleGlobal
  | PickleCall
  | PickleReference
  | PickleValue[]
  | Map<string, PickleValue>;

const MARK = Symbol('mark');
type StackEntry = PickleValue | typeof MARK;

/** Deeper or longer than any checkpoint is. */
const MOST_STACK = 1_000_000;

/** Reads one pickle; a file may hold several, one after the other. */
export class Unpickler {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #allowed: ReadonlySet<string>;
  #at: number;
  #stack: StackEntry[] = [];
  #memo = new Map<number, PickleValue>();

  /** @param allowed globals that may appear, as `module name`; the first other one is refused by name */
  constructor(bytes: Uint8Array, allowed: ReadonlySet<string>, at = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#allowed = allowed;
    this.#at = at;
  }

  /** Where the next pickle begins. */
  get position(): number {
    return this.#at;
  }

  /** @throws PickleError naming the first thing that is refused, or where the file is damaged */
  read(): PickleValue {
    this.#stack = [];
    this.#memo = new Map();
    for (;;) {
      const code = this.#byte();
      if (code === 0x2e) return this.#pop();
      this.#step(code);
      if (this.#stack.length > MOST_STACK)
        throw new PickleError(`expected at most ${MOST_STACK} values at once, got more. The file is hostile or damaged.`);
    }
  }

  #damaged(expected: string): PickleError {
    return new PickleError(`byte ${this.#at} — expected ${expected}. The file is cut off or damaged; download it again.`);
  }

  #need(count: number): number {
    const from = this.#at;
    if (count < 0 || from + count > this.#bytes.length)
      throw new PickleEndError(
        `byte ${from} — expected ${count} more bytes, got ${this.#bytes.length - from}. The file is cut off or damaged; download it again.`,
      );
    this.#at += count;
    return from;
  }

  #byte(): number {
    return this.#view.getUint8(this.#need(1));
  }

  #text(length: number): string {
    const from = this.#need(length);
    return new TextDecoder().decode(this.#bytes.subarray(from, from + length));
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0)
      throw new PickleEndError(`byte ${this.#at} — expected a line, got the end. The file is cut off or damaged; download it again.`);
    const text = this.#text(end - this.#at);
    this.#at += 1;
    return text;
  }

  #length(bytes: 1 | 4 | 8): number {
    const from = this.#need(bytes);
    if (bytes === 1) return this.#view.getUint8(from);
    if (bytes === 4) return this.#view.getUint32(from, true);
    const value = this.#view.getBigUint64(from, true);
    return value > BigInt(this.#bytes.length) ? Number.MAX_SAFE_INTEGER : Number(value);
  }

  #long(length: number): number | bigint {
    const from = this.#need(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.#bytes[from + i] ?? 0);
    const signed = length === 0 ? 0n : BigInt.asIntN(8 * length, value);
    return signed >= BigInt(Number.MIN_SAFE_INTEGER) && signed <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(signed) : signed;
  }

  #push(value: StackEntry): void {
    this.#stack.push(value);
  }

  #pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined || value === MARK) throw this.#damaged('a value on the stack');
    return value;
  }

  #toMark(): PickleValue[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at < 0) throw this.#damaged('a mark on the stack');
    return this.#stack.splice(at).filter((value) => value !== MARK);
  }

  #store(index: number): void {
    const value = this.#stack.at(-1);
    if (value === undefined || value === MARK) throw this.#damaged('a value to remember');
    this.#memo.set(index, value);
  }

  #recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.#damaged(`remembered value ${index}`);
    this.#push(value);
  }

  #global(module: string, name: string): PickleGlobal {
    const global = `${module} ${name}`;
    if (!this.#allowed.has(global))
      throw new PickleError(
        `${shownName(module)}.${shownName(name)} — expected tensors and plain containers, got a Python object. It was not run. Save the weights as safetensors.`,
        { global: shownName(global) },
      );
    return { global };
  }

  #setItems(items: readonly PickleValue[]): void {
    const target = this.#stack.at(-1);
    // An object made by a call (an OrderedDict) takes its items through its arguments: see #reduce.
    if (!(target instanceof Map)) throw this.#damaged('a dictionary to fill');
    for (let i = 0; i + 1 < items.length; i += 2) {
      const key = items[i];
      const value = items[i + 1];
      if (value === undefined) continue;
      if (typeof key !== 'string' && typeof key !== 'number') throw this.#damaged('a name as a key');
      target.set(String(key), value);
    }
  }

  #append(items: readonly PickleValue[]): void {
    const target = this.#stack.at(-1);
    if (!Array.isArray(target)) throw this.#damaged('a list to fill');
    for (const item of items) target.push(item);
  }

  #reduce(): void {
    const args = this.#pop();
    const callable = this.#pop();
    if (!Array.isArray(args) || typeof callable !== 'object' || callable === null || !('global' in callable))
      throw this.#damaged('a known callable with a tuple of arguments');
    this.#push(callable.global === 'collections OrderedDict' ? new Map() : { call: callable.global, args });
  }

  #step(code: number): void {
    switch (code) {
      case 0x80: // PROTO
        this.#need(1);
        return;
      case 0x95: // FRAME
        this.#need(8);
        return;
      case 0x28: // MARK
        return this.#push(MARK);
      case 0x30: // POP
        this.#stack.pop();
        return;
      case 0x4e: // NONE
        return this.#push(null);
      case 0x88: // NEWTRUE
        return this.#push(true);
      case 0x89: // NEWFALSE
        return this.#push(false);
      case 0x4a: // BININT
        return this.#push(this.#view.getInt32(this.#need(4), true));
      case 0x4b: // BININT1
        return this.#push(this.#byte());
      case 0x4d: // BININT2
        return this.#push(this.#view.getUint16(this.#need(2), true));
      case 0x8a: // LONG1
        return this.#push(this.#long(this.#length(1)));
      case 0x8b: // LONG4
        return this.#push(this.#long(this.#length(4)));
      case 0x47: // BINFLOAT, big-endian
        return this.#push(this.#view.getFloat64(this.#need(8), false));
      case 0x58: // BINUNICODE
        return this.#push(this.#text(this.#length(4)));
      case 0x8c: // SHORT_BINUNICODE
        return this.#push(this.#text(this.#length(1)));
      case 0x8d: // BINUNICODE8
        return this.#push(this.#text(this.#length(8)));
      case 0x55: // SHORT_BINSTRING
      case 0x43: // SHORT_BINBYTES
        return this.#push(this.#text(this.#length(1)));
      case 0x54: // BINSTRING
      case 0x42: // BINBYTES
        return this.#push(this.#text(this.#length(4)));
      case 0x7d: // EMPTY_DICT
        return this.#push(new Map());
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
        return this.#push([]);
      case 0x85: // TUPLE1
        return this.#push([this.#pop()]);
      case 0x86: // TUPLE2
      case 0x87: {
        // TUPLE3
        const items = Array.from({ length: code - 0x84 }, () => this.#pop()).toReversed();
        return this.#push(items);
      }
      case 0x74: // TUPLE
      case 0x6c: // LIST
        return this.#push(this.#toMark());
      case 0x71: // BINPUT
        return this.#store(this.#byte());
      case 0x72: // LONG_BINPUT
        return this.#store(this.#length(4));
      case 0x94: // MEMOIZE
        return this.#store(this.#memo.size);
      case 0x68: // BINGET
        return this.#recall(this.#byte());
      case 0x6a: // LONG_BINGET
        return this.#recall(this.#length(4));
      case 0x63: // GLOBAL
        return this.#push(this.#global(this.#line(), this.#line()));
      case 0x93: {
        // STACK_GLOBAL
        const name = this.#pop();
        const module = this.#pop();
        if (typeof name !== 'string' || typeof module !== 'string') throw this.#damaged('the name of a global');
        return this.#push(this.#global(module, name));
      }
      case 0x51: // BINPERSID
        return this.#push({ persistent: this.#pop() });
      case 0x52: // REDUCE
        return this.#reduce();
      case 0x73: {
        // SETITEM
        const value = this.#pop();
        const key = this.#pop();
        return this.#setItems([key, value]);
      }
      case 0x75: // SETITEMS
        return this.#setItems(this.#toMark());
      case 0x61: // APPEND
        return this.#append([this.#pop()]);
      case 0x65: // APPENDS
        return this.#append(this.#toMark());
      case 0x62: // BUILD: attributes such as a state dict's _metadata, which hold no tensors
        this.#pop();
        return;
      default:
        throw new PickleError(
          `byte ${this.#at - 1} — expected an instruction for tensors and plain containers, got 0x${code.toString(16)}. Save the weights as safetensors.`,
        );
    }
  }
}

import type { Random } from '../../src/tensor/random.ts';

/** Whole numbers that lengths and offsets should fear. */
const INTEGERS = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  1n << 53n,
  (1n << 63n) - 1n,
  (1n << 64n) - 1n,
];
const WORDS = ['__proto__', 'constructor', '../..', '1e999', '-1', '9007199254740993', 'null', '{}', '""', '\u202E', '[[[[[[[['];

function spliced(bytes: Uint8Array, at: number, removed: number, added: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.max(0, bytes.length - removed) + added.length);
  out.set(bytes.subarray(0, at));
  out.set(added, at);
  out.set(bytes.subarray(at + removed), at + added.length);
  return out;
}

/** A place, mostly where structure is: headers and directories sit at the ends. */
function placeIn(random: Random, length: number): number {
  const near = random.integer(Math.max(1, Math.min(length, 4096)));
  const choice = random.integer(5);
  if (choice < 2) return near;
  if (choice < 4) return Math.max(0, length - 1 - near);
  return random.integer(Math.max(1, length));
}

function changedOnce(random: Random, bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  const at = placeIn(random, length);
  const some = Math.min(length - at, 1 + random.integer(64));
  switch (random.integer(8)) {
    case 0:
      return bytes.slice(0, random.integer(length + 1));
    case 1: {
      const width = [1, 2, 4, 8][random.integer(4)] ?? 1;
      const number = new DataView(new ArrayBuffer(8));
      number.setBigUint64(0, BigInt.asUintN(64, INTEGERS[random.integer(INTEGERS.length)] ?? 0n), random.integer(4) > 0);
      return at + width > length ? bytes : spliced(bytes, at, width, new Uint8Array(number.buffer, 0, width));
    }
    case 2:
      // A stretch twice: duplicate entries, names and fields.
      return spliced(bytes, at, 0, bytes.slice(at, at + some));
    case 3:
      return spliced(bytes, at, some, new Uint8Array());
    case 4:
      return spliced(bytes, at, random.integer(2) * some, new TextEncoder().encode(WORDS[random.integer(WORDS.length)] ?? ''));
    case 5:
      return spliced(bytes, placeIn(random, length), 0, bytes.slice(at, at + some));
    default: {
      const changed = bytes.slice();
      if (length === 0) return changed;
      for (let flips = random.integer(4); flips >= 0; flips--) changed[placeIn(random, length)] = random.integer(256);
      return changed;
    }
  }
}

/** A file that was a good one before one to four things happened to it. */
export function mutated(random: Random, seed: Uint8Array): Uint8Array {
  let bytes = seed;
  for (let times = random.integer(4); times >= 0; times--) bytes = changedOnce(random, bytes);
  return bytes;
}

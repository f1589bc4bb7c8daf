import { sha256 as hashed } from '@noble/hashes/sha2.js';
import { openSafetensorsFile } from '../../formats/safetensors.ts';
import { safetensorsPieces } from '../../formats/safetensorsPieces.ts';
import { openBytes, sliceOf, type ByteContent, type ByteSource } from '../../tensor/byteSource.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { NamedTensors, Tensor } from '../../tensor/tensor.ts';

/**
 * The files of a run: 7 letters that name the kind, a digit for the version, 32 bytes of digest, and the body: safetensors
 * with everything that is no tensor as JSON in its metadata. The digest is SHA-256 over the SHA-256 of every
 * {@link STRETCH} of the body, so that neither writing nor checking needs it in one buffer.
 */
export type SealedKind = 'WIDCKPT' | 'WIDSTUD' | 'WIDRUNR' | 'WIDTEXT' | 'WIDTCHR';

export interface Unsealed {
  readonly version: number;
  readonly plain: unknown;
  readonly tensors: NamedTensors;
}

/** Versions up to here have SHA-256 of the whole body as their digest; no such file was larger than one buffer. */
const WHOLE_DIGEST: Readonly<Record<SealedKind, number>> = { WIDCKPT: 2, WIDSTUD: 1, WIDRUNR: 1, WIDTEXT: 1, WIDTCHR: 0 };

/**
 * Part of the format: bytes hashed, and written, at once. Web Crypto takes whole messages only, and browsers refuse buffers
 * of 2 GiB. Not small: between two steps of training, hashing and writing come forward by about one stretch.
 */
export const STRETCH = 128 * 2 ** 20;

const KIND_LETTERS = 7;
const MAGIC = KIND_LETTERS + 1;
const DIGEST = 32;
const HEADER = MAGIC + DIGEST;
const IN_WORDS: Readonly<Record<SealedKind, string>> = {
  WIDCKPT: 'a checkpoint',
  WIDSTUD: 'a student',
  WIDRUNR: 'the record of a run',
  WIDTEXT: 'a text',
  WIDTCHR: 'a teacher',
};

export async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  const { buffer } = bytes;
  // Web Crypto takes no shared memory.
  const view = buffer instanceof ArrayBuffer ? new Uint8Array(buffer, bytes.byteOffset, bytes.length) : Uint8Array.from(bytes);
  // Pages that came over plain HTTP have no Web Crypto.
  return 'subtle' in crypto ? new Uint8Array(await crypto.subtle.digest('SHA-256', view)) : hashed(view);
}

/** JSON has no NaN and no infinities; losses of runs that diverged do. */
function pack(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? { notFinite: String(value) } : value;
}

function unpack(_key: string, value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'notFinite' in value ? Number(value.notFinite) : value;
}

/** The body copied together, at most {@link STRETCH} bytes at a time. */
function* stretchesOf(pieces: readonly Uint8Array[]): Generator<Uint8Array<ArrayBuffer>> {
  let left = pieces.reduce((sum, { length }) => sum + length, 0);
  let stretch = new Uint8Array(Math.min(STRETCH, left));
  let filled = 0;
  for (const piece of pieces)
    for (let at = 0; at < piece.length;) {
      const taken = piece.subarray(at, at + stretch.length - filled);
      stretch.set(taken, filled);
      at += taken.length;
      filled += taken.length;
      if (filled < stretch.length) continue;
      yield stretch;
      left -= filled;
      stretch = new Uint8Array(Math.min(STRETCH, left));
      filled = 0;
    }
}

async function digestOf(stretches: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const digests: Uint8Array[] = [];
  for await (const stretch of stretches) digests.push(await sha256(stretch));
  const all = new Uint8Array(digests.length * DIGEST);
  digests.forEach((digest, i) => all.set(digest, i * DIGEST));
  return sha256(all);
}

/** @returns the file's parts, made anew whenever they are asked for: a file that fails to be written is written again */
export async function seal(kind: SealedKind, version: number, plain: object, tensors: NamedTensors): Promise<Iterable<Uint8Array>> {
  const pieces = [...safetensorsPieces(tensors, { format: 'wid-studio', state: JSON.stringify(plain, pack) })];
  const small = pieces.reduce((sum, { length }) => sum + length, 0) <= STRETCH;
  const kept = small ? [...stretchesOf(pieces)] : undefined;
  const header = new Uint8Array(HEADER);
  header.set(new TextEncoder().encode(`${kind}${version}`));
  header.set(await digestOf(kept ?? stretchesOf(pieces)), MAGIC);
  return {
    *[Symbol.iterator]() {
      yield header;
      yield* kept ?? stretchesOf(pieces);
    },
  };
}

export function refusal(name: string, expected: string, got: string): StudioError {
  return new StudioError(
    'checkpoint',
    `${name}: expected ${expected}, got ${got}. It was not read; an earlier one is taken if there is one.`,
    {
      name,
    },
  );
}

async function* bodyOf(source: ByteSource): AsyncGenerator<Uint8Array> {
  for (let at = HEADER; at < source.size; at += STRETCH) yield source.read(at, Math.min(source.size, at + STRETCH));
}

/**
 * Checks a file whole, then reads it tensor by tensor: a file of any size.
 * @param newest version that this build writes; the caller brings older ones up to date
 * @throws StudioError if the file is of another kind, of a newer version, cut short, or not what was written
 */
export async function unseal(name: string, kind: SealedKind, newest: number, content: ByteContent): Promise<Unsealed> {
  const { version, body } = await checkSealed(name, kind, newest, content);
  const { tensors: stored, metadata } = await openSafetensorsFile(body);
  let plain: unknown;
  try {
    plain = JSON.parse(metadata.get('state') ?? 'null', unpack);
  } catch {
    // A digest vouches for a file that was cut short or changed, not for one that was made to harm.
    throw refusal(name, "a run's state as JSON", 'something else');
  }
  const tensors = new Map<string, Tensor>();
  for (const [tensor, { shape, read }] of stored) if (read !== null) tensors.set(tensor, { shape, data: await read() });
  return { version, plain, tensors };
}

/**
 * Checks that a file is what was written, without reading its tensors.
 * @throws StudioError as {@link unseal}
 */
export async function checkSealed(
  name: string,
  kind: SealedKind,
  newest: number,
  content: ByteContent,
): Promise<{ readonly version: number; readonly body: ByteSource }> {
  const source = openBytes(content);
  const header = await source.read(0, Math.min(HEADER, source.size));
  const magic = new TextDecoder('latin1').decode(header.subarray(0, MAGIC));
  if (!magic.startsWith(kind)) throw refusal(name, `${IN_WORDS[kind]} of WID Studio`, 'another kind of file');
  const version = Number(magic.slice(KIND_LETTERS));
  if (!(version >= 1 && version <= newest))
    throw refusal(
      name,
      `${IN_WORDS[kind]} of version 1 to ${newest}`,
      `version ${magic.slice(KIND_LETTERS)}, which another WID Studio wrote; update this one`,
    );
  const changed = refusal(name, 'the bytes that were written', 'others: the file was cut short or changed');
  if (source.size < HEADER) throw changed;
  const body = sliceOf(source, HEADER, source.size);
  const digest = version <= WHOLE_DIGEST[kind] ? await sha256(await body.read(0, body.size)) : await digestOf(bodyOf(source));
  if (digest.some((byte, i) => byte !== header[MAGIC + i])) throw changed;
  return { version, body };
}

import { readSafetensors, writeSafetensors } from '../../formats/safetensors.ts';
import { openBytes, type ByteContent } from '../../tensor/byteSource.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { NamedTensors } from '../../tensor/tensor.ts';
import type { RunState } from './runState.ts';

/** What a kept state belongs to: a run goes on only with the same teacher and text. */
export interface Fingerprints {
  readonly teacher: string;
  readonly text: string;
}

export interface Checkpoint {
  readonly state: RunState;
  readonly fingerprints: Fingerprints;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
}

/** Version of the layout below: 8 bytes of magic, SHA-256 of the rest, safetensors with the state in its metadata. */
const MAGIC = 'WIDCKPT1';
const DIGEST = 32;
const HEADER = MAGIC.length + DIGEST;

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  const { buffer } = bytes;
  // Web Crypto takes no shared memory.
  const view = buffer instanceof ArrayBuffer ? new Uint8Array(buffer, bytes.byteOffset, bytes.length) : Uint8Array.from(bytes);
  return new Uint8Array(await crypto.subtle.digest('SHA-256', view));
}

/** Bytes hashed at once: Web Crypto takes whole messages only, and a checkpoint's files may be larger than memory. */
const HASHED_AT_ONCE = 64 * 2 ** 20;

/** SHA-256 of files in order, names and bytes, in hexadecimal; of long files, of the hashes of their stretches. */
export async function fingerprintOf(files: readonly { readonly path: string; readonly bytes: ByteContent }[]): Promise<string> {
  const parts: Uint8Array[] = [];
  for (const { path, bytes } of files.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    const source = openBytes(bytes);
    parts.push(new TextEncoder().encode(`${path}\n${source.size}\n`));
    for (let at = 0; at === 0 || at < source.size; at += HASHED_AT_ONCE)
      parts.push(await sha256(await source.read(at, Math.min(source.size, at + HASHED_AT_ONCE))));
  }
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return [...(await sha256(all))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export async function encodeCheckpoint({ state, fingerprints, savedAt }: Checkpoint): Promise<Uint8Array> {
  const { tensors, ...plain } = state;
  const body = writeSafetensors(tensors, { format: 'wid-studio', state: JSON.stringify({ ...plain, fingerprints, savedAt }) });
  const bytes = new Uint8Array(HEADER + body.length);
  bytes.set(new TextEncoder().encode(MAGIC));
  bytes.set(await sha256(body), MAGIC.length);
  bytes.set(body, HEADER);
  return bytes;
}

function damaged(name: string, expected: string, got: string): StudioError {
  return new StudioError('checkpoint', `${name}: expected ${expected}, got ${got}. An earlier checkpoint is tried instead.`, { name });
}

type Plain = Omit<RunState, 'tensors'> & Omit<Checkpoint, 'state'>;

/** The digest has vouched for every byte that encodeCheckpoint wrote, so the names of its parts are enough. */
function isPlain(value: unknown): value is Plain {
  return (
    typeof value === 'object' && value !== null && 'recipe' in value && 'stream' in value && 'fingerprints' in value && 'savedAt' in value
  );
}

/** @throws StudioError if the file is of another version, cut short, or not what was written */
export async function decodeCheckpoint(name: string, bytes: Uint8Array): Promise<Checkpoint> {
  const magic = new TextDecoder('latin1').decode(bytes.subarray(0, MAGIC.length));
  if (!magic.startsWith('WIDCKPT')) throw damaged(name, 'a checkpoint of WID Studio', 'another kind of file');
  if (magic !== MAGIC) throw damaged(name, `a checkpoint of version ${MAGIC.slice(7)}`, `version ${magic.slice(7)}`);
  const body = bytes.subarray(HEADER);
  const digest = await sha256(body);
  if (bytes.length < HEADER || digest.some((byte, i) => byte !== bytes[MAGIC.length + i]))
    throw damaged(name, 'the bytes that were written', 'others: the file was cut short or changed');
  // A copy: safetensors needs its data aligned, which the header in front does not keep.
  const file = readSafetensors(body.slice());
  const plain: unknown = JSON.parse(file.metadata.get('state') ?? '{}');
  if (!isPlain(plain)) throw damaged(name, "a run's state", 'none');
  const { fingerprints, savedAt, ...state } = plain;
  const tensors: NamedTensors = file.tensors;
  return { state: { ...state, tensors }, fingerprints, savedAt };
}

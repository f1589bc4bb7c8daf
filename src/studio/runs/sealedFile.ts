import { readSafetensors, writeSafetensors } from '../../formats/safetensors.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { NamedTensors } from '../../tensor/tensor.ts';

/**
 * The files of a run: 7 letters that name the kind, a digit for the version, SHA-256 of the rest, and safetensors with
 * everything that is no tensor as JSON in its metadata.
 */
export type SealedKind = 'WIDCKPT' | 'WIDSTUD' | 'WIDRUNR' | 'WIDTEXT';

export interface Unsealed {
  readonly version: number;
  readonly plain: unknown;
  readonly tensors: NamedTensors;
}

const KIND_LETTERS = 7;
const MAGIC = KIND_LETTERS + 1;
const HEADER = MAGIC + 32;
const IN_WORDS: Readonly<Record<SealedKind, string>> = {
  WIDCKPT: 'a checkpoint',
  WIDSTUD: 'a student',
  WIDRUNR: 'the record of a run',
  WIDTEXT: 'a text',
};

export async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  const { buffer } = bytes;
  // Web Crypto takes no shared memory.
  const view = buffer instanceof ArrayBuffer ? new Uint8Array(buffer, bytes.byteOffset, bytes.length) : Uint8Array.from(bytes);
  return new Uint8Array(await crypto.subtle.digest('SHA-256', view));
}

/** JSON has no NaN and no infinities; losses of runs that diverged do. */
function pack(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? { notFinite: String(value) } : value;
}

function unpack(_key: string, value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'notFinite' in value ? Number(value.notFinite) : value;
}

/** @returns header and body, to be written one after the other: joining them would copy every weight once more */
export async function seal(kind: SealedKind, version: number, plain: object, tensors: NamedTensors): Promise<readonly Uint8Array[]> {
  const body = writeSafetensors(tensors, { format: 'wid-studio', state: JSON.stringify(plain, pack) });
  const header = new Uint8Array(HEADER);
  header.set(new TextEncoder().encode(`${kind}${version}`));
  header.set(await sha256(body), MAGIC);
  return [header, body];
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

/**
 * @param newest version that this build writes; the caller brings older ones up to date
 * @throws StudioError if the file is of another kind, of a newer version, cut short, or not what was written
 */
export async function unseal(name: string, kind: SealedKind, newest: number, bytes: Uint8Array): Promise<Unsealed> {
  const magic = new TextDecoder('latin1').decode(bytes.subarray(0, MAGIC));
  if (!magic.startsWith(kind)) throw refusal(name, `${IN_WORDS[kind]} of WID Studio`, 'another kind of file');
  const version = Number(magic.slice(KIND_LETTERS));
  if (!(version >= 1 && version <= newest))
    throw refusal(
      name,
      `${IN_WORDS[kind]} of version 1 to ${newest}`,
      `version ${magic.slice(KIND_LETTERS)}, which another WID Studio wrote; update this one`,
    );
  const body = bytes.subarray(HEADER);
  const digest = await sha256(body);
  if (bytes.length < HEADER || digest.some((byte, i) => byte !== bytes[MAGIC + i]))
    throw refusal(name, 'the bytes that were written', 'others: the file was cut short or changed');
  const file = readSafetensors(body);
  let plain: unknown;
  try {
    plain = JSON.parse(file.metadata.get('state') ?? 'null', unpack);
  } catch {
    // A digest vouches for a file that was cut short or changed, not for one that was made to harm.
    throw refusal(name, "a run's state as JSON", 'something else');
  }
  return { version, plain, tensors: file.tensors };
}

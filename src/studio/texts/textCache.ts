import type { ByteContent } from '../../tensor/byteSource.ts';
import type { Corpus } from '../../text/corpus.ts';
import { fingerprintOf } from '../runs/fingerprint.ts';
import type { RunFiles } from '../runs/runFiles.ts';
import { seal, unseal } from '../runs/sealedFile.ts';
import type { GivenFile } from '../api/files.ts';
import type { TextReport, TextWish } from '../api/text.ts';

/** What reading a text gave. */
export interface CachedText {
  readonly corpus: Corpus;
  readonly report: TextReport;
  readonly fingerprint: string;
}

const KIND = 'WIDTEXT';
/** 3: the seed of the split. */
const VERSION = 3;
/** Reading less again takes no time that a user would notice. */
const WORTH_TOKENS = 250_000;
const KEPT = 3;

/**
 * Texts that were read before, by the content of their files, the teacher's fingerprint and what was wished for. A cache:
 * whatever cannot be read or written is as if it were not there.
 */
export class TextCache {
  readonly #files: Pick<RunFiles, 'list' | 'open' | 'write' | 'remove'>;

  constructor(files: Pick<RunFiles, 'list' | 'open' | 'write' | 'remove'>) {
    this.#files = files;
  }

  /** Reads every byte of the files, which takes a small part of the time that tokenising them does. */
  async keyOf(files: readonly GivenFile[], teacher: string, wish: TextWish): Promise<string> {
    const wishes = JSON.stringify([VERSION, teacher, wish.sequence, wish.seed, wish.column ?? null]);
    return fingerprintOf([{ path: `${await fingerprintOf(files)} ${wishes}`, bytes: new Uint8Array(0) }]);
  }

  async find(key: string): Promise<CachedText | undefined> {
    try {
      const name = (await this.#files.list()).find((each) => each.endsWith(key));
      return name === undefined ? undefined : await decodeText(name, await this.#files.open(name));
    } catch {
      return undefined;
    }
  }

  /** @param now milliseconds since 1970: the oldest texts make room */
  async keep(key: string, text: CachedText, now: number): Promise<void> {
    if (text.corpus.tokens < WORTH_TOKENS) return;
    try {
      const oldestFirst = (await this.#files.list()).toSorted();
      for (const name of oldestFirst.slice(0, Math.max(0, oldestFirst.length - KEPT + 1))) await this.#files.remove(name);
      await this.#files.write(`${String(now).padStart(16, '0')}-${key}`, await encodeText(text));
    } catch {
      // A full disk keeps no texts; the run does not need them kept.
    }
  }
}

/** Ids are below 2^24, which float32 holds exactly. */
export function encodeText({ corpus, report, fingerprint }: CachedText): Promise<Iterable<Uint8Array>> {
  const { train, heldOut, ...counts } = corpus;
  const split = (ids: Int32Array): { shape: number[]; data: Float32Array } => ({ shape: [ids.length], data: Float32Array.from(ids) });
  const splits = new Map([
    ['train', split(train)],
    ['heldOut', split(heldOut)],
  ]);
  return seal(KIND, VERSION, { counts, report, fingerprint }, splits);
}

interface Stored {
  readonly counts: Omit<Corpus, 'train' | 'heldOut'>;
  readonly report: TextReport;
  readonly fingerprint: string;
}

/** The digest has vouched for every byte that encodeText wrote, so the names of its parts are enough. */
function isStored(value: unknown): value is Stored {
  return typeof value === 'object' && value !== null && 'counts' in value && 'report' in value && 'fingerprint' in value;
}

/** @returns undefined where a part is missing  @throws StudioError if the file is not what was written */
export async function decodeText(name: string, bytes: ByteContent): Promise<CachedText | undefined> {
  const { plain, tensors } = await unseal(name, KIND, VERSION, bytes);
  const train = tensors.get('train');
  const heldOut = tensors.get('heldOut');
  if (!isStored(plain) || train === undefined || heldOut === undefined) return undefined;
  const { counts, report, fingerprint } = plain;
  return { corpus: { ...counts, train: Int32Array.from(train.data), heldOut: Int32Array.from(heldOut.data) }, report, fingerprint };
}

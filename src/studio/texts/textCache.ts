import { fingerprintOf } from '../runs/fingerprint.ts';
import type { RunFiles } from '../runs/runFiles.ts';
import { decodeText, encodeText, TEXT_VERSION, type StoredText } from '../runs/textFile.ts';
import type { GivenFile } from '../api/files.ts';
import type { TextWish } from '../api/text.ts';

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
    const wishes = JSON.stringify([TEXT_VERSION, teacher, wish.sequence, wish.seed, wish.column ?? null, wish.documents ?? 'joined']);
    return fingerprintOf([{ path: `${await fingerprintOf(files)} ${wishes}`, bytes: new Uint8Array(0) }]);
  }

  async find(key: string): Promise<StoredText | undefined> {
    try {
      const name = (await this.#files.list()).find((each) => each.endsWith(key));
      return name === undefined ? undefined : await decodeText(name, await this.#files.open(name));
    } catch {
      return undefined;
    }
  }

  /** @param now milliseconds since 1970: the oldest texts make room */
  async keep(key: string, text: StoredText, now: number): Promise<void> {
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

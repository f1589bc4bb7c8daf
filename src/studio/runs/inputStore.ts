import type { ByteSource } from '../../tensor/byteSource.ts';
import { fingerprintOfCorpus, fingerprintOfTeacher } from './fingerprint.ts';
import type { RunFiles } from './runFiles.ts';
import { decodeTeacher, encodeTeacher } from './teacherFile.ts';
import { decodeText, encodeText, type StoredText } from './textFile.ts';
import type { Teacher } from '../teacher/teacher.ts';

type Kind = 'teacher' | 'text';

/**
 * Teachers and texts that kept runs began with, by their fingerprints, so that a run goes on and is opened without the files
 * that they came in: `<fingerprint>.teacher`, `<fingerprint>.text`. One of each for all runs that share it.
 */
export class InputStore {
  readonly #files: RunFiles;

  constructor(files: RunFiles) {
    this.#files = files;
  }

  async has(kind: Kind, fingerprint: string): Promise<boolean> {
    return (await this.#files.list()).includes(`${fingerprint}.${kind}`);
  }

  /**
   * Keeps both where there is room for them beside what the run needs.
   * @param reserved bytes that must stay free
   * @returns whether both are kept now
   */
  async keep(
    teacher: Teacher,
    text: StoredText,
    fingerprints: { readonly teacher: string; readonly text: string },
    reserved: number,
  ): Promise<boolean> {
    const wanted = [
      { name: `${fingerprints.teacher}.teacher`, bytes: teacher.report.bytes, encode: () => encodeTeacher(teacher) },
      {
        name: `${fingerprints.text}.text`,
        bytes: 4 * (text.corpus.train.length + text.corpus.heldOut.length),
        encode: () => encodeText(text),
      },
    ];
    try {
      const there = new Set(await this.#files.list());
      const missing = wanted.filter(({ name }) => !there.has(name));
      // A tenth more: names, tokenizers and reports.
      const needed = Math.ceil(missing.reduce((sum, { bytes }) => sum + 1.1 * bytes, reserved));
      const free = missing.length === 0 ? undefined : await this.#files.free(needed);
      if (free !== undefined && free < needed) return false;
      for (const { name, encode } of missing) await this.#files.write(name, await encode());
      return true;
    } catch {
      // A disk that is full, or fails, keeps none: the files can be given again.
      return false;
    }
  }

  /** @returns undefined where it is not kept, or damaged: then it is removed, to be kept anew */
  teacher(fingerprint: string): Promise<Teacher | undefined> {
    return this.#read('teacher', fingerprint, decodeTeacher, fingerprintOfTeacher);
  }

  /** @returns undefined where it is not kept, or damaged: then it is removed, to be kept anew */
  text(fingerprint: string): Promise<StoredText | undefined> {
    return this.#read('text', fingerprint, decodeText, ({ corpus }) => fingerprintOfCorpus(corpus));
  }

  async #read<T>(
    kind: Kind,
    fingerprint: string,
    decode: (name: string, content: ByteSource) => Promise<T | undefined>,
    fingerprintOf: (read: T) => Promise<string>,
  ): Promise<T | undefined> {
    const name = `${fingerprint}.${kind}`;
    if (!(await this.has(kind, fingerprint))) return undefined;
    try {
      const read = await decode(name, await this.#files.open(name));
      if (read !== undefined && (await fingerprintOf(read)) === fingerprint) return read;
    } catch {
      // As if it were not there.
    }
    await this.#files.remove(name);
    return undefined;
  }

  /**
   * Removes what no run began with.
   * @param inUse fingerprints, or undefined where they cannot be told; asked for after the files are listed: what another tab
   *   keeps while they are found out is not yet among them
   */
  async sweep(inUse: () => Promise<ReadonlySet<string> | undefined>): Promise<void> {
    const names = await this.#files.list();
    const used = await inUse();
    if (used === undefined) return;
    await this.#files.sweep('');
    for (const name of names) if (!used.has(name.split('.', 1)[0] ?? '')) await this.#files.remove(name);
  }
}

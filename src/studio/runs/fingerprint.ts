import { hexOf } from '../../tensor/bytes.ts';
import { openBytes, type ByteContent } from '../../tensor/byteSource.ts';
import type { Corpus } from '../../text/corpus.ts';
import type { Teacher } from '../teacher/teacher.ts';
import { sha256 } from './sealedFile.ts';
import { storedSentences } from './sentencesFile.ts';

/** What a kept state belongs to: a run goes on only with the same teacher and text. */
export interface Fingerprints {
  readonly teacher: string;
  readonly text: string;
}

/** SHA-256 of what a teacher computes with, in hexadecimal: the same for a folder, its zip and its repository. */
export function fingerprintOfTeacher({
  model,
  tokenizerFiles,
  sentences,
}: Pick<Teacher, 'model' | 'tokenizerFiles' | 'sentences'>): Promise<string> {
  const pooling = sentences === undefined ? undefined : storedSentences(sentences);
  return fingerprintOf([
    { path: 'config', bytes: new TextEncoder().encode(JSON.stringify(model.config)) },
    ...[...tokenizerFiles].map(([path, bytes]) => ({ path: `tokenizer/${path}`, bytes })),
    ...[...model.tensors].map(([name, { data }]) => ({
      path: `tensor/${name}`,
      bytes: bytesOf(data),
    })),
    ...(pooling === undefined
      ? []
      : [
          { path: 'sentences', bytes: new TextEncoder().encode(JSON.stringify(pooling.plain)) },
          ...[...pooling.tensors].map(([name, { data }]) => ({ path: `sentences/${name}`, bytes: bytesOf(data) })),
        ]),
  ]);
}

/** SHA-256 of packed tokens, how they were split, and where documents lie apart, in hexadecimal. */
export function fingerprintOfCorpus({ train, heldOut, sequence, seed, apart }: Corpus): Promise<string> {
  const bytes = bytesOf;
  return fingerprintOf([
    { path: `train ${sequence} ${seed}`, bytes: bytes(train) },
    { path: 'held out', bytes: bytes(heldOut) },
    ...(apart === undefined
      ? []
      : [
          { path: 'documents', bytes: bytes(apart.train) },
          { path: 'documents held out', bytes: bytes(apart.heldOut) },
        ]),
  ]);
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
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
  return hexOf(await sha256(all));
}

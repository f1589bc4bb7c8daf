import type { ByteContent } from '../../tensor/byteSource.ts';
import type { Corpus } from '../../text/corpus.ts';
import type { TextReport } from '../api/text.ts';
import { seal, unseal } from './sealedFile.ts';

/** A text that was read, packed for training. */
export interface StoredText {
  readonly corpus: Corpus;
  readonly report: TextReport;
  readonly fingerprint: string;
}

const KIND = 'WIDTEXT';
/** 3: the seed of the split. */
export const TEXT_VERSION = 3;

/** Ids are below 2^24, which float32 holds exactly. */
export function encodeText({ corpus, report, fingerprint }: StoredText): Promise<Iterable<Uint8Array>> {
  const { train, heldOut, ...counts } = corpus;
  const split = (ids: Int32Array): { shape: number[]; data: Float32Array } => ({ shape: [ids.length], data: Float32Array.from(ids) });
  const splits = new Map([
    ['train', split(train)],
    ['heldOut', split(heldOut)],
  ]);
  return seal(KIND, TEXT_VERSION, { counts, report, fingerprint }, splits);
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
export async function decodeText(name: string, bytes: ByteContent): Promise<StoredText | undefined> {
  const { plain, tensors } = await unseal(name, KIND, TEXT_VERSION, bytes);
  const train = tensors.get('train');
  const heldOut = tensors.get('heldOut');
  if (!isStored(plain) || train === undefined || heldOut === undefined) return undefined;
  const { counts, report, fingerprint } = plain;
  return { corpus: { ...counts, train: Int32Array.from(train.data), heldOut: Int32Array.from(heldOut.data) }, report, fingerprint };
}

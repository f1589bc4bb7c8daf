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
  const { train, heldOut, apart, ...counts } = corpus;
  const split = (ids: Int32Array): { shape: number[]; data: Float32Array } => ({ shape: [ids.length], data: Float32Array.from(ids) });
  const splits = new Map([
    ['train', split(train)],
    ['heldOut', split(heldOut)],
    ...Object.entries(apart ?? {}).map(([name, documents]) => [`apart.${name}`, split(distances(documents))] as const),
  ]);
  return seal(KIND, TEXT_VERSION, { counts, report, fingerprint }, splits);
}

interface Stored {
  readonly counts: Omit<Corpus, 'train' | 'heldOut' | 'apart'>;
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
  const corpus = { ...counts, train: Int32Array.from(train.data), heldOut: Int32Array.from(heldOut.data) };
  const [inTrain, inHeldOut] = [tensors.get('apart.train'), tensors.get('apart.heldOut')];
  if (inTrain === undefined || inHeldOut === undefined) return { corpus, report, fingerprint };
  const apart = { train: placesOf(inTrain.data), heldOut: placesOf(inHeldOut.data) };
  return { corpus: { ...corpus, apart }, report, fingerprint };
}

/** Ascending places as the steps from one to the next, which float32 holds exactly: none is longer than a row. */
function distances(places: Int32Array): Int32Array {
  return places.map((place, i) => place - (places[i - 1] ?? 0));
}

function placesOf(steps: Float32Array): Int32Array {
  let place = 0;
  return Int32Array.from(steps, (step) => (place += step));
}

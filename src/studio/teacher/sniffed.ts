import { isOnnx } from '../../formats/onnx/isOnnx.ts';
import { isPickle, isZip, torchPickle } from '../../formats/pytorchCheckpoint.ts';
import { isSafetensors } from '../../formats/safetensors.ts';
import { openZip } from '../../formats/zip.ts';
import type { ByteSource } from '../../tensor/byteSource.ts';

/** What a file is by its content; `other` is everything that is neither weights nor a zip. */
export type Sniffed =
  | { readonly kind: 'safetensors' | 'onnx' | 'pickle' | 'other' }
  /** `torch`: a zip that torch.save wrote. `zip`: a folder of files. */
  | { readonly kind: 'torch' | 'zip'; readonly entries: ReadonlyMap<string, ByteSource> };

/** Enough for every mark that is looked for. */
const HEAD_BYTES = 16;

/** Tells weights by their first bytes, and zips by what they list. @throws ZipError if a zip's directory is damaged */
export async function sniffed(source: ByteSource): Promise<Sniffed> {
  const head = await source.read(0, Math.min(HEAD_BYTES, source.size));
  if (isZip(head)) {
    const entries = await openZip(source);
    return { kind: torchPickle(entries) === undefined ? 'zip' : 'torch', entries };
  }
  if (isSafetensors(head)) return { kind: 'safetensors' };
  if (isOnnx(head)) return { kind: 'onnx' };
  return { kind: isPickle(head) ? 'pickle' : 'other' };
}

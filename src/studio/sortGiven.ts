import { isOnnx } from '../formats/onnx/onnxGraph.ts';
import { isPickle, isZip, torchPickle } from '../formats/pytorchCheckpoint.ts';
import { isSafetensors } from '../formats/safetensors.ts';
import { openZip } from '../formats/zip.ts';
import { openBytes } from '../tensor/byteSource.ts';
import type { GivenFile, SortedFiles } from './api/files.ts';

/** Files beside a checkpoint's weights, by name: as text they would be read as prose. */
const BESIDE_WEIGHTS =
  /(^|\/)(config\.json|tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json|added_tokens\.json|vocab\.txt|merges\.txt|generation_config\.json|modules\.json|[^/]*\.index\.json|[^/]*\.onnx(_data|\.data)?)$/i;
const TEXT = /\.(txt|md|jsonl|ndjson|json|csv|tsv|parquet|zip)$/i;
/** Words about the model, which come with its folder: its card tells the licence. */
const ABOUT = /(^|\/)(readme|licen[cs]e|notice|copying)[^/]*$/i;

/**
 * Tells a checkpoint's files from texts: weights by their first bytes, zips by what they hold, the rest by name.
 * Files that are neither are in neither list.
 */
export async function sortGiven(files: readonly GivenFile[]): Promise<SortedFiles> {
  const teacher: number[] = [];
  const text: number[] = [];
  for (const [index, file] of files.entries()) {
    if (await belongsToCheckpoint(file)) teacher.push(index);
    else if (TEXT.test(file.path)) text.push(index);
  }
  if (teacher.length === 0) return { teacher, text };
  const about = text.filter((index) => ABOUT.test(files[index]?.path ?? ''));
  return { teacher: [...teacher, ...about], text: text.filter((index) => !about.includes(index)) };
}

async function belongsToCheckpoint({ path, bytes }: GivenFile): Promise<boolean> {
  if (BESIDE_WEIGHTS.test(path)) return true;
  const source = openBytes(bytes);
  const head = await source.read(0, Math.min(16, source.size));
  if (isSafetensors(head) || isPickle(head) || isOnnx(head)) return true;
  if (!isZip(head)) return false;
  const entries = await openZip(source);
  return torchPickle(entries) !== undefined || [...entries.keys()].some((name) => /(^|\/)config\.json$/.test(name));
}

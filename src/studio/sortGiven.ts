import { openBytes } from '../tensor/byteSource.ts';
import type { GivenFile } from './api/files.ts';
import { sniffed } from './teacher/sniffed.ts';

/** Which of some files, by their places, make a teacher, and which are text. */
export interface SortedFiles {
  readonly teacher: readonly number[];
  readonly text: readonly number[];
}

/** A name without its folders, in any case. */
const named = (...patterns: readonly string[]): RegExp => new RegExp(`(^|/)(?:${patterns.join('|')})$`, 'i');

/**
 * Files of a teacher's folder by name, whatever they hold: as text they would be read as prose. Any `.json` with the
 * word `config` in its name is one, since every library that writes such folders adds a configuration of its own.
 */
const OF_TEACHER = named(
  String.raw`([^/]*[_-])?config([_-][^/]*)?\.json`,
  String.raw`tokenizer(_[^/]*)?\.json`,
  String.raw`(special_tokens_map|added_tokens|modules|trainer_state|vocab)\.json`,
  String.raw`(vocab|merges)\.txt`,
  String.raw`[^/]*\.index\.json`,
  // Weights whose first bytes are not theirs, such as a Git LFS pointer: the teacher's reader says what they are.
  String.raw`[^/]*\.(safetensors|ckpt|h5|msgpack|onnx(_data|\.data)?)`,
  String.raw`pytorch_model[^/]*\.bin`,
  String.raw`(spiece|sentencepiece[^/]*|tokenizer)\.model`,
);
/**
 * Files that lie beside a teacher and are text of their own without one: words about the model, whose card tells the licence,
 * and what trainers and evaluators note.
 */
const BESIDE_TEACHER = named(
  String.raw`(readme|licen[cs]e|notice|copying)[^/]*`,
  String.raw`(requirements|labels)\.txt`,
  String.raw`[^/]*(_results|_evaluation[^/]*)\.(json|csv|txt)`,
  String.raw`(run|training_args)\.json`,
);
/** Arrow is refused by name where it is read: left out here, only a data set's description would be. */
const TEXT = /\.(txt|md|jsonl|ndjson|json|csv|tsv|parquet|arrow|feather|zip)$/i;

/**
 * Tells a checkpoint's files from texts: by name if the name belongs to a teacher's folder, weights by their first bytes, zips
 * by what they hold, the rest by name. Files that are neither are in neither list.
 */
export async function sortGiven(files: readonly GivenFile[]): Promise<SortedFiles> {
  const teacher: number[] = [];
  const text: number[] = [];
  for (const [index, file] of files.entries()) {
    if (await belongsToTeacher(file)) teacher.push(index);
    else if (TEXT.test(file.path)) text.push(index);
  }
  if (teacher.length === 0) return { teacher, text };
  const isBeside = (index: number): boolean => BESIDE_TEACHER.test(files[index]?.path ?? '');
  return { teacher: [...teacher, ...text.filter(isBeside)], text: text.filter((index) => !isBeside(index)) };
}

async function belongsToTeacher({ path, bytes }: GivenFile): Promise<boolean> {
  if (OF_TEACHER.test(path)) return true;
  const found = await sniffed(openBytes(bytes));
  if (found.kind !== 'zip') return found.kind !== 'other';
  return [...found.entries.keys()].some((name) => /(^|\/)config\.json$/.test(name));
}

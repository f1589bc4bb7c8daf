import { randomUUID } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fileSource } from '../studio/fileSource.ts';
import type { GivenFile } from '../studio/api/files.ts';
import { zipContents } from '../studio/exporting/zipContents.ts';
import { makeFolder } from './outFolder.ts';
import { UsageError } from './usage.ts';

const DEMO = fileURLToPath(new URL('../../public/demo/', import.meta.url));
export const DEMO_TEACHER = join(DEMO, 'teacher');
export const DEMO_TEXT = join(DEMO, 'prose');

function kindOf(path: string): 'file' | 'folder' {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() === true) return 'file';
  if (stat?.isDirectory() === true) return 'folder';
  throw new UsageError(`${path}: expected a file or folder, got nothing there. Check the path.`);
}

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      if (entry.name.startsWith('.')) return [];
      const path = join(folder, entry.name);
      return kindOf(path) === 'folder' ? walk(path) : [path];
    });
}

/** A file, or the files of a folder and its subfolders; hidden ones are left out. */
export function filesOf(path: string): GivenFile[] {
  if (kindOf(path) === 'file') return [{ path: basename(path), bytes: open(path) }];
  const files = walk(path);
  if (files.length === 0) throw new UsageError(`${path}: the folder is empty. Give one with files in it.`);
  return files.map((file) => ({ path: relative(path, file).split(sep).join('/'), bytes: open(file) }));
}

/** Names of text files, of tables that are refused by name, and of files without an ending, as corpora are often cut into. */
const TEXT = /(?:\.(?:txt|text|md|markdown|jsonl|ndjson|json|csv|tsv|tab|parquet|arrow|zip)|(?:^|\/)[^./]+)$/i;

/** A text file whatever its name, or the files of a folder that look like text by their names. */
export function textsOf(path: string): { readonly files: readonly GivenFile[]; readonly skipped: readonly string[] } {
  const all = filesOf(path);
  if (kindOf(path) === 'file') return { files: all, skipped: [] };
  const files = all.filter((file) => TEXT.test(file.path));
  const skipped = all.filter((file) => !files.includes(file)).map((file) => file.path);
  if (files.length === 0)
    throw new UsageError(`${path}: expected files of text, got ${skipped[0] ?? 'none'}. Give the files themselves if they are text.`);
  return { files, skipped };
}

function open(path: string): GivenFile['bytes'] {
  try {
    accessSync(path, constants.R_OK);
    return fileSource(path);
  } catch (error) {
    throw new UsageError(`${path}: could not be read (${error instanceof Error ? error.message : String(error)}).`);
  }
}

/** Writes an exported zip as a folder, without the zip's own top folder. @returns the paths written, in the zip's order */
export async function writeFolder(zip: Blob, out: string): Promise<string[]> {
  const paths: string[] = [];
  for (const file of await zipContents(zip)) {
    const target = join(out, file.path);
    mkdirSync(dirname(target), { recursive: true });
    const descriptor = openSync(target, 'w');
    try {
      for await (const piece of file.pieces()) writeFileSync(descriptor, piece);
    } finally {
      closeSync(descriptor);
    }
    paths.push(target);
  }
  return paths;
}

/** The same as a folder that is there whole or not at all. @param option that names it, for messages */
export async function writeNewFolder(zip: Blob, option: string, folder: string): Promise<void> {
  // A name that nobody has: what lies beside the folder is the user's.
  const part = `${resolve(folder)}.part-${randomUUID()}`;
  makeFolder(part, option);
  try {
    await writeFolder(zip, part);
    renameSync(part, folder);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}

/** A recipe file's JSON: a bare recipe, or the `run.json` of an exported student. */
export function readJson(path: string): unknown {
  kindOf(path);
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    throw new UsageError(`${path}: expected JSON. Give the run.json of a student, or its recipe alone.`);
  }
}

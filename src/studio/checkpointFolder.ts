import { isPickle, isZip, readPytorch, type PytorchFile } from '../formats/pytorchCheckpoint.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { readZip } from '../formats/zip.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { GivenFile } from './studioApi.ts';

/** The files of a checkpoint, zips of folders unpacked, by name without folders. */
export function checkpointFiles(files: readonly GivenFile[]): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (const { path, bytes } of files) {
    const inside = isZip(bytes) ? readZip(bytes) : undefined;
    // A torch.save file is a zip too: it is weights, not a folder.
    if (inside !== undefined && ![...inside.keys()].some((name) => name === 'data.pkl' || name.endsWith('/data.pkl')))
      for (const [name, content] of inside) found.set(baseName(name), content);
    else found.set(baseName(path), bytes);
  }
  return found;
}

function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
}

/** A safetensors file starts with the length of its JSON header, and the header with a brace. */
function isSafetensors(bytes: Uint8Array): boolean {
  return bytes.length > 8 && bytes[8] === 0x7b && bytes[7] === 0 && bytes[6] === 0;
}

/**
 * All float tensors of a checkpoint: safetensors, PyTorch's zip or legacy pickle, one file or shards, told by content.
 * Where both kinds are there, safetensors is taken: the other is a copy.
 * @throws StudioError if there are no weights, shards are missing, or a tensor comes twice
 */
export function readWeights(name: string, files: ReadonlyMap<string, Uint8Array>): { tensors: Map<string, Tensor>; integers: string[] } {
  const safe = [...files].filter(([, bytes]) => isSafetensors(bytes));
  const torch = [...files].filter(
    ([file, bytes]) =>
      !isSafetensors(bytes) && (isZip(bytes) || isPickle(bytes)) && !/optimizer|scheduler|training_args|rng_state/.test(file),
  );
  const chosen = safe.length > 0 ? safe : torch;
  if (chosen.length === 0)
    throw new StudioError(
      'checkpoint',
      `teacher ${name}: expected weights (model.safetensors or pytorch_model.bin), got ${[...files.keys()].join(', ') || 'no files'}. Give the whole Hugging Face folder.`,
    );
  checkShards(name, files, new Set(chosen.map(([file]) => file)));
  const tensors = new Map<string, Tensor>();
  const integers: string[] = [];
  for (const [file, bytes] of chosen) {
    const read = readFile(bytes, safe.length > 0);
    integers.push(...read.integers);
    for (const [tensor, value] of read.tensors) {
      if (tensors.has(tensor))
        throw new StudioError(
          'checkpoint',
          `teacher ${name}: ${tensor} — expected in one file, got it again in ${file}. Give the files of one checkpoint.`,
        );
      tensors.set(tensor, value);
    }
  }
  return { tensors, integers };
}

function readFile(bytes: Uint8Array, safe: boolean): PytorchFile {
  if (!safe) return readPytorch(bytes);
  const { tensors, integers } = readSafetensors(bytes);
  return { tensors, integers: [...integers.keys()] };
}

function checkShards(name: string, files: ReadonlyMap<string, Uint8Array>, present: ReadonlySet<string>): void {
  for (const index of ['model.safetensors.index.json', 'pytorch_model.bin.index.json']) {
    const bytes = files.get(index);
    if (bytes === undefined) continue;
    let map: unknown;
    try {
      const json: unknown = JSON.parse(new TextDecoder().decode(bytes));
      map = typeof json === 'object' && json !== null ? Reflect.get(json, 'weight_map') : undefined;
    } catch {
      map = undefined;
    }
    if (typeof map !== 'object' || map === null)
      throw new StudioError('checkpoint', `${index}: expected a weight_map, got none. The file is damaged; download it again.`);
    const extension = index.startsWith('model') ? '.safetensors' : '.bin';
    const wanted = new Set(Object.values(map).map(String));
    const missing = [...wanted].filter((file) => !present.has(file));
    // The index of the kind that was not chosen says nothing about the files that were.
    if (![...present].some((file) => file.endsWith(extension))) continue;
    if (missing.length > 0)
      throw new StudioError(
        'checkpoint',
        `teacher ${name}: expected ${wanted.size} shards, got ${wanted.size - missing.length}; ${missing.join(', ')} is missing. Give all of them.`,
        { missing },
      );
  }
}

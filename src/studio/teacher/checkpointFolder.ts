import { openPytorchLegacy, openPytorchZip } from '../../formats/pytorchCheckpoint.ts';
import { openSafetensors } from '../../formats/safetensors.ts';
import type { StoredTensor, StoredTensors } from '../../formats/storedTensor.ts';
import type { Family } from '../../models/family.ts';
import { openBytes, readWhole, type ByteSource } from '../../tensor/byteSource.ts';
import { shownName } from '../../tensor/shown.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { GivenFile } from '../api/files.ts';
import { isLfsPointer, isModelConfig, otherForm, pointerError } from './otherForms.ts';
import { sniffed } from './sniffed.ts';

/** The kinds of weights, the one that is preferred first: where a folder holds several, they are copies. */
const KINDS = ['safetensors', 'pytorch', 'onnx'] as const;
type WeightsKind = (typeof KINDS)[number];

export interface WeightsFile {
  readonly kind: WeightsKind;
  /** @param family whose names the tensors have: an ONNX file may lack some */
  readonly open: (family: Family) => Promise<StoredTensors>;
}

/** The files of one checkpoint. */
export interface CheckpointFolder {
  /** By name without folders: those beside config.json, and those of other folders whose names are not taken. */
  readonly files: ReadonlyMap<string, ByteSource>;
  readonly weights: ReadonlyMap<string, WeightsFile>;
  /** What was left out: weights of adapters, and zips in zips. */
  readonly adapters: readonly string[];
  readonly innerZips: readonly string[];
  /** Every file by its whole path, whatever else has its name: weights, and all others. */
  readonly paths: { readonly files: ReadonlyMap<string, ByteSource>; readonly weights: ReadonlyMap<string, WeightsFile> };
}

/** Files that a folder may hold once. */
const UNIQUE: ReadonlySet<string> = new Set(['config.json', 'tokenizer.json', 'tokenizer_config.json', 'vocab.txt']);
/** Trainers' own state, ours included, which lies beside weights and looks like them. */
const NOT_WEIGHTS = /^(?:optimizer|scheduler|training_args|rng_state|scaler|compactors)\b|optim_states\.pt$/;
const ADAPTER = /^(?:adapter_model|pytorch_adapter|pytorch_model_head)\.(?:safetensors|bin)$/;
/** By these a Python wheel is told from other zips: it may hold a zip of a folder, which no other zip may. */
const WHEEL = /\.whl$/i;
const INSIDE_WHEEL = /\.dist-info\/WHEEL$/;
/** An index lists a tensor a line; a configuration has a page. */
const MOST_JSON = 32 * 2 ** 20;

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function isBesideWeights(base: string): boolean {
  return NOT_WEIGHTS.test(base) || ADAPTER.test(base);
}

function depth(path: string): number {
  return path.split('/').length;
}

/**
 * Opens what was given, zips of folders unpacked; told by content, whatever the files are called.
 * @param subject what the user knows the checkpoint by, such as "teacher my-bert" @throws StudioError
 */
export async function openFolder(subject: string, given: readonly GivenFile[]): Promise<CheckpointFolder> {
  const byPath = new Map<string, ByteSource>();
  const weightsByPath = new Map<string, WeightsFile>();
  /** Every file by its name, for weights that an ONNX model keeps beside it, whatever they look like. */
  const beside = new Map<string, ByteSource>();
  const pointers: string[] = [];
  const innerZips: string[] = [];
  const add = async (path: string, source: ByteSource, mayHoldFolder: boolean, isInZip = false): Promise<void> => {
    beside.set(baseName(path), source);
    const found = await sniffed(source);
    if (found.kind === 'zip') {
      const isWheel = !isInZip && (WHEEL.test(path) || [...found.entries.keys()].some((inside) => INSIDE_WHEEL.test(inside)));
      if (mayHoldFolder) for (const [inside, content] of found.entries) await add(inside, content, isWheel, true);
      else innerZips.push(baseName(path));
    } else if (found.kind === 'torch') weightsByPath.set(path, { kind: 'pytorch', open: () => openPytorchZip(found.entries) });
    else if (found.kind === 'safetensors') weightsByPath.set(path, { kind: 'safetensors', open: () => openSafetensors(source) });
    else if (found.kind === 'onnx')
      weightsByPath.set(path, { kind: 'onnx', open: ({ weightName }) => openOnnx(source, beside, weightName) });
    else if (found.kind === 'pickle') weightsByPath.set(path, { kind: 'pytorch', open: () => openPytorchLegacy(source) });
    else if (isLfsPointer(await source.read(0, Math.min(64, source.size)))) pointers.push(baseName(path));
    else byPath.set(path, source);
  };
  for (const { path, bytes } of given) await add(path.replaceAll('\\', '/'), openBytes(bytes), true);
  const paths = { files: new Map(byPath), weights: weightsByPath };
  await leaveOtherConfigs(byPath);

  // Sentence-transformers has a config.json in folders below, too: the model's nearest to the top counts.
  const shallow = (paths: Iterable<string>): string[] => [...paths].toSorted((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1));
  const [config = ''] = shallow([...byPath.keys()].filter((path) => baseName(path) === 'config.json'));
  const root = config.slice(0, config.lastIndexOf('/') + 1);
  const files = new Map<string, ByteSource>();
  const taken = new Map<string, string>();
  for (const path of shallow(byPath.keys()).toSorted((a, b) => Number(b.startsWith(root)) - Number(a.startsWith(root)))) {
    const base = baseName(path);
    const other = taken.get(base);
    if (other !== undefined && UNIQUE.has(base) && depth(other) === depth(path))
      throw new StudioError(
        'checkpoint',
        `${subject}: ${base} — expected once, got ${shownName(other)} and ${shownName(path)}. Give one checkpoint at a time.`,
      );
    const source = byPath.get(path);
    if (other !== undefined || source === undefined) continue;
    taken.set(base, path);
    files.set(base, source);
  }
  const weights = new Map<string, WeightsFile>();
  const adapters: string[] = [];
  // Dense layers of sentence-transformers have weights of their own, in folders beside.
  const own = [...weightsByPath.keys()].filter(
    (path) => path === root + baseName(path) && weightsByPath.get(path)?.kind !== 'onnx' && !isBesideWeights(baseName(path)),
  );
  const considered = [...weightsByPath.keys()].filter(
    (path) => own.length === 0 || path === root + baseName(path) || ADAPTER.test(baseName(path)),
  );
  for (const path of shallow(considered).toSorted((a, b) => Number(b.startsWith(root)) - Number(a.startsWith(root)))) {
    const base = baseName(path);
    const file = weightsByPath.get(path);
    if (file === undefined) continue;
    if (ADAPTER.test(base)) adapters.push(base);
    else if (!weights.has(base) && !isBesideWeights(base)) weights.set(base, file);
  }
  checkPointers(subject, pointers, weights);
  return { files, weights, adapters, innerZips, paths };
}

/** ONNX's schema is a fifth of the session's program, and few teachers need it. */
async function openOnnx(
  source: ByteSource,
  beside: ReadonlyMap<string, ByteSource>,
  weightName: Family['weightName'],
): Promise<StoredTensors> {
  const onnx = await import('../../formats/onnx/onnxCheckpoint.ts');
  return onnx.openOnnx(source, (file) => beside.get(file), weightName);
}

/** Takes out configurations of other things than models, if there is one of a model: poolers have theirs. */
async function leaveOtherConfigs(byPath: Map<string, ByteSource>): Promise<void> {
  const others: string[] = [];
  let models = 0;
  for (const [path, source] of byPath) {
    if (baseName(path) !== 'config.json') continue;
    const json = await readJson('config.json', source).catch(() => undefined);
    if (isModelConfig(json)) models += 1;
    else others.push(path);
  }
  if (models > 0) for (const path of others) byPath.delete(path);
}

/** @throws StudioError if what was not fetched is needed */
function checkPointers(subject: string, pointers: readonly string[], weights: ReadonlyMap<string, unknown>): void {
  const needed = pointers.filter((name) => UNIQUE.has(name) || /-of-\d+\.(?:safetensors|bin)$/.test(name));
  if (needed.length > 0 || (pointers.length > 0 && weights.size === 0))
    throw pointerError(subject, [...needed, ...pointers.filter((name) => !needed.includes(name))]);
}

/**
 * All tensors of a checkpoint, in one file or shards, not read yet.
 * @param subject as of {@link openFolder}
 * @throws StudioError if there are no weights, shards are missing, or a tensor comes twice
 */
export async function openWeights(subject: string, { files, weights, adapters }: CheckpointFolder, family: Family): Promise<StoredTensors> {
  const kind = KINDS.find((one) => [...weights.values()].some((file) => file.kind === one));
  if (kind === undefined)
    throw (
      otherForm(subject, [...adapters, ...files.keys()]) ??
      new StudioError(
        'checkpoint',
        `${subject}: expected weights (model.safetensors, pytorch_model.bin or model.onnx), got ${[...files.keys()].map(shownName).slice(0, 20).join(', ') || 'no files'}. Give the whole Hugging Face folder.`,
      )
    );
  const ofKind = [...weights].filter(([, file]) => file.kind === kind);
  const chosen = await chooseFiles(subject, files, kind, ofKind);
  const tensors = new Map<string, StoredTensor>();
  for (const [file, { open }] of chosen)
    for (const [tensor, stored] of await open(family)) {
      if (tensors.has(tensor))
        throw new StudioError(
          'checkpoint',
          `${subject}: ${shownName(tensor)} — expected in one file, got it again in ${shownName(file)}. Give the files of one checkpoint.`,
        );
      tensors.set(tensor, stored);
    }
  return tensors;
}

/** The usual names; an ONNX model has no shards. */
const INDEX: Readonly<Record<WeightsKind, string>> = {
  safetensors: 'model.safetensors.index.json',
  pytorch: 'pytorch_model.bin.index.json',
  onnx: '',
};
const WHOLE: Readonly<Record<WeightsKind, string>> = {
  safetensors: 'model.safetensors',
  pytorch: 'pytorch_model.bin',
  onnx: 'model.onnx',
};

/** The shards that the index lists, or the file with the usual name, or all that there are. */
async function chooseFiles(
  subject: string,
  files: ReadonlyMap<string, ByteSource>,
  kind: WeightsKind,
  ofKind: readonly (readonly [string, WeightsFile])[],
): Promise<readonly (readonly [string, WeightsFile])[]> {
  const index = files.get(INDEX[kind]);
  const whole = ofKind.filter(([file]) => file === WHOLE[kind]);
  if (whole.length > 0) return whole;
  if (kind === 'onnx' && ofKind.length > 1)
    throw new StudioError(
      'checkpoint',
      `${subject}: expected model.onnx or one ONNX file, got ${ofKind.map(([file]) => shownName(file)).join(', ')}. Give one of them.`,
    );
  if (index === undefined) return ofKind;
  const wanted = await shardsOf(INDEX[kind], index);
  const missing = [...wanted].filter((shard) => !ofKind.some(([file]) => file === shard));
  if (missing.length > 0)
    throw new StudioError(
      'checkpoint',
      `${subject}: expected ${wanted.size} shards, got ${wanted.size - missing.length}; ${missing.map(shownName).slice(0, 8).join(', ')} is missing. Give all of them.`,
      { missing: missing.map(shownName) },
    );
  return ofKind.filter(([file]) => wanted.has(file));
}

async function shardsOf(name: string, index: ByteSource): Promise<Set<string>> {
  const json = await readJson(name, index);
  const map = typeof json === 'object' && json !== null ? new Map<string, unknown>(Object.entries(json)).get('weight_map') : undefined;
  if (typeof map !== 'object' || map === null)
    throw new StudioError('checkpoint', `${name}: expected a weight_map, got none. The file is damaged; download it again.`);
  return new Set(Object.values<unknown>({ ...map }).map((shard) => baseName(String(shard))));
}

/** @throws StudioError naming the file if it is no JSON */
export async function readJson(name: string, source: ByteSource): Promise<unknown> {
  const text = new TextDecoder().decode(await readWhole(source, MOST_JSON, name));
  try {
    return JSON.parse(text);
  } catch {
    throw new StudioError('checkpoint', `${name}: expected JSON. The file is damaged; take the original.`);
  }
}

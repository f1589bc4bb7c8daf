import { readWhole, sliceOf, type ByteSource } from '../tensor/byteSource.ts';
import { sizeOf } from '../tensor/shape.ts';
import { shownName } from '../tensor/shown.ts';
import { PickleEndError, PickleError, Unpickler, type PickleCall, type PickleReference, type PickleValue } from './pickle.ts';
import { FLOAT_BYTES, readFloats, type FloatElement, type StoredTensor, type StoredTensors } from './storedTensor.ts';

/** Element types by PyTorch's storage class; whole numbers by their bytes alone, which a legacy file needs to be walked. */
const STORAGES: ReadonlyMap<string, FloatElement | number> = new Map<string, FloatElement | number>([
  ['torch FloatStorage', 'F32'],
  ['torch DoubleStorage', 'F64'],
  ['torch HalfStorage', 'F16'],
  ['torch BFloat16Storage', 'BF16'],
  ['torch LongStorage', 8],
  ['torch IntStorage', 4],
  ['torch ShortStorage', 2],
  ['torch CharStorage', 1],
  ['torch ByteStorage', 1],
  ['torch BoolStorage', 1],
]);

const REBUILD = 'torch._utils _rebuild_tensor_v2';
const PARAMETER = 'torch._utils _rebuild_parameter';
/** A shape, which trainers note beside the tensors. */
const SIZE = 'torch Size';
const ALLOWED: ReadonlySet<string> = new Set([...STORAGES.keys(), REBUILD, PARAMETER, SIZE, 'collections OrderedDict']);

/** What torch.jit.save and torch.export.save put beside the numbers. */
const PROGRAM = /(?:^|\/)(?:constants\.pkl|code\/__torch__(?:\.py|\/.*)|models\/[^/]+\.json)$/;
/** First words of a legacy file: torch.serialization.MAGIC_NUMBER. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_PROTOCOL = 1001;
/** A state dict takes a hundred bytes a tensor beside its numbers. */
const FIRST_LOOK = 2 ** 20;
const MOST_PICKLE = 128 * 2 ** 20;

/** True for a pickle of protocol 2 and up, which a legacy `.bin` starts with. @param head the file's first bytes */
export function isPickle(head: Uint8Array): boolean {
  return head[0] === 0x80 && (head[1] ?? 0) >= 2 && (head[1] ?? 0) <= 5;
}

/** @param head the file's first bytes */
export function isZip(head: Uint8Array): boolean {
  return head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4;
}

/** The pickle of a zip that torch.save wrote, or undefined: then the zip is a folder of files. */
export function torchPickle(entries: ReadonlyMap<string, ByteSource>): string | undefined {
  return [...entries.keys()].find((name) => name === 'data.pkl' || /^[^/]+\/data\.pkl$/.test(name));
}

/**
 * The tensors of a state dict that torch.save wrote as a zip (PyTorch 1.6 and newer), read when they are asked for.
 * Nothing of the file is run: tensors and plain containers are built, anything else is refused by name.
 * @param entries the zip's files
 * @throws PickleError
 */
export async function openPytorchZip(entries: ReadonlyMap<string, ByteSource>): Promise<StoredTensors> {
  const name = torchPickle(entries);
  const pickle = name === undefined ? undefined : entries.get(name);
  if (name === undefined || pickle === undefined)
    throw new PickleError('expected data.pkl in the zip, got none. This is not a file of torch.save.');
  if ([...entries.keys()].some((inside) => PROGRAM.test(inside)))
    throw new PickleError(
      'expected a state dict, got a TorchScript program, which is not run. Give the checkpoint that it was made from, or save its state_dict() as safetensors.',
    );
  const root = name.slice(0, -'data.pkl'.length);
  const order = entries.get(`${root}byteorder`);
  if (order !== undefined && new TextDecoder().decode(await readWhole(order, 100, 'byteorder')).trim() !== 'little')
    throw new PickleError('expected little-endian tensors, got big-endian ones. Save the weights as safetensors.');
  const state = new Unpickler(await readWhole(pickle, MOST_PICKLE, 'data.pkl'), ALLOWED).read();
  return collect(state, (key) => {
    const storage = entries.get(`${root}data/${key}`);
    if (storage === undefined)
      throw new PickleError(`data/${shownName(key)} — expected in the zip, got nothing. The file is damaged; download it again.`);
    return storage;
  });
}

/** The same of a file from before PyTorch 1.6: pickles one after the other, then the numbers. @throws PickleError */
export async function openPytorchLegacy(source: ByteSource): Promise<StoredTensors> {
  const { state, keys, end } = await readPickles(source);
  const sizes = storageSizes(state);
  const storages = new Map<string, ByteSource>();
  let at = end;
  for (const entry of keys) {
    const key = keyText(entry);
    const size = sizes.get(key);
    if (size === undefined || at + 8 > source.size)
      throw new PickleError(`storage ${shownName(key)} — expected its numbers, got the end of the file. It is cut off; download it again.`);
    const count = new DataView((await source.read(at, at + 8)).buffer).getBigInt64(0, true);
    const stop = at + 8 + Number(count) * size;
    if (!(stop >= at + 8) || stop > source.size)
      throw new PickleError(
        `storage ${shownName(key)} — expected to end within the file, got ${stop} of ${source.size} bytes. It is cut off; download it again.`,
      );
    storages.set(key, sliceOf(source, at + 8, stop));
    at = stop;
  }
  return collect(state, (key) => {
    const storage = storages.get(key);
    if (storage === undefined)
      throw new PickleError(`storage ${shownName(key)} — expected after the tensors, got nothing. The file is damaged.`);
    return storage;
  });
}

/** The five pickles at the front; only as much is read as they turn out to need. */
async function readPickles(source: ByteSource): Promise<{ state: PickleValue; keys: PickleValue[]; end: number }> {
  for (let length = Math.min(source.size, FIRST_LOOK); ; length = Math.min(source.size, length * 4)) {
    const bytes = await source.read(0, length);
    try {
      return parsePickles(new Unpickler(bytes, ALLOWED));
    } catch (error) {
      if (!(error instanceof PickleEndError) || length === source.size || length >= MOST_PICKLE) throw error;
    }
  }
}

function parsePickles(reader: Unpickler): { state: PickleValue; keys: PickleValue[]; end: number } {
  if (reader.read() !== LEGACY_MAGIC)
    throw new PickleError("expected PyTorch's magic number, got another pickle. Save the state dict with torch.save.");
  const protocol = reader.read();
  if (protocol !== LEGACY_PROTOCOL)
    throw new PickleError(`expected protocol ${LEGACY_PROTOCOL}, got another. Save the weights as safetensors.`);
  const system = reader.read();
  if (system instanceof Map && system.get('little_endian') === false)
    throw new PickleError('expected little-endian tensors, got big-endian ones. Save the weights as safetensors.');
  const state = reader.read();
  const keys = reader.read();
  if (!Array.isArray(keys)) throw new PickleError('expected a list of storages after the tensors, got none. The file is cut off.');
  return { state, keys, end: reader.position };
}

/** A storage's name: legacy files count, newer ones spell. */
function keyText(key: PickleValue | undefined): string {
  if (typeof key === 'string' || typeof key === 'number') return String(key);
  throw new PickleError('expected the name of a storage, got another object. The file is damaged; download it again.');
}

function isCall(value: PickleValue | undefined): value is PickleCall {
  return typeof value === 'object' && value !== null && 'call' in value;
}

function isReference(value: PickleValue | undefined): value is PickleReference {
  return typeof value === 'object' && value !== null && 'persistent' in value;
}

/** ('storage', type, key, location, count): the persistent id of a storage. */
function storageOf(reference: PickleValue | undefined): { type: string; key: string } {
  const id = isReference(reference) ? reference.persistent : undefined;
  if (!Array.isArray(id) || id[0] !== 'storage')
    throw new PickleError('expected a tensor over a storage, got something else. Save the weights as safetensors.');
  const type = id[1];
  if (typeof type !== 'object' || type === null || !('global' in type))
    throw new PickleError('expected a storage with a type, got none. The file is damaged.');
  return { type: type.global, key: keyText(id[2]) };
}

/** Where trainers nest a model's weights. */
const NESTED = ['state_dict', 'model', 'model_state_dict', 'model_state', 'module', 'net'];

/** Tensors and parameters of a state dict, also where it is nested once or twice. A pickle may hold itself, so not deeper. */
function tensorsOf(state: PickleValue, deeper = 2): Map<string, PickleCall> {
  if (!(state instanceof Map)) throw new PickleError('expected a state dict, got another object. Save model.state_dict(), not the model.');
  const found = new Map<string, PickleCall>();
  for (const [name, value] of state) {
    const call = isCall(value) && value.call === PARAMETER ? value.args[0] : value;
    if (isCall(call) && call.call === REBUILD) found.set(name, call);
  }
  for (const nested of NESTED) {
    const inner = state.get(nested);
    if (found.size === 0 && inner instanceof Map && deeper > 0) return tensorsOf(inner, deeper - 1);
  }
  return found;
}

function storageSizes(state: PickleValue): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const call of tensorsOf(state).values()) {
    const { type, key } = storageOf(call.args[0]);
    const element = STORAGES.get(type) ?? 0;
    sizes.set(key, typeof element === 'number' ? element : FLOAT_BYTES[element]);
  }
  return sizes;
}

function wholes(value: PickleValue | undefined, name: string, what: string): number[] {
  if (
    !Array.isArray(value) ||
    value.length > 64 ||
    !value.every((n): n is number => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0)
  )
    throw new PickleError(`${name}: expected a ${what} of whole numbers, got something else. The file is damaged.`);
  return value;
}

function collect(state: PickleValue, storage: (key: string) => ByteSource): StoredTensors {
  const tensors = new Map<string, StoredTensor>();
  for (const [name, { args }] of tensorsOf(state)) {
    const shown = shownName(name);
    const { type, key } = storageOf(args[0]);
    const shape = wholes(args[2], shown, 'shape');
    const element = STORAGES.get(type);
    if (element === undefined || typeof element === 'number') {
      tensors.set(name, { shape, dtype: type, read: null });
      continue;
    }
    const strides = wholes(args[3], shown, 'stride');
    const [offset = 0] = wholes([args[1] ?? null], shown, 'offset');
    const raw = storage(key);
    const held = Math.floor(raw.size / FLOAT_BYTES[element]);
    const size = sizeOf(shape);
    const last = shape.reduce((at, n, axis) => at + (n - 1) * (strides[axis] ?? 0), offset);
    // Strides of 0 repeat numbers: a few bytes could claim gigabytes.
    if (strides.length !== shape.length || size > held || (size > 0 && last >= held))
      throw new PickleError(
        `${shown}: expected ${Math.max(last + 1, size)} numbers in its storage, got ${held}. The file is damaged; download it again.`,
      );
    tensors.set(name, { shape, dtype: type, read: () => readStrided(raw, element, shape, strides, offset) });
  }
  return tensors;
}

/** A row-major copy of a strided view. */
async function readStrided(
  raw: ByteSource,
  element: FloatElement,
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
): Promise<Float32Array> {
  const size = sizeOf(shape);
  const expected = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, n) => product * n, 1));
  if (size === 0 || strides.every((stride, axis) => stride === expected[axis] || shape[axis] === 1))
    return readFloats(raw, offset * FLOAT_BYTES[element], size, element);
  const last = shape.reduce((at, n, axis) => at + (n - 1) * (strides[axis] ?? 0), 0);
  const source = await readFloats(raw, offset * FLOAT_BYTES[element], last + 1, element);
  const out = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    let at = 0;
    let rest = i;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const n = shape[axis] ?? 1;
      at += (rest % n) * (strides[axis] ?? 0);
      rest = Math.floor(rest / n);
    }
    out[i] = source[at] ?? 0;
  }
  return out;
}

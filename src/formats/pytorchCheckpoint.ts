import { decodeBfloat16, decodeHalf } from '../tensor/float16.ts';
import { sizeOf } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { PickleError, Unpickler, type PickleCall, type PickleReference, type PickleValue } from './pickle.ts';
import { readZip } from './zip.ts';

/** Element types by PyTorch's storage class: bytes each, and whether a BERT's weights may have it. */
const STORAGES: ReadonlyMap<string, { readonly bytes: number; readonly decode: ((bytes: Uint8Array) => Float32Array) | null }> = new Map([
  ['torch FloatStorage', { bytes: 4, decode: (raw: Uint8Array) => new Float32Array(raw.slice().buffer) }],
  ['torch DoubleStorage', { bytes: 8, decode: (raw: Uint8Array) => Float32Array.from(new Float64Array(raw.slice().buffer)) }],
  ['torch HalfStorage', { bytes: 2, decode: (raw: Uint8Array) => decodeHalf(new Uint16Array(raw.slice().buffer)) }],
  ['torch BFloat16Storage', { bytes: 2, decode: (raw: Uint8Array) => decodeBfloat16(new Uint16Array(raw.slice().buffer)) }],
  ['torch LongStorage', { bytes: 8, decode: null }],
  ['torch IntStorage', { bytes: 4, decode: null }],
  ['torch ShortStorage', { bytes: 2, decode: null }],
  ['torch CharStorage', { bytes: 1, decode: null }],
  ['torch ByteStorage', { bytes: 1, decode: null }],
  ['torch BoolStorage', { bytes: 1, decode: null }],
]);

const REBUILD = 'torch._utils _rebuild_tensor_v2';
const PARAMETER = 'torch._utils _rebuild_parameter';
const ALLOWED: ReadonlySet<string> = new Set([...STORAGES.keys(), REBUILD, PARAMETER, 'collections OrderedDict']);

/** First words of a legacy file: torch.serialization.MAGIC_NUMBER. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_PROTOCOL = 1001;

export interface PytorchFile {
  readonly tensors: Map<string, Tensor>;
  /** Tensors of whole numbers, which a BERT's weights do not include. */
  readonly integers: readonly string[];
}

/** True for a pickle of protocol 2 and up, which a legacy `.bin` starts with. */
export function isPickle(bytes: Uint8Array): boolean {
  return bytes[0] === 0x80 && (bytes[1] ?? 0) >= 2 && (bytes[1] ?? 0) <= 5;
}

export function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;
}

/**
 * Reads a state dict saved by torch.save, as a zip (PyTorch 1.6 and newer) or as legacy pickles.
 * Nothing of the file is run: tensors and plain containers are built, anything else is refused by name.
 * @throws PickleError
 */
export function readPytorch(bytes: Uint8Array): PytorchFile {
  return isZip(bytes) ? readZipped(bytes) : readLegacy(bytes);
}

function readZipped(bytes: Uint8Array): PytorchFile {
  const entries = readZip(bytes);
  const pickle = [...entries.keys()].find((name) => name === 'data.pkl' || name.endsWith('/data.pkl'));
  if (pickle === undefined) throw new PickleError('expected data.pkl in the zip, got none. This is not a file of torch.save.');
  const root = pickle.slice(0, -'data.pkl'.length);
  const order = entries.get(`${root}byteorder`);
  if (order !== undefined && new TextDecoder().decode(order).trim() !== 'little')
    throw new PickleError('expected little-endian tensors, got big-endian ones. Save the weights as safetensors.');
  const state = new Unpickler(entries.get(pickle) ?? new Uint8Array(), ALLOWED).read();
  return collect(state, (key) => {
    const storage = entries.get(`${root}data/${key}`);
    if (storage === undefined)
      throw new PickleError(`data/${key} — expected in the zip, got nothing. The file is damaged; download it again.`);
    return storage;
  });
}

function readLegacy(bytes: Uint8Array): PytorchFile {
  const reader = new Unpickler(bytes, ALLOWED);
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
  const sizes = storageSizes(state);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const storages = new Map<string, Uint8Array>();
  let at = reader.position;
  for (const entry of keys) {
    const key = keyText(entry);
    const size = sizes.get(key);
    if (size === undefined || at + 8 > bytes.length)
      throw new PickleError(`storage ${key} — expected its numbers, got the end of the file. It is cut off; download it again.`);
    const end = at + 8 + Number(view.getBigInt64(at, true)) * size;
    if (!(end >= at + 8) || end > bytes.length)
      throw new PickleError(
        `storage ${key} — expected to end within the file, got ${end} of ${bytes.length} bytes. It is cut off; download it again.`,
      );
    storages.set(key, bytes.subarray(at + 8, end));
    at = end;
  }
  return collect(state, (key) => {
    const storage = storages.get(key);
    if (storage === undefined) throw new PickleError(`storage ${key} — expected after the tensors, got nothing. The file is damaged.`);
    return storage;
  });
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

/** Tensors and parameters of a state dict, also where it is nested under `state_dict` or `model`. */
function tensorsOf(state: PickleValue): Map<string, PickleCall> {
  if (!(state instanceof Map)) throw new PickleError('expected a state dict, got another object. Save model.state_dict(), not the model.');
  const found = new Map<string, PickleCall>();
  for (const [name, value] of state) {
    const call = isCall(value) && value.call === PARAMETER ? value.args[0] : value;
    if (isCall(call) && call.call === REBUILD) found.set(name, call);
  }
  for (const nested of ['state_dict', 'model', 'model_state_dict']) {
    const inner = state.get(nested);
    if (found.size === 0 && inner instanceof Map) return tensorsOf(inner);
  }
  return found;
}

function storageSizes(state: PickleValue): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const call of tensorsOf(state).values()) {
    const { type, key } = storageOf(call.args[0]);
    sizes.set(key, STORAGES.get(type)?.bytes ?? 0);
  }
  return sizes;
}

function wholes(value: PickleValue | undefined, name: string, what: string): number[] {
  if (!Array.isArray(value) || !value.every((n): n is number => typeof n === 'number' && Number.isInteger(n) && n >= 0))
    throw new PickleError(`${name}: expected a ${what} of whole numbers, got something else. The file is damaged.`);
  return value;
}

function collect(state: PickleValue, storage: (key: string) => Uint8Array): PytorchFile {
  const tensors = new Map<string, Tensor>();
  const integers: string[] = [];
  for (const [name, { args }] of tensorsOf(state)) {
    const { type, key } = storageOf(args[0]);
    const { bytes = 1, decode = null } = STORAGES.get(type) ?? {};
    if (decode === null) {
      integers.push(name);
      continue;
    }
    const shape = wholes(args[2], name, 'shape');
    const strides = wholes(args[3], name, 'stride');
    const [offset = 0] = wholes([args[1] ?? null], name, 'offset');
    const raw = storage(key);
    if (raw.length % bytes !== 0)
      throw new PickleError(
        `${name}: expected numbers of ${bytes} bytes, got ${raw.length} bytes. The file is damaged; download it again.`,
      );
    const source = decode(raw);
    const last = shape.reduce((at, n, axis) => at + (n - 1) * (strides[axis] ?? 0), offset);
    if (strides.length !== shape.length || (sizeOf(shape) > 0 && last >= source.length))
      throw new PickleError(
        `${name}: expected ${last + 1} numbers in its storage, got ${source.length}. The file is damaged; download it again.`,
      );
    tensors.set(name, { shape, data: dense(source, shape, strides, offset) });
  }
  return { tensors, integers };
}

/** A row-major copy of a strided view. */
function dense(source: Float32Array, shape: readonly number[], strides: readonly number[], offset: number): Float32Array {
  const size = sizeOf(shape);
  const expected = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, n) => product * n, 1));
  if (strides.every((stride, axis) => stride === expected[axis] || shape[axis] === 1)) return source.slice(offset, offset + size);
  const out = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    let at = offset;
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

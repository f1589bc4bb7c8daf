import { decodeBfloat16, decodeHalf } from '../tensor/float16.ts';
import type { ByteSource } from '../tensor/byteSource.ts';
import { formatShape, sizeOf } from '../tensor/shape.ts';
import { shownName, shownValue } from '../tensor/shown.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { NamedTensors, Tensor } from '../tensor/tensor.ts';
import { duplicateKey } from './duplicateKey.ts';
import { denseTensor, FLOAT_BYTES, type FloatElement, type StoredTensor, type StoredTensors } from './storedTensor.ts';
import { safetensorsPieces } from './safetensorsPieces.ts';

/** A file that is not what it claims to be. */
export class SafetensorsError extends StudioError {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}) {
    super('safetensors', `safetensors: ${message}`, details);
  }
}

const BYTES: ReadonlyMap<string, number> = new Map([
  ['F64', 8],
  ['F32', 4],
  ['F16', 2],
  ['BF16', 2],
  ['I64', 8],
  ['I32', 4],
  ['I16', 2],
  ['I8', 1],
  ['U8', 1],
  ['BOOL', 1],
]);
const MAX_HEADER = 100_000_000;

export interface SafetensorsFile {
  readonly tensors: Map<string, Tensor>;
  readonly metadata: Map<string, string>;
  /** Integer tensors, which a BERT's weights do not include. */
  readonly integers: Map<string, { shape: readonly number[]; data: Int32Array }>;
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

/**
 * Reads F64, F32, F16 and BF16 tensors as float32, integers as int32, from one buffer.
 * @throws SafetensorsError for a header that runs past the file, lying offsets, overlaps, or unknown types
 */
export function readSafetensors(bytes: Uint8Array): SafetensorsFile {
  const bodyAt = headerEnd(bytes, bytes.length);
  const { entries, metadata } = parseHeader(bytes.subarray(8, bodyAt), bytes.length - bodyAt);
  const body = bytes.subarray(bodyAt);
  const tensors = new Map<string, Tensor>();
  const integers = new Map<string, { shape: readonly number[]; data: Int32Array }>();
  for (const [name, { dtype, shape, start, end }] of entries) {
    // A copy: the tensor may start at an address that typed arrays refuse. Not slice(): Node's Buffer shares memory there.
    const raw = new Uint8Array(body.subarray(start, end)).buffer;
    if (dtype === 'F32') tensors.set(name, { shape, data: new Float32Array(raw) });
    else if (dtype === 'F64') tensors.set(name, { shape, data: Float32Array.from(new Float64Array(raw)) });
    else if (dtype === 'F16') tensors.set(name, { shape, data: decodeHalf(new Uint16Array(raw)) });
    else if (dtype === 'BF16') tensors.set(name, { shape, data: decodeBfloat16(new Uint16Array(raw)) });
    else if (dtype === 'I64') integers.set(name, { shape, data: Int32Array.from(new BigInt64Array(raw), Number) });
    else if (dtype === 'I32') integers.set(name, { shape, data: new Int32Array(raw) });
    else integers.set(name, { shape, data: new Int32Array(0) });
  }
  return { tensors, metadata, integers };
}

/**
 * The tensors of a file of any size: the header is read, numbers are read tensor by tensor when they are asked for.
 * @throws SafetensorsError as {@link readSafetensors}
 */
export async function openSafetensors(source: ByteSource): Promise<StoredTensors> {
  return (await openSafetensorsFile(source)).tensors;
}

/** {@link openSafetensors} with the header's metadata. */
export async function openSafetensorsFile(
  source: ByteSource,
): Promise<{ readonly tensors: StoredTensors; readonly metadata: ReadonlyMap<string, string> }> {
  const bodyAt = headerEnd(await source.read(0, Math.min(8, source.size)), source.size);
  const { entries, metadata } = parseHeader(await source.read(8, bodyAt), source.size - bodyAt);
  const tensors = new Map<string, StoredTensor>();
  for (const [name, { dtype, shape, start }] of entries)
    tensors.set(name, isFloat(dtype) ? denseTensor(source, bodyAt + start, shape, dtype) : { shape, dtype, read: null });
  return { tensors, metadata };
}

function isFloat(dtype: string): dtype is FloatElement {
  return dtype in FLOAT_BYTES;
}

/** A safetensors file starts with the length of its JSON header, and the header with a brace. @param head 9 bytes or more */
export function isSafetensors(head: Uint8Array): boolean {
  return head.length > 8 && head[8] === 0x7b && head[7] === 0 && head[6] === 0;
}

function headerEnd(head: Uint8Array, fileBytes: number): number {
  if (head.length < 8) throw new SafetensorsError(`expected at least 8 bytes, got ${head.length}. The file is cut off.`);
  const headerBytes = Number(new DataView(head.buffer, head.byteOffset).getBigUint64(0, true));
  if (headerBytes > MAX_HEADER || headerBytes > fileBytes - 8)
    throw new SafetensorsError(
      `header length ${headerBytes} runs past the end of the file (${fileBytes} bytes). It is cut off, or not a safetensors file.`,
    );
  return 8 + headerBytes;
}

function parseHeader(bytes: Uint8Array, bodyBytes: number): { entries: Map<string, Entry>; metadata: Map<string, string> } {
  let header: unknown;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    header = JSON.parse(text);
  } catch {
    throw new SafetensorsError('the header is not JSON. The file is damaged, or not a safetensors file.');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw new SafetensorsError('the header is not an object of tensors.');
  const twice = duplicateKey(text, 2);
  if (twice !== undefined)
    throw new SafetensorsError(`${shownName(twice)} — expected once in the header, got it again. The file is damaged.`);
  const metadata = new Map<string, string>();
  const entries = new Map<string, Entry>();
  for (const [name, value] of Object.entries<unknown>({ ...header })) {
    if (name !== '__metadata__') entries.set(name, checkEntry(name, value, bodyBytes));
    else if (typeof value === 'object' && value !== null)
      for (const [key, text] of Object.entries<unknown>({ ...value }))
        metadata.set(key, typeof text === 'string' ? text : shownValue(text));
  }
  const sorted = [...entries].toSorted(([, a], [, b]) => a.start - b.start || a.end - b.end);
  sorted.forEach(([name, span], i) => {
    const [nextName, next] = sorted[i + 1] ?? [];
    if (nextName !== undefined && next !== undefined && next.start < span.end)
      throw new SafetensorsError(`${shownName(name)} and ${shownName(nextName)} overlap at byte ${next.start}. The file is damaged.`);
  });
  return { entries, metadata };
}

function checkEntry(name: string, value: unknown, bodyBytes: number): Entry {
  const shown = shownName(name);
  const fields = new Map<string, unknown>(typeof value === 'object' && value !== null ? Object.entries(value) : []);
  const dtype = fields.get('dtype');
  const width = typeof dtype === 'string' ? BYTES.get(dtype) : undefined;
  if (typeof dtype !== 'string' || width === undefined)
    throw new SafetensorsError(`${shown}: dtype — expected one of ${[...BYTES.keys()].join(', ')}, got ${shownValue(dtype)}.`);
  const shape = numbers(fields.get('shape'));
  const offsets = numbers(fields.get('data_offsets'));
  const [start, end] = offsets ?? [];
  if (shape === null || start === undefined || end === undefined || offsets?.length !== 2)
    throw new SafetensorsError(`${shown}: expected whole numbers in shape and data_offsets.`);
  if (end < start || end > bodyBytes)
    throw new SafetensorsError(
      `${shown}: data_offsets ${formatShape([start, end])} leave the file's ${bodyBytes} bytes of data. It is cut off.`,
    );
  if (sizeOf(shape) * width !== end - start)
    throw new SafetensorsError(
      `${shown}: ${dtype} ${formatShape(shape)} needs ${sizeOf(shape) * width} bytes, data_offsets give ${end - start}.`,
    );
  return { dtype, shape, start, end };
}

function numbers(value: unknown): number[] | null {
  // No tensor has more axes; a list of millions would fill messages.
  if (!Array.isArray(value) || value.length > 64) return null;
  const list: number[] = [];
  for (const item of value) {
    if (typeof item !== 'number' || !Number.isSafeInteger(item) || item < 0) return null;
    list.push(item);
  }
  return list;
}

/** Writes tensors in their order, the header padded to 8 bytes. @param dtype storage type of all of them */
export function writeSafetensors(
  tensors: NamedTensors,
  metadata: Readonly<Record<string, string>>,
  dtype: 'F32' | 'F16' = 'F32',
): Uint8Array {
  const pieces = [...safetensorsPieces(tensors, metadata, dtype)];
  const out = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}

import { decodeBfloat16, decodeHalf, encodeHalf } from '../tensor/float16.ts';
import { formatShape, sizeOf } from '../tensor/shape.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { NamedTensors, Tensor } from '../tensor/tensor.ts';

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
 * Reads F64, F32, F16 and BF16 tensors as float32, integers as int32.
 * @throws SafetensorsError for a header that runs past the file, lying offsets, overlaps, or unknown types
 */
export function readSafetensors(bytes: Uint8Array): SafetensorsFile {
  if (bytes.length < 8) throw new SafetensorsError(`expected at least 8 bytes, got ${bytes.length}. The file is cut off.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = Number(view.getBigUint64(0, true));
  if (headerBytes > MAX_HEADER || headerBytes > bytes.length - 8)
    throw new SafetensorsError(
      `header length ${headerBytes} runs past the end of the file (${bytes.length} bytes). It is cut off, or not a safetensors file.`,
    );
  const header = parseHeader(bytes.subarray(8, 8 + headerBytes));
  const body = bytes.subarray(8 + headerBytes);
  const tensors = new Map<string, Tensor>();
  const integers = new Map<string, { shape: readonly number[]; data: Int32Array }>();
  const metadata = new Map<string, string>();
  const spans: { name: string; start: number; end: number }[] = [];
  for (const [name, value] of header) {
    if (name === '__metadata__') {
      if (typeof value === 'object' && value !== null) for (const [key, text] of Object.entries(value)) metadata.set(key, String(text));
      continue;
    }
    const entry = checkEntry(name, value, body.length);
    spans.push({ name, start: entry.start, end: entry.end });
    // A copy: the tensor may start at an address that typed arrays refuse. Not slice(): Node's Buffer shares memory there.
    const raw = new Uint8Array(body.subarray(entry.start, entry.end)).buffer;
    if (entry.dtype === 'F32') tensors.set(name, { shape: entry.shape, data: new Float32Array(raw) });
    else if (entry.dtype === 'F64') tensors.set(name, { shape: entry.shape, data: Float32Array.from(new Float64Array(raw)) });
    else if (entry.dtype === 'F16') tensors.set(name, { shape: entry.shape, data: decodeHalf(new Uint16Array(raw)) });
    else if (entry.dtype === 'BF16') tensors.set(name, { shape: entry.shape, data: decodeBfloat16(new Uint16Array(raw)) });
    else if (entry.dtype === 'I64') integers.set(name, { shape: entry.shape, data: Int32Array.from(new BigInt64Array(raw), Number) });
    else if (entry.dtype === 'I32') integers.set(name, { shape: entry.shape, data: new Int32Array(raw) });
    else integers.set(name, { shape: entry.shape, data: new Int32Array(0) });
  }
  const sorted = spans.toSorted((a, b) => a.start - b.start);
  sorted.forEach((span, i) => {
    const next = sorted[i + 1];
    if (next !== undefined && next.start < span.end)
      throw new SafetensorsError(`${span.name} and ${next.name} overlap at byte ${next.start}. The file is damaged.`);
  });
  return { tensors, metadata, integers };
}

function parseHeader(bytes: Uint8Array): [string, unknown][] {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new SafetensorsError('the header is not JSON. The file is damaged, or not a safetensors file.');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw new SafetensorsError('the header is not an object of tensors.');
  return Object.entries(header);
}

function checkEntry(name: string, value: unknown, bodyBytes: number): Entry {
  const fields = new Map<string, unknown>(typeof value === 'object' && value !== null ? Object.entries(value) : []);
  const dtype = fields.get('dtype');
  const width = typeof dtype === 'string' ? BYTES.get(dtype) : undefined;
  if (typeof dtype !== 'string' || width === undefined)
    throw new SafetensorsError(`${name}: dtype — expected one of ${[...BYTES.keys()].join(', ')}, got ${JSON.stringify(dtype)}.`);
  const shape = numbers(fields.get('shape'));
  const offsets = numbers(fields.get('data_offsets'));
  const [start, end] = offsets ?? [];
  if (shape === null || start === undefined || end === undefined || offsets?.length !== 2)
    throw new SafetensorsError(`${name}: expected whole numbers in shape and data_offsets.`);
  if (end < start || end > bodyBytes)
    throw new SafetensorsError(
      `${name}: data_offsets ${formatShape([start, end])} leave the file's ${bodyBytes} bytes of data. It is cut off.`,
    );
  if (sizeOf(shape) * width !== end - start)
    throw new SafetensorsError(
      `${name}: ${dtype} ${formatShape(shape)} needs ${sizeOf(shape) * width} bytes, data_offsets give ${end - start}.`,
    );
  return { dtype, shape, start, end };
}

function numbers(value: unknown): number[] | null {
  if (!Array.isArray(value)) return null;
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
  const width = dtype === 'F32' ? 4 : 2;
  const header = new Map<string, unknown>([['__metadata__', metadata]]);
  let at = 0;
  for (const [name, { shape, data }] of tensors) {
    header.set(name, { dtype, shape, data_offsets: [at, at + data.length * width] });
    at += data.length * width;
  }
  const text = JSON.stringify(Object.fromEntries(header));
  const bytes = new TextEncoder().encode(text);
  // Spaces up to a multiple of 8, so that the data starts aligned.
  const encoded = new Uint8Array(Math.ceil(bytes.length / 8) * 8).fill(0x20);
  encoded.set(bytes);
  const out = new Uint8Array(8 + encoded.length + at);
  new DataView(out.buffer).setBigUint64(0, BigInt(encoded.length), true);
  out.set(encoded, 8);
  let offset = 8 + encoded.length;
  for (const { data } of tensors.values()) {
    const part = dtype === 'F32' ? data : encodeHalf(data);
    out.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), offset);
    offset += part.byteLength;
  }
  return out;
}

import { decodeBfloat16, decodeHalf } from '../tensor/float16.ts';
import { READ_AT_ONCE, type ByteSource } from '../tensor/byteSource.ts';
import { sizeOf, type Shape } from '../tensor/shape.ts';

/** A tensor of a file, not read yet. */
export interface StoredTensor {
  readonly shape: Shape;
  /** As the file says it: `F16`, `torch HalfStorage`, ... */
  readonly dtype: string;
  /** Its numbers as float32, row-major; null for whole numbers, which a BERT's weights do not include. */
  readonly read: (() => Promise<Float32Array>) | null;
  /** Its name in the file, where the reader had to find a better one. */
  readonly from?: string;
}

/** Tensors of a file by name. A Map: `__proto__` is a name like any other. */
export type StoredTensors = ReadonlyMap<string, StoredTensor>;

/** Element types that weights come in. */
export type FloatElement = 'F64' | 'F32' | 'F16' | 'BF16';

export const FLOAT_BYTES: Readonly<Record<FloatElement, number>> = { F64: 8, F32: 4, F16: 2, BF16: 2 };

/**
 * Little-endian numbers as float32, a few MiB of the source at a time.
 * @param at where the first one begins, in bytes   @param count how many
 */
export async function readFloats(source: ByteSource, at: number, count: number, element: FloatElement): Promise<Float32Array> {
  const width = FLOAT_BYTES[element];
  // One read first: a source that is too short must not cost an allocation of the size that its file claims.
  const first = await source.read(at, at + Math.min(READ_AT_ONCE, count * width));
  if (at + count * width > source.size) await source.read(at, at + count * width);
  const out = new Float32Array(count);
  let chunk = first;
  let done = 0;
  for (;;) {
    const numbers = decode(chunk, element);
    out.set(numbers, done);
    done += numbers.length;
    if (done >= count || numbers.length === 0) return out;
    const from = at + done * width;
    chunk = await source.read(from, Math.min(from + READ_AT_ONCE, at + count * width));
  }
}

function decode({ buffer }: Uint8Array<ArrayBuffer>, element: FloatElement): Float32Array | Float64Array {
  if (element === 'F32') return new Float32Array(buffer);
  if (element === 'F64') return new Float64Array(buffer);
  return element === 'F16' ? decodeHalf(new Uint16Array(buffer)) : decodeBfloat16(new Uint16Array(buffer));
}

/** A dense tensor at a place of a source, read when it is asked for. */
export function denseTensor(source: ByteSource, at: number, shape: Shape, element: FloatElement, dtype: string = element): StoredTensor {
  return { shape, dtype, read: () => readFloats(source, at, sizeOf(shape), element) };
}

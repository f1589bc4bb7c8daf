import type { OnnxWriter } from './onnxWriter.ts';
import type { Find, Name, OnnxWeights } from './onnxWeights.ts';
import { BLOCK, MIDDLE, quantizeBlocks } from './quantize.ts';

/** ONNX Runtime's own operators. */
const DOMAIN = 'com.microsoft';

interface NibbleNames {
  readonly values: string;
  readonly scales: string;
  readonly rows: number;
  readonly columns: number;
  readonly blocks: number;
}

/**
 * Matrices in blocks of four bits, for products that read them as they are: `MatMulNBits`, which has kernels on WebGPU. Names are
 * those that ONNX Runtime's quantiser gives. A tied table serves both: the decoder's product, and the lookup, which takes its rows'
 * nibbles apart by arithmetic that every provider has.
 */
export function nibbleWeights(writer: OnnxWriter, found: Find, vector: Name): OnnxWeights {
  const made = new Map<string, NibbleNames>();
  const nibbles = (key: string): NibbleNames => {
    const held = made.get(key);
    if (held !== undefined) return held;
    const { data, shape } = found(key);
    const [rows = 1, columns = 1] = shape;
    const { values, scales, blocks } = quantizeBlocks(data, rows);
    const names = { values: `${key}_Q4`, scales: `${key}_scales`, rows, columns, blocks };
    writer.tensor(names.values, 'uint8', [rows, blocks, BLOCK / 2], values);
    writer.tensor(names.scales, 'float32', [rows, blocks], scales);
    made.set(key, names);
    return names;
  };
  const product = (x: string, key: string, bias: string | undefined, place: string, output: string | undefined): string => {
    const { values, scales, rows, columns } = nibbles(key);
    const attributes = { K: { i: columns }, N: { i: rows }, bits: { i: 4 }, block_size: { i: BLOCK } };
    const shift = bias === undefined ? undefined : vector(bias);
    return writer.withBias(place, shift, output, (name) =>
      writer.node('MatMulNBits', `${place}/MatMulNBits`, [x, values, scales], { attributes, domain: DOMAIN, output: name }),
    );
  };
  const constants = new Map<string, string>();
  const constant = (name: string, make: (name: string) => string): string => {
    const held = constants.get(name) ?? make(name);
    constants.set(name, held);
    return held;
  };
  const scalar = (name: string, value: number): string => constant(name, (fresh) => writer.scalar(fresh, value));
  const integers = (name: string, values: readonly number[]): string => constant(name, (fresh) => writer.integers(fresh, values));
  const lastAxis = (): string => integers('last_axis', [-1]);
  return {
    vector,
    linear: product,
    decode: product,
    rows: (key, place, pick) => {
      const { values, scales, columns, blocks } = nibbles(key);
      const bytes = writer.cast(pick(values, ''), `${place}/Cast`, 'float32');
      // [batch_size, sequence_length, blocks, bytes], the first two whatever they are called.
      const { shape } = writer.form(bytes);
      const tokens = shape.slice(0, 2);
      const sixteenth = writer.node('Mul', `${place}/Mul`, [bytes, scalar('sixteenth', 1 / 16)]);
      const high = writer.node('Floor', `${place}/Floor`, [sixteenth]);
      const low = writer.node('Sub', `${place}/Sub`, [bytes, writer.node('Mul', `${place}/Mul_1`, [high, scalar('sixteen', 16)])]);
      const apart = (half: string, step: string): string =>
        writer.node('Unsqueeze', `${place}/${step}/Unsqueeze`, [half, lastAxis()], { shape: [...shape, 1] });
      const pairs = writer.node('Concat', `${place}/Concat`, [apart(low, 'low'), apart(high, 'high')], {
        attributes: { axis: { i: -1 } },
        shape: [...shape, 2],
      });
      const levels = writer.node('Reshape', `${place}/Reshape`, [pairs, integers(`levels_of_${blocks}`, [0, 0, blocks, BLOCK])], {
        shape: [...tokens, blocks, BLOCK],
      });
      const scale = pick(scales, '/scale');
      const wide = writer.node('Unsqueeze', `${place}/scale/Unsqueeze`, [scale, lastAxis()], { shape: [...tokens, blocks, 1] });
      const centred = writer.node('Sub', `${place}/Sub_1`, [levels, scalar('middle_level', MIDDLE)]);
      const scaled = writer.node('Mul', `${place}/Mul_2`, [centred, wide]);
      const filled = writer.node('Reshape', `${place}/Reshape_1`, [scaled, integers(`rows_of_${blocks}`, [0, 0, blocks * BLOCK])], {
        shape: [...tokens, blocks * BLOCK],
      });
      if (blocks * BLOCK === columns) return filled;
      // What fills the last block is cut off.
      const [from, to] = [integers('row_start', [0]), integers(`row_end_${columns}`, [columns])];
      return writer.node('Slice', `${place}/Slice`, [filled, from, to, lastAxis()], { shape: [...tokens, columns] });
    },
  };
}

import type { OnnxAttribute, OnnxElement } from '../formats/onnx/onnxModel.ts';
import { StudioError } from '../tensor/studioError.ts';

/** A length, or the name of one that is known only when the file runs. */
export type OnnxAxis = number | string;

/** What is known of a value before the file runs. */
export interface ValueForm {
  readonly element: OnnxElement;
  readonly shape: readonly OnnxAxis[];
}

/** `Cast`'s `to`, ONNX's TensorProto.DataType. */
export const CAST_TO = { float32: 1, float16: 10 } as const;

/**
 * Element and shape of every output of a node, so that they can be written into the file: ONNX Runtime fuses some
 * patterns only where the file tells shapes.
 *
 * @param shape of the output, for operators whose shape depends on what their inputs hold (`Reshape`, `Slice`)
 * @throws StudioError for an operator without a rule, or inputs that do not fit together: a fault of the exporter
 */
export function outputForms(
  type: string,
  inputs: readonly ValueForm[],
  attributes: Readonly<Record<string, OnnxAttribute>>,
  shape?: readonly OnnxAxis[],
): readonly ValueForm[] {
  const [first = fail(type, 'expected inputs, got none'), second = first] = inputs;
  if (shape !== undefined) return [{ element: type === 'Shape' ? 'int64' : first.element, shape }];
  switch (type) {
    case 'Add':
    case 'Sub':
    case 'Mul':
    case 'Div':
      return [{ element: first.element, shape: broadcast(type, first.shape, second.shape) }];
    case 'Relu':
    case 'Neg':
    case 'Abs':
    case 'Cos':
    case 'Sin':
    case 'Erf':
    case 'Floor':
    case 'Tanh':
    case 'Softmax':
    case 'LayerNormalization':
      return [first];
    case 'Cast':
      return [{ element: number(attributes['to']) === CAST_TO.float16 ? 'float16' : 'float32', shape: first.shape }];
    case 'Gather':
      return [{ element: first.element, shape: [...second.shape, ...first.shape.slice(1)] }];
    case 'Transpose': {
      const order = attributes['perm'];
      const perm = order !== undefined && 'ints' in order ? order.ints : fail(type, 'expected a perm');
      return [{ element: first.element, shape: perm.map((axis) => at(type, first.shape, axis)) }];
    }
    case 'Gemm':
      return [
        { element: first.element, shape: [at(type, first.shape, 0), at(type, second.shape, number(attributes['transB']) === 1 ? 0 : 1)] },
      ];
    case 'MatMul':
      return [{ element: first.element, shape: product(type, first.shape, second.shape) }];
    case 'MatMulInteger':
      return [{ element: 'int32', shape: product(type, first.shape, second.shape) }];
    case 'MatMulNBits':
      return [{ element: first.element, shape: [...first.shape.slice(0, -1), number(attributes['N'])] }];
    case 'DynamicQuantizeLinear':
      return [
        { element: 'uint8', shape: first.shape },
        { element: 'float32', shape: [] },
        { element: 'uint8', shape: [] },
      ];
    default:
      return fail(type, 'expected a rule for its shape, got none');
  }
}

const number = (attribute: OnnxAttribute | undefined): number => (attribute !== undefined && 'i' in attribute ? attribute.i : 0);

function at(type: string, shape: readonly OnnxAxis[], axis: number): OnnxAxis {
  return shape[axis] ?? fail(type, `expected axis ${axis}, got [${shape.join(', ')}]`);
}

function product(type: string, a: readonly OnnxAxis[], b: readonly OnnxAxis[]): OnnxAxis[] {
  const inner = at(type, a, a.length - 1);
  if (b.length < 2 || inner !== b.at(-2)) fail(type, `expected inner lengths to agree, got [${a.join(', ')}] and [${b.join(', ')}]`);
  return [...broadcast(type, a.slice(0, -2), b.slice(0, -2)), at(type, a, a.length - 2), at(type, b, b.length - 1)];
}

/** NumPy's rule: aligned at the end, where a length of 1 stretches. */
function broadcast(type: string, a: readonly OnnxAxis[], b: readonly OnnxAxis[]): OnnxAxis[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const left = a[i - rank + a.length] ?? 1;
    const right = b[i - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) fail(type, `expected shapes that fit, got [${a.join(', ')}] and [${b.join(', ')}]`);
    return left === 1 ? right : left;
  });
}

function fail(type: string, what: string): never {
  throw new StudioError('export', `onnx: ${type} — ${what}. This is a fault of the studio.`);
}

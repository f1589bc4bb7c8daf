import type { Node } from '../../../graph/operation.ts';
import { contiguousStrides } from '../../../graph/value.ts';
import { EngineError } from '../../engineError.ts';
import { cutBox, fourAxes, startOf, type Box } from '../boxes.ts';
import { shaderOf } from '../shader.ts';
import { inputOf, type Lowering } from './lowering.ts';

/** Copies into row-major order and into states. */
export function lowerLayout(lowering: Lowering, node: Node): void {
  const { memory } = lowering;
  const { operation } = node;
  const x = inputOf(node, 0);
  const target = operation.kind === 'assign' ? node.writes[0] : node.output;
  if (target === undefined || x.shape.length > 4) throw new EngineError('webgpu: a copy needs a target and at most four axes.');
  const group = lowering.traits.software ? 32 : 64;
  const shader = shaderOf(['copy'], 'copy', { GROUP: group }, false);
  const source = { value: x, strides: fourAxes(x.strides, 0) };
  const output = { value: target, strides: fourAxes(contiguousStrides(x.shape), 0) };
  const whole: Box = { first: [0, 0, 0, 0], lengths: fourAxes(x.shape, 1) };
  for (const box of cutBox(memory, whole, [source, output])) {
    const [, n1 = 1, n2 = 1, n3 = 1] = box.lengths;
    const count = box.lengths.reduce((product, length) => product * length, 1);
    const from = startOf(source, box);
    const to = startOf(output, box);
    const fromPiece = memory.pieceAt(x, from);
    const toPiece = memory.pieceAt(target, to);
    if (fromPiece.slab === toPiece.slab)
      throw new EngineError(`webgpu: ${x.storage.label} and ${target.storage.label} lie in one slab. Scale by 1 before assigning.`);
    lowering.emit(
      node,
      shader,
      {
        count,
        source: from - fromPiece.first,
        goal: to - toPiece.first,
        lengths: [n1, n2, n3],
        sourceStrides: source.strides,
        goalStrides: output.strides,
      },
      { x: memory.wholePiece(x, fromPiece), output: memory.wholePiece(target, toPiece) },
      lowering.plane(Math.ceil(count / group)),
    );
  }
}

import type { Node } from '../../../graph/operation.ts';
import type { Value } from '../../../graph/value.ts';
import { sizeOf } from '../../../tensor/shape.ts';
import { EngineError } from '../../engineError.ts';
import type { MatmulTile } from '../matmul/form.ts';
import type { MatmulProblem } from '../matmul/candidates.ts';
import { plane, type BoundRange, type Dispatch } from '../dispatch.ts';
import type { ProgramMemory, RowOperand, RowRange } from '../programMemory.ts';
import { shaderOf, type KernelFile, type Shader } from '../shader.ts';
import { numberBindings, packSizes, type Bindings, type Sizes } from '../shaderInterface.ts';

/** What kernels are chosen by. */
export interface DeviceTraits {
  /** Lanes of every subgroup; 0 if subgroups are missing, have several sizes, or are not what the adapter reports. */
  readonly subgroupSize: number;
  /** Whether quads may exchange values: any adapter with subgroups. */
  readonly quads: boolean;
  /** A processor that plays a GPU: workgroup memory and barriers cost more than they save. */
  readonly software: boolean;
  /** Largest invocations of a workgroup. */
  readonly invocations: number;
  readonly workgroupBytes: number;
  readonly groupsAnAxis: number;
  readonly bindingBytes: number;
  /** Most floating-point operations of one dispatch of a product. */
  readonly dispatchFlops: number;
}

/** A kernel with a team a row; names are those of its WGSL. */
export interface RowKernel {
  readonly file: KernelFile;
  /** The operation's kind where it is not given. */
  readonly entry?: string;
  readonly rows: number;
  /** Elements of a row that a team works on; the kernel's own `width` is in items. */
  readonly width: number;
  /** Tensors that are bound for the rows of a dispatch alone. */
  readonly byRow: Readonly<Record<string, RowOperand>>;
  readonly whole?: Readonly<Record<string, Value>>;
  /** Besides `rows` and `width`. */
  readonly sizes?: (range: RowRange) => Sizes;
  /** Ranges that are no tensors of the graph. */
  readonly bindings?: (range: RowRange) => Bindings;
}

/** Kernel choices and dispatches of one program in the making. */
export class Lowering {
  readonly memory: ProgramMemory;
  readonly traits: DeviceTraits;
  readonly dispatches: Dispatch[] = [];
  /** Row statistics that a forward operation keeps for its gradient, by what they are of. */
  readonly kept = new Map<string, BoundRange>();

  readonly chooseTile: (problem: MatmulProblem) => MatmulTile;

  constructor(memory: ProgramMemory, traits: DeviceTraits, chooseTile: (problem: MatmulProblem) => MatmulTile) {
    this.memory = memory;
    this.traits = traits;
    this.chooseTile = chooseTile;
  }

  /**
   * Adds a dispatch.
   * @param sizes fields of the kernel's `Sizes`, by name   @param bindings its storage variables, by name
   * @throws EngineError by name for a size or variable that the kernel uses and that is missing, or that it does not know
   */
  emit(node: Node, shader: Shader, sizes: Sizes, bindings: Bindings, groups: readonly [number, number, number], flops = 0): void {
    this.dispatches.push({
      shader,
      sizes: packSizes(shader, sizes),
      bindings: numberBindings(shader, bindings),
      groups,
      flops,
      label: `${node.operation.kind} ${outputLabel(node)}`,
    });
  }

  /** Dispatches of a kernel that takes its tensors row by row: one, or one for every range of rows that lies in one binding. */
  overRows(node: Node, { file, entry = node.operation.kind, rows, width, byRow, whole = {}, sizes, bindings }: RowKernel): void {
    const { memory } = this;
    const item = itemOf(width);
    const shader = this.team(file, entry, width, item);
    const wholes = Object.entries(whole).map(([name, value]) => [name, memory.whole(value)] as const);
    for (const range of memory.rowRanges(rows, Object.values(byRow))) {
      const parts = Object.entries(byRow).map(([name, operand]) => [name, memory.rows(operand.value, operand.width, range)] as const);
      this.emit(
        node,
        shader,
        { rows: range.count, width: width / item, ...sizes?.(range) },
        { ...Object.fromEntries([...parts, ...wholes]), ...bindings?.(range) },
        this.plane(range.count),
      );
    }
  }

  /** A shader whose rows are each worked on by a team of `group` invocations. */
  team(file: KernelFile, entry: string, width: number, item: 1 | 4): Shader {
    const { group, subgroups } = this.#team(width / item);
    const parts: KernelFile[] = [item === 4 ? 'item4' : 'item1', subgroups ? 'teamSubgroup' : 'teamWorkgroup', file];
    return shaderOf(parts, entry, { GROUP: group }, subgroups, { STORED: 'Item' });
  }

  /**
   * A shader with one invocation an element or item: the team's functions are there, and not used.
   * @param half whether what the file calls STORED is in half precision
   */
  lanes(file: KernelFile, entry: string, item: 1 | 4, half = false): { shader: Shader; group: number } {
    const group = this.traits.software ? 32 : 64;
    const stored = half ? (item === 4 ? 'vec4<f16>' : 'f16') : 'Item';
    const parts: KernelFile[] = [item === 4 ? 'item4' : 'item1', 'teamWorkgroup', file];
    const shader = shaderOf(parts, entry, { GROUP: group }, false, { STORED: stored });
    return { shader: half ? { ...shader, code: `enable f16;\n${shader.code}` } : shader, group };
  }

  plane(groups: number): [number, number, number] {
    return plane(groups, this.traits.groupsAnAxis);
  }

  #team(items: number): { group: number; subgroups: boolean } {
    const { subgroupSize, software } = this.traits;
    if (subgroupSize > 0 && (software || items <= 16 * subgroupSize)) return { group: subgroupSize, subgroups: true };
    const most = software ? 16 : Math.min(256, this.traits.invocations);
    let group = 16;
    while (group < most && group * 4 < items) group *= 2;
    return { group, subgroups: false };
  }
}

/** 4 where every width is a whole number of vectors of four, else 1. */
export function itemOf(...widths: readonly number[]): 1 | 4 {
  return widths.every((width) => width % 4 === 0) ? 4 : 1;
}

export function inputOf(node: Node, index: number): Value {
  const value = node.inputs.at(index);
  if (value === undefined) throw new EngineError(`webgpu: ${node.operation.kind} lacks its input ${index}.`);
  return value;
}

/** Length of the last axis, and how many rows of it there are. */
export function rowsOf(value: Value): { rows: number; width: number } {
  const width = value.shape.at(-1) ?? 1;
  return { rows: sizeOf(value.shape) / width, width };
}

function outputLabel(node: Node): string {
  const { storage, shape } = node.output;
  return `${storage.label}#${storage.id} [${shape.join(', ')}]`;
}

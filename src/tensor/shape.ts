/** Lengths of a tensor's axes, outermost first. */
export type Shape = readonly number[];

/** Elements of a tensor. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, n) => product * n, 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, axis) => n === b[axis]);
}

/** `[2, 3]`, as messages write it. */
export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

import type { MatmulForm, MatmulTile } from './form.ts';
import { addProducts, columnPlaces, part, range, vectorSums, type Reads, type Sums } from './sums.ts';

/** Sums straight from storage, of which each invocation loads all that it needs. */
export function registerSums({ rows, columns }: MatmulTile, form: MatmulForm, read: Reads): Sums {
  const groups = range(columns / 4);
  const bySide = form.a === 'side';
  const rowPlaces = bySide
    ? range(rows / 4).map((g) => `  let a${g} = (aBase + min(row + ${4 * g}u, sizes.m - 4u)) >> 2u;`)
    : range(rows).map((i) => `  let a${i} = aBase + min(row + ${i}u, sizes.m - 1u) * sizes.aRow;`);

  const ahead = [
    ...(form.a === 'depth' ? range(rows).map((i) => `let v${i} = ${read.a(`(a${i} + k) >> 2u`)};`) : []),
    ...(form.b === 'depth' ? range(columns).map((j) => `let z${j} = ${read.b(`(b${j} + k) >> 2u`)};`) : []),
  ];
  const sideA = (k: string): string[] => (bySide ? range(rows / 4).map((g) => `let v${g} = ${read.a(`a${g} + (${k}) * aStep`)};`) : []);
  const loadB = (k: string, step: number): string[] => {
    if (form.b === 'side') return groups.map((g) => `let y${g} = ${read.b(`b${g} + (${k}) * bStep`)};`);
    const one = (j: number): string => (form.b === 'depth' ? part(`z${j}`, step) : read.b(`b${j} + (${k}) * sizes.bRow`));
    return groups.map(
      (g) =>
        `let y${g} = vec4f(${range(4)
          .map((t) => one(4 * g + t))
          .join(', ')});`,
    );
  };
  const x =
    (k: string, step: number) =>
    (i: number): string => {
      if (bySide) return part(`v${i >> 2}`, i);
      return form.a === 'depth' ? part(`v${i}`, step) : read.a(`a${i} + (${k}) * sizes.aColumn`);
    };
  const add = (k: string, step: number): string => `{
      ${[...sideA(k), ...loadB(k, step)].join(' ')}
      ${addProducts(rows, columns, x(k, step))}
    }`;
  const round = [...ahead, ...range(4).map((step) => add(`k + ${step}u`, step))];
  return {
    memory: '',
    ...vectorSums(rows, columns),
    product: [
      ...rowPlaces,
      ...columnPlaces(form, columns),
      '  let aStep = sizes.aColumn >> 2u;',
      '  let bStep = sizes.bRow >> 2u;',
      '  var k = 0u;',
      `  for (; k + 4u <= sizes.k; k += 4u) {\n    ${round.join('\n    ')}\n  }`,
      // Along k four at a time means that k is a multiple of four.
      ...(form.stride === 1 ? [`  for (; k < sizes.k; k++) ${add('k', 0)}`] : []),
    ].join('\n'),
  };
}

import type { MatmulForm } from './form.ts';

/** A tile's sums in WGSL: where they are declared, how they are summed, and what each then is. */
export interface Sums {
  /** Outside of the function. */
  readonly memory: string;
  readonly declarations: string;
  /** Reads A and B at `aBase` and `bBase`, rows from `row`, columns from `column`. */
  readonly product: string;
  /** Four neighbouring sums of a row, as an expression. */
  readonly four: (row: number, group: number) => string;
  /** Which row of C they belong to, as an expression. */
  readonly place: (row: number) => string;
}

/** How A and B are read at a place: what is stored in half precision is widened at once. */
export interface Reads {
  readonly a: (place: string) => string;
  readonly b: (place: string) => string;
}

const XYZW = ['x', 'y', 'z', 'w'] as const;

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** A component of a vector by its number, which wraps. */
export function part(vector: string, number: number): string {
  return `${vector}.${XYZW[number % 4] ?? 'x'}`;
}

/** Sums in variables of four columns each, a row's from `row` on. */
export function vectorSums(rows: number, columns: number): Pick<Sums, 'declarations' | 'four' | 'place'> {
  return {
    declarations: range(rows)
      .map(
        (i) =>
          `  ${range(columns / 4)
            .map((g) => `var sum${i}_${g} = vec4f(0.0);`)
            .join(' ')}`,
      )
      .join('\n'),
    four: (i, g) => `sum${i}_${g}`,
    place: (i) => `row + ${i}u`,
  };
}

/** Adds a step's products to all sums of {@link vectorSums}; B's vectors are y0, y1, ... */
export function addProducts(rows: number, columns: number, x: (row: number) => string): string {
  return range(rows)
    .map(
      (i) =>
        `{ let x = ${x(i)}; ${range(columns / 4)
          .map((g) => `sum${i}_${g} = fma(vec4f(x), y${g}, sum${i}_${g});`)
          .join(' ')} }`,
    )
    .join('\n      ');
}

/** Where a column of B, or a vector of four of them, begins. */
export function columnPlaces(form: MatmulForm, columns: number): string[] {
  return form.b === 'side'
    ? range(columns / 4).map((g) => `  let b${g} = (bBase + min(column + ${4 * g}u, sizes.n - 4u)) >> 2u;`)
    : range(columns).map((j) => `  let b${j} = bBase + min(column + ${j}u, sizes.n - 1u) * sizes.bColumn;`);
}

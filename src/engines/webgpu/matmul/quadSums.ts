import type { MatmulForm, MatmulTile } from './form.ts';
import { columnPlaces, part, range, type Reads, type Sums } from './sums.ts';

/** The exchange by which a lane gets the value of the lane whose number differs from its own by the place in this list. */
const SWAPS = ['', 'quadSwapX', 'quadSwapY', 'quadSwapDiagonal'] as const;

/**
 * Sums straight from storage, each lane of a quad with columns of its own and all with the same rows. A lane loads a quarter
 * of A and gets the rest by swaps, so that at swap s lane q has the row of lane q ^ s: its sums are of the same rows as its
 * neighbours', in another order. A broadcast would put them in one order, at several times the price on SwiftShader.
 *
 * All steps of a round are added to a sum before the next one's turn, and sums are scalars: so they stay in a register in
 * between, also where a compiler has few and does not reorder.
 */
export function quadSums(tile: MatmulTile, form: MatmulForm, read: Reads): Sums {
  const { rows, columns } = tile;
  const a = operandA(rows, form, read);
  const b = operandB(columns, form, read);
  const addRow = (i: number, steps: readonly number[]): string => {
    const own = steps.map((step) => `let x${step} = ${a.value(i, step)};`);
    const added = range(columns).map((j) => {
      const sum = `sum${i}_${j}`;
      return `${sum} = ${steps.reduce((so, step) => `fma(x${step}, ${b.value(j, step)}, ${so})`, sum)};`;
    });
    return `{ ${[...own, ...added].join(' ')} }`;
  };
  const round = (count: number): string => {
    const steps = range(count);
    return [...a.load(count), ...b.load(count), ...range(rows).map((i) => addRow(i, steps))].join('\n    ');
  };
  // Sums are carried from round to round, which costs as much as a few products where registers are short; a longer round
  // needs more of them at once.
  const steps = form.stride === 8 ? (tile.steps ?? 4) : 4;
  return {
    memory: '',
    declarations: range(rows)
      .map(
        (i) =>
          `  ${range(columns)
            .map((j) => `var sum${i}_${j} = 0.0;`)
            .join(' ')}`,
      )
      .join('\n'),
    product: [
      '  let quadLane = lane & 3u;',
      ...a.places,
      ...columnPlaces(form, columns),
      '  let aStep = sizes.aColumn >> 2u;',
      '  let bStep = sizes.bRow >> 2u;',
      '  var k = 0u;',
      `  for (; k + ${steps}u <= sizes.k; k += ${steps}u) {\n    ${round(steps)}\n  }`,
      ...(form.stride === 1 ? [`  for (; k < sizes.k; k++) {\n    ${round(1)}\n  }`] : []),
    ].join('\n'),
    four: (i, g) =>
      `vec4f(${range(4)
        .map((t) => `sum${i}_${4 * g + t}`)
        .join(', ')})`,
    place: a.place,
  };
}

interface Operand {
  /** Statements that load all that a round of so many steps from `k` on needs. */
  readonly load: (steps: number) => string[];
  /** A's value of a row, or B's of a column, at a step of the round. */
  readonly value: (number: number, step: number) => string;
}

interface OperandA extends Operand {
  readonly places: readonly string[];
  readonly place: (row: number) => string;
}

function operandA(rows: number, form: MatmulForm, read: Reads): OperandA {
  const swapped = (swap: number, value: string): string => (swap === 0 ? value : `${SWAPS[swap] ?? ''}(${value})`);
  if (form.a === 'side') {
    const groups = range(rows / 16);
    return {
      places: groups.map((g) => `  let a${g} = (aBase + min(row + ${16 * g}u + quadLane * 4u, sizes.m - 4u)) >> 2u;`),
      load: (steps) =>
        range(steps).flatMap((step) => groups.map((g) => `let v${g}_${step} = ${read.a(`a${g} + (k + ${step}u) * aStep`)};`)),
      value: (i, step) => swapped((i >> 2) & 3, part(`v${i >> 4}_${step}`, i)),
      place: (i) => `row + ${16 * (i >> 4) + (i & 3)}u + (quadLane ^ ${(i >> 2) & 3}u) * 4u`,
    };
  }
  const groups = range(rows / 4);
  const start = (g: number): string => `aBase + min(row + ${4 * g}u + quadLane, sizes.m - 1u) * sizes.aRow`;
  const place = (i: number): string => `row + ${i & ~3}u + (quadLane ^ ${i & 3}u)`;
  if (form.a === 'depth')
    return {
      places: groups.map((g) => `  let a${g} = (${start(g)}) >> 2u;`),
      load: (steps) =>
        range(steps / 4).flatMap((four) => groups.map((g) => `let v${g}_${four} = ${read.a(`a${g} + (k >> 2u) + ${four}u`)};`)),
      value: (i, step) => swapped(i & 3, part(`v${i >> 2}_${step >> 2}`, step)),
      place,
    };
  return {
    places: groups.map((g) => `  let a${g} = ${start(g)};`),
    load: (steps) =>
      range(steps).flatMap((step) => groups.map((g) => `let v${g}_${step} = ${read.a(`a${g} + (k + ${step}u) * sizes.aColumn`)};`)),
    value: (i, step) => swapped(i & 3, `v${i >> 2}_${step}`),
    place,
  };
}

function operandB(columns: number, form: MatmulForm, read: Reads): Operand {
  const all = range(columns);
  if (form.b === 'side')
    return {
      load: (steps) =>
        range(steps).flatMap((step) => range(columns / 4).map((g) => `let y${g}_${step} = ${read.b(`b${g} + (k + ${step}u) * bStep`)};`)),
      value: (j, step) => part(`y${j >> 2}_${step}`, j),
    };
  if (form.b === 'depth')
    return {
      load: (steps) =>
        range(steps / 4).flatMap((four) => all.map((j) => `let y${j}_${four} = ${read.b(`((b${j} + k) >> 2u) + ${four}u`)};`)),
      value: (j, step) => part(`y${j}_${step >> 2}`, step),
    };
  return {
    load: (steps) =>
      range(steps).flatMap((step) => all.map((j) => `let y${j}_${step} = ${read.b(`b${j} + (k + ${step}u) * sizes.bRow`)};`)),
    value: (j, step) => `y${j}_${step}`,
  };
}

const SIDE = 20;
const KEPT = [1, 2, 3, 4, 8, 11, 13, 15, 16, 18];
const CELL = 13;

/** Shade 0 to 8 of a drawn weight; a picture, not data. */
function shade(row: number, column: number): number {
  return 2 + Math.round(3 * (1 + Math.sin(row * 1.7 + column * 0.9) * Math.cos(column * 0.6 - row * 0.4)));
}

function squares(rows: readonly number[], columns: readonly number[], side: (row: number, column: number) => number): React.JSX.Element[] {
  return rows.flatMap((row, y) =>
    columns.map((column, x) => {
      const length = side(row, column);
      return (
        <rect
          key={`${row} ${column}`}
          x={x * CELL + (CELL - length) / 2}
          y={y * CELL + (CELL - length) / 2}
          width={length}
          height={length}
          fill={`var(--seq-${shade(row, column)})`}
        />
      );
    }),
  );
}

/** One weight matrix, and the smaller one that remains. */
export function Hero(): React.JSX.Element {
  const all = Array.from({ length: SIDE }, (_, i) => i);
  const kept = (i: number): boolean => KEPT.includes(i);
  return (
    <figure className="hero">
      <svg viewBox="0 0 470 300" aria-hidden="true">
        <text x="0" y="14">
          teacher
        </text>
        <g transform="translate(0 26)">{squares(all, all, (row, column) => (kept(row) && kept(column) ? 11 : 4))}</g>
        <path d="M278 156h38m-7-6 7 6-7 6" fill="none" stroke="currentColor" strokeWidth="1.5" />
        <text x="334" y="80">
          student
        </text>
        <g transform="translate(334 92)">{squares(KEPT, KEPT, () => 11)}</g>
      </svg>
      <figcaption>One weight matrix. Compactors learn which directions the teacher can do without; the student is what remains.</figcaption>
    </figure>
  );
}

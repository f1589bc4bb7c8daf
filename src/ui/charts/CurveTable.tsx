import type { CurvePoint } from '../../state/curvesStore.ts';
import { CHARTS } from './chartKinds.ts';

/** Rows shown: a table of a hundred thousand would stop the page, and the CSV has them all. */
const MOST_ROWS = 400;

/** The curves as numbers: every judged step, and of the others as many as fit. */
export function CurveTable({ points }: { readonly points: readonly CurvePoint[] }): React.JSX.Element {
  const every = Math.ceil(points.length / MOST_ROWS);
  const rows = points.filter((point, i) => i % every === 0 || point.heldOutLoss !== undefined || i === points.length - 1);
  return (
    // A region that scrolls must be reachable by keyboard.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <section className="curve-table" aria-label="Curves as a table" tabIndex={0}>
      <table className="cost">
        <thead>
          <tr>
            <th scope="col">Step</th>
            {CHARTS.map(({ field, title }) => (
              <th key={field} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((point) => (
            <tr key={point.step}>
              <th scope="row">{point.step}</th>
              {CHARTS.map(({ field, show }) => {
                const value = point[field];
                return <td key={field}>{value === undefined ? '' : show(value)}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

import type { CurvePoint } from '../../state/curvesStore.ts';

const fixed = (value: number | undefined, digits: number): string => (value === undefined ? '' : value.toFixed(digits));

/** The curves as numbers. */
export function CurveTable({ points }: { readonly points: readonly CurvePoint[] }): React.JSX.Element {
  return (
    // A region that scrolls must be reachable by keyboard.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <section className="curve-table" aria-label="Curves as a table" tabIndex={0}>
      <table className="cost">
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">loss</th>
            <th scope="col">held-out loss</th>
            <th scope="col">accuracy</th>
            <th scope="col">agreement</th>
            <th scope="col">tokens/s</th>
          </tr>
        </thead>
        <tbody>
          {points.map((point) => (
            <tr key={point.step}>
              <th scope="row">{point.step}</th>
              <td>{fixed(point.loss, 4)}</td>
              <td>{fixed(point.heldOutLoss, 4)}</td>
              <td>{fixed(point.accuracy, 1)}</td>
              <td>{fixed(point.agreement, 1)}</td>
              <td>{fixed(point.tokensPerSecond, 0)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

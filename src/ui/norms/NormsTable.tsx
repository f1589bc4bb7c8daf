import type { NormsAt } from '../../state/judgedStore.ts';
import { whole } from '../numbers.ts';

/** Below this share of the largest norm, a dimension counts as hardly kept. */
const HARDLY = 0.1;

/** One space's norms over the run as numbers. @param index of the space */
export function NormsTable({ history, index }: { readonly history: readonly NormsAt[]; readonly index: number }): React.JSX.Element {
  return (
    <details data-testid="norms-table">
      <summary className="note">As a table</summary>
      <table className="cost">
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">least</th>
            <th scope="col">mean</th>
            <th scope="col">largest</th>
            <th scope="col">hardly kept</th>
          </tr>
        </thead>
        <tbody>
          {history.map(({ step, spaces }) => {
            const norms = spaces[index]?.norms ?? [];
            const most = Math.max(0, ...norms);
            const mean = norms.reduce((sum, norm) => sum + norm, 0) / Math.max(1, norms.length);
            const hardly = norms.filter((norm) => norm < HARDLY * most).length / Math.max(1, norms.length);
            return (
              <tr key={step}>
                <th scope="row">{whole(step)}</th>
                <td>{Math.min(most, ...norms).toFixed(3)}</td>
                <td>{mean.toFixed(3)}</td>
                <td>{most.toFixed(3)}</td>
                <td>{Math.round(100 * hardly)}%</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      <p className="note">
        How much of every teacher dimension goes through the compactor: a norm, or in mode progressive a gate; of neighbours together in
        spaces of more than 64. Hardly kept: below a tenth of the largest, so that little of it reaches the student.
      </p>
    </details>
  );
}

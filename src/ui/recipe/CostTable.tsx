import { sizeInWords } from '../../tensor/bytes.ts';
import { forecast } from '../../state/forecast.ts';
import { useSetup, type PlanReport } from '../../state/setupStore.ts';
import { duration, millions, stepTime, whole } from '../numbers.ts';

/** What the student would cost beside the teacher, and the run, before anything runs. */
export function CostTable(): React.JSX.Element | null {
  const plan = useSetup((state) => state.plan);
  if (plan === undefined) return null;
  return (
    <section className="block" aria-labelledby="h-cost">
      <div className="block-head">
        <h3 id="h-cost">Cost</h3>
      </div>
      <table className="cost" aria-labelledby="h-cost" data-testid="cost">
        <thead>
          <tr>
            <th scope="col">
              <span className="sr">Measure</span>
            </th>
            <th scope="col">teacher</th>
            <th scope="col">student</th>
            <th scope="col" className="bars">
              <span className="sr">bars</span>
            </th>
          </tr>
        </thead>
        <ModelRows plan={plan} />
        <RunRows />
      </table>
    </section>
  );
}

function ModelRows({ plan }: { readonly plan: PlanReport }): React.JSX.Element {
  const rows = [
    { name: 'Parameters', teacher: plan.teacherParameters, student: plan.parameters, show: millions },
    { name: 'Multiply-adds/token', teacher: plan.teacherMultiplyAddsPerToken, student: plan.multiplyAddsPerToken, show: millions },
    { name: 'fp32', teacher: 4 * plan.teacherParameters, student: plan.bytesFp32, show: sizeInWords },
    { name: 'fp16', teacher: 2 * plan.teacherParameters, student: plan.bytesFp16, show: sizeInWords },
    { name: 'int8', teacher: plan.teacherParameters, student: plan.bytesInt8, show: sizeInWords },
  ];
  return (
    <tbody>
      {rows.map(({ name, teacher, student, show }) => (
        <tr key={name}>
          <th scope="row">{name}</th>
          <td>{show(teacher)}</td>
          <td>{show(student)}</td>
          <td className="bars" aria-hidden="true">
            <i />
            <i style={{ width: `${Math.min(100, (100 * student) / teacher)}%` }} />
          </td>
        </tr>
      ))}
    </tbody>
  );
}

function RunRows(): React.JSX.Element {
  const costs = useSetup((state) => state.costs);
  const speed = useSetup((state) => state.speed);
  const steps = useSetup((state) => state.recipe?.steps ?? 0);
  const known = costs === undefined ? undefined : forecast(costs, speed?.flops);
  const timed = known === undefined || speed === undefined ? undefined : known;
  if (steps === 0)
    return (
      <tbody>
        <tr>
          <th scope="row">Training</th>
          <td colSpan={3} data-testid="eta">
            none, the student stays as it starts
          </td>
        </tr>
      </tbody>
    );
  const waiting = costs === undefined ? '…' : 'after the first steps';
  return (
    <tbody>
      <tr>
        <th scope="row">Training step</th>
        <td colSpan={3} data-testid="step-time">
          {timed === undefined ? waiting : `about ${stepTime(timed.secondsPerStep)}`}
        </td>
      </tr>
      <tr>
        <th scope="row">Training memory</th>
        <td colSpan={3} data-testid="memory">
          {known === undefined ? '…' : sizeInWords(known.bytes)}
        </td>
      </tr>
      <tr>
        <th scope="row">{whole(steps)} steps</th>
        <td colSpan={3} data-testid="eta">
          {timed === undefined ? waiting : `about ${duration(timed.seconds)}`}
        </td>
      </tr>
      {speed === undefined ? null : (
        <tr>
          <td colSpan={4} className="note">
            From {(speed.flops / 1e9).toFixed(speed.flops < 1e10 ? 1 : 0)} GFLOP/s, {speed.from}
          </td>
        </tr>
      )}
    </tbody>
  );
}

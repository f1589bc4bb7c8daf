import { useSetup } from '../../state/setupStore.ts';
import { megabytes, millions } from '../numbers.ts';

/** What the student would cost beside the teacher, before anything runs. */
export function CostTable(): React.JSX.Element | null {
  const plan = useSetup((state) => state.plan);
  if (plan === undefined) return null;
  const rows = [
    { name: 'Parameters', teacher: plan.teacherParameters, student: plan.parameters, show: millions },
    { name: 'Multiply-adds/token', teacher: plan.teacherMultiplyAddsPerToken, student: plan.multiplyAddsPerToken, show: millions },
    { name: 'fp32', teacher: 4 * plan.teacherParameters, student: plan.bytesFp32, show: megabytes },
    { name: 'fp16', teacher: 2 * plan.teacherParameters, student: plan.bytesFp16, show: megabytes },
    { name: 'int8', teacher: plan.teacherParameters, student: plan.bytesInt8, show: megabytes },
  ];
  return (
    <section className="block" aria-labelledby="h-cost">
      <div className="block-head">
        <h3 id="h-cost">Cost</h3>
      </div>
      <table className="cost" aria-labelledby="h-cost">
        <thead>
          <tr>
            <th scope="col">
              <span className="sr">Measure</span>
            </th>
            <th scope="col">teacher</th>
            <th scope="col">student</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, teacher, student, show }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{show(teacher)}</td>
              <td>{show(student)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

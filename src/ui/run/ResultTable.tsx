import { sizeInWords } from '../../tensor/bytes.ts';
import { useRun } from '../../state/runStore.ts';
import { useSetup } from '../../state/setupStore.ts';
import { duration, millions, percent, whole } from '../numbers.ts';

/** Held-out numbers of teacher and student when a run is over. */
export function ResultTable(): React.JSX.Element | null {
  const result = useRun((state) => state.result);
  const recipe = useRun((state) => state.recipe);
  const plan = useSetup((state) => (state.recipe?.student === recipe?.student ? state.plan : undefined));
  if (result === undefined) return null;
  const rows = [
    { name: 'Teacher', key: 'teacher', value: result.teacher, parameters: plan?.teacherParameters },
    ...(recipe?.steps === 0
      ? []
      : [{ name: 'Student, untrained', key: 'untrained', value: result.untrained, parameters: plan?.parameters }]),
    ...(result.whole === undefined ? [] : [{ name: 'Before cutting', key: 'whole', value: result.whole, parameters: undefined }]),
    {
      name: recipe?.steps === 0 ? 'Student, untrained' : `Student, ${result.studentStep ?? result.stepsDone} steps`,
      key: 'trained',
      value: result.trained,
      parameters: plan?.parameters,
    },
  ];
  return (
    <section className="block" aria-labelledby="h-result">
      <div className="block-head">
        <h3 id="h-result">Result on held-out text</h3>
        <span className="note">
          {result.stopped ? 'stopped early, ' : ''}
          {result.studentStep === 0 && result.fault === null && result.stepsDone > 0
            ? `training did not help in ${result.stepsDone} steps, the start is kept, `
            : ''}
          {duration(result.seconds)}
          {result.vocabularySize === undefined ? '' : `, over ${whole(result.vocabularySize)} words`}
        </span>
      </div>
      <div className="scroll-x">
        <table className="cost results" data-testid="results">
          <thead>
            <tr>
              <th scope="col">
                <span className="sr">Model</span>
              </th>
              <th scope="col">loss</th>
              <th scope="col">accuracy</th>
              <th scope="col">agreement</th>
              {plan === undefined ? null : (
                <>
                  <th scope="col">parameters</th>
                  <th scope="col">fp32</th>
                </>
              )}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ name, key, value, parameters }) => (
              <tr key={key}>
                <th scope="row">{name}</th>
                <td data-testid={`loss-${key}`}>{value.loss.toFixed(3)}</td>
                <td>{percent(value.accuracy)}</td>
                <td>{percent(value.agreement)}</td>
                {plan === undefined ? null : (
                  <>
                    <td>{parameters === undefined ? '' : millions(parameters)}</td>
                    <td>{parameters === undefined ? '' : sizeInWords(4 * parameters)}</td>
                  </>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

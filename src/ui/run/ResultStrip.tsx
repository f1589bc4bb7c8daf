import { sizeInWords } from '../../tensor/bytes.ts';
import { useRun } from '../../state/runStore.ts';
import { useSetup } from '../../state/setupStore.ts';
import { millions, percent } from '../numbers.ts';

/** What the run bought, in a few figures: size, work, accuracy, and, once exported, speed. */
export function ResultStrip(): React.JSX.Element | null {
  const result = useRun((state) => state.result);
  const student = useRun((state) => state.recipe?.student);
  const plan = useSetup((state) => (state.recipe?.student === student ? state.plan : undefined));
  const download = useRun((state) => (state.download?.of === 'student' ? state.download : undefined));
  if (result === undefined) return null;
  const points = 100 * (result.trained.accuracy - result.teacher.accuracy);
  const ours = download?.onnx[0]?.latency?.median;
  const theirs = download?.teacherLatency?.median;
  return (
    <dl className="result" data-testid="result-strip">
      {plan === undefined ? null : (
        <>
          <Figure
            value={`${(plan.teacherParameters / plan.parameters).toFixed(1)}×`}
            name="smaller"
            note={`${sizeInWords(4 * plan.teacherParameters)} to ${sizeInWords(plan.bytesFp32)}`}
          />
          <Figure
            value={`${(plan.teacherMultiplyAddsPerToken / plan.multiplyAddsPerToken).toFixed(1)}×`}
            name="fewer multiply-adds"
            note={`${millions(plan.teacherMultiplyAddsPerToken)} to ${millions(plan.multiplyAddsPerToken)}`}
          />
        </>
      )}
      {ours === undefined || theirs === undefined ? null : (
        <Figure value={`${(theirs / ours).toFixed(1)}×`} name="faster here, ONNX" note={`${theirs.toFixed(1)} to ${ours.toFixed(1)} ms`} />
      )}
      <Figure
        value={`${points < 0 ? '−' : '+'}${Math.abs(points).toFixed(1)}`}
        name="accuracy points"
        note={`${percent(result.teacher.accuracy)} to ${percent(result.trained.accuracy)}`}
      />
    </dl>
  );
}

function Figure({ value, name, note }: { readonly value: string; readonly name: string; readonly note: string }): React.JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
      <dd className="note">{note}</dd>
    </div>
  );
}

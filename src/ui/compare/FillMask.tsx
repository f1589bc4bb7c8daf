import type { FillComparison } from '../../state/actions/judgeActions.ts';

/** Both models' five likeliest words for the mask. */
export function FillMask({ fill }: { readonly fill: FillComparison }): React.JSX.Element {
  const shared = fill.student.filter(({ word }) => fill.teacher.some((other) => other.word === word)).length;
  return (
    <div data-testid="fill-mask">
      <div className="block-head">
        <h3>Fill the mask</h3>
        <span className="note">
          {shared} of {fill.teacher.length} words shared
        </span>
      </div>
      <div className="fill">
        {(['teacher', 'student'] as const).map((model) => (
          <div key={model} className={model === 'student' ? 'st' : ''}>
            <h4>{model}</h4>
            <ol>
              {fill[model].map(({ word, probability }) => (
                <li key={word}>
                  <span>{word}</span>
                  <span>{probability.toFixed(2)}</span>
                  <i style={{ width: `${100 * probability}%` }} />
                </li>
              ))}
            </ol>
          </div>
        ))}
      </div>
    </div>
  );
}

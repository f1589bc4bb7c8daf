import type { FillComparison } from '../../state/actions/judgeActions.ts';

/** Pixels of one word; the lines between the lists count on it. */
const ROW = 22;

/** Both models' five likeliest words for the mask; a line joins a word that both name. */
export function FillMask({ fill }: { readonly fill: FillComparison }): React.JSX.Element {
  const places = fill.teacher.map(({ word }) => fill.student.findIndex((other) => other.word === word));
  const shared = places.filter((place) => place >= 0).length;
  return (
    <div data-testid="fill-mask">
      <div className="block-head">
        <h3>Fill the mask</h3>
        <span className="note">
          {shared} of {fill.teacher.length} words shared
        </span>
      </div>
      <div className="fill">
        <Guesses fill={fill} model="teacher" />
        <svg width="40" height={ROW * fill.teacher.length} aria-hidden="true">
          {places.map((place, i) =>
            place < 0 ? null : <path key={fill.teacher[i]?.word} d={`M4 ${ROW * (i + 0.5)}L36 ${ROW * (place + 0.5)}`} />,
          )}
        </svg>
        <Guesses fill={fill} model="student" />
      </div>
    </div>
  );
}

function Guesses({ fill, model }: { readonly fill: FillComparison; readonly model: 'teacher' | 'student' }): React.JSX.Element {
  const others = model === 'teacher' ? fill.student : fill.teacher;
  return (
    <div className={model === 'student' ? 'st' : ''}>
      <h4>{model}</h4>
      <ol>
        {fill[model].map(({ word, probability }) => (
          <li key={word} className={others.some((other) => other.word === word) ? '' : 'only'}>
            <span>{word}</span>
            <span>{probability.toFixed(2)}</span>
            <i style={{ width: `${100 * probability}%` }} />
          </li>
        ))}
      </ol>
    </div>
  );
}

import { useCurves, type PastCurve } from '../../state/curvesStore.ts';
import { useHistory } from '../../state/historyStore.ts';

export interface CurveView {
  readonly asTable: boolean;
  readonly logarithmic: boolean;
  /** Of the smoothing, in steps. */
  readonly halfLife: number;
}

const HALF_LIVES = [0, 3, 7, 20, 50, 150] as const;

interface CurvesHeadProps {
  readonly view: CurveView;
  readonly onView: (view: CurveView) => void;
  readonly past: PastCurve | undefined;
  readonly onPast: (name: string) => void;
  readonly children: React.ReactNode;
}

/** Legend and the ways of looking: another run beside, logarithmic loss, smoothing, table. */
export function CurvesHead({ view, onView, past, onPast, children }: CurvesHeadProps): React.JSX.Element {
  const name = useCurves((state) => state.name);
  const known = useCurves((state) => state.past);
  const runs = useHistory((state) => state.runs);
  const choices = [...new Set([...known, ...runs].map((run) => run.name))].filter((choice) => choice !== name);
  return (
    <div className="block-head wrap curves-head">
      <h3 id="h-curves">Learning curves</h3>
      <span className="legend">
        <LegendLine look="ln-s" name={name} />
        {past === undefined ? null : <LegendLine look="ln-p" name={past.name} />}
        <LegendLine look="ln-t" name="teacher" />
      </span>
      {choices.length === 0 ? null : (
        <label className="inline">
          Beside
          <select data-testid="overlay" value={past?.name ?? ''} onChange={(event) => onPast(event.currentTarget.value)}>
            <option value="">nothing</option>
            {choices.map((choice) => (
              <option key={choice}>{choice}</option>
            ))}
          </select>
        </label>
      )}
      <label className="inline">
        Smoothing
        <select value={view.halfLife} onChange={(event) => onView({ ...view, halfLife: Number(event.currentTarget.value) })}>
          {HALF_LIVES.map((steps) => (
            <option key={steps} value={steps}>
              {steps === 0 ? 'none' : `${steps} steps`}
            </option>
          ))}
        </select>
      </label>
      <label className="inline">
        <input
          type="checkbox"
          checked={view.logarithmic}
          onChange={(event) => onView({ ...view, logarithmic: event.currentTarget.checked })}
        />
        Log loss
      </label>
      <span className="together">
        <fieldset className="seg">
          <legend className="sr">View of the curves</legend>
          {(['Charts', 'Table'] as const).map((word) => (
            <label key={word}>
              <input
                type="radio"
                name="curves"
                checked={view.asTable === (word === 'Table')}
                onChange={() => onView({ ...view, asTable: word === 'Table' })}
              />
              <span>{word}</span>
            </label>
          ))}
        </fieldset>
        {children}
      </span>
    </div>
  );
}

function LegendLine({ look, name }: { readonly look: string; readonly name: string }): React.JSX.Element {
  return (
    <span>
      <svg width="20" height="8" aria-hidden="true">
        <path d="M0 4h20" className={look} />
      </svg>
      {name}
    </span>
  );
}

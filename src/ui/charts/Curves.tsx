import { useMemo, useRef, useState } from 'react';
import { useCurves } from '../../state/curvesStore.ts';
import { whole } from '../numbers.ts';
import { CurveChart } from './CurveChart.tsx';
import { CurveTable } from './CurveTable.tsx';
import { downsample } from './downsample.ts';
import { saveCsv, saveSvg } from './saveCurves.ts';

const MOST_POINTS = 400;
const loss = (value: number): string => value.toFixed(2);
const share = (value: number): string => `${value.toFixed(0)}%`;

/** The learning curves, stacked on one step axis, or as a table; saved as CSV or SVG. */
export function Curves(): React.JSX.Element {
  const all = useCurves((state) => state.points);
  const steps = useCurves((state) => state.steps);
  const teacher = useCurves((state) => state.teacher);
  const [asTable, setAsTable] = useState(false);
  const [logarithmic, setLogarithmic] = useState(false);
  const charts = useRef<HTMLDivElement>(null);
  const points = useMemo(() => downsample(all, MOST_POINTS), [all]);
  return (
    <section className="block" aria-labelledby="h-curves">
      <div className="block-head wrap">
        <h3 id="h-curves">Learning curves</h3>
        <span className="legend">
          <span>
            <svg width="20" height="8" aria-hidden="true">
              <path d="M0 4h20" className="ln-s" />
            </svg>
            student
          </span>
          <span>
            <svg width="20" height="8" aria-hidden="true">
              <path d="M0 4.5h20" className="ln-t" />
            </svg>
            teacher
          </span>
        </span>
        <label className="inline">
          <input type="checkbox" checked={logarithmic} onChange={(event) => setLogarithmic(event.currentTarget.checked)} />
          Log loss
        </label>
        <fieldset className="seg">
          <legend className="sr">View of the curves</legend>
          <label>
            <input type="radio" name="curves" checked={!asTable} onChange={() => setAsTable(false)} />
            <span>Charts</span>
          </label>
          <label>
            <input type="radio" name="curves" checked={asTable} onChange={() => setAsTable(true)} />
            <span>Table</span>
          </label>
        </fieldset>
        <button type="button" className="btn small" disabled={all.length === 0} onClick={() => saveCsv(all)}>
          CSV
        </button>
        <button
          type="button"
          className="btn small"
          disabled={asTable || all.length === 0}
          onClick={() => {
            if (charts.current !== null) saveSvg(charts.current);
          }}
        >
          SVG
        </button>
      </div>
      {asTable ? (
        <CurveTable points={points} />
      ) : (
        <div className="charts" ref={charts} data-testid="charts">
          <CurveChart
            title="Training loss"
            points={points}
            lines={[
              { field: 'loss', name: 'loss', faint: true },
              { field: 'smooth', name: 'smoothed' },
            ]}
            steps={steps}
            height={150}
            logarithmic={logarithmic}
            show={loss}
          />
          <CurveChart
            title="Held-out loss"
            points={points}
            lines={[{ field: 'heldOutLoss', name: 'student', dots: true }]}
            teacher={teacher?.loss}
            steps={steps}
            height={130}
            logarithmic={logarithmic}
            show={loss}
          />
          <CurveChart
            title="Held-out accuracy"
            points={points}
            lines={[{ field: 'accuracy', name: 'student', dots: true }]}
            teacher={teacher === undefined ? undefined : 100 * teacher.accuracy}
            steps={steps}
            height={110}
            show={share}
          />
          <CurveChart
            title="Agreement with the teacher"
            points={points}
            lines={[{ field: 'agreement', name: 'student', dots: true }]}
            steps={steps}
            height={90}
            show={share}
          />
          <CurveChart
            title="Attention similarity"
            points={points}
            lines={[{ field: 'similarity', name: 'student', dots: true }]}
            steps={steps}
            height={90}
            show={(value) => value.toFixed(3)}
          />
          <CurveChart
            title="Learning rate"
            points={points}
            lines={[{ field: 'learningRate', name: 'rate' }]}
            steps={steps}
            height={80}
            show={(value) => value.toExponential(0)}
          />
          <CurveChart
            title="Tokens per second"
            points={points}
            lines={[{ field: 'tokensPerSecond', name: 'tokens/s' }]}
            steps={steps}
            height={100}
            axis
            show={whole}
          />
        </div>
      )}
    </section>
  );
}

import { useDeferredValue, useRef, useState } from 'react';
import { useCurves } from '../../state/curvesStore.ts';
import { useHistory } from '../../state/historyStore.ts';
import { useActions } from '../actionsContext.ts';
import { SaveMenu } from '../figure/SaveMenu.tsx';
import { drawingsDocument } from '../figure/svgDocument.ts';
import { CHARTS } from './chartKinds.ts';
import { Crosshair } from './Crosshair.tsx';
import { CurveChart } from './CurveChart.tsx';
import { CurvesHead, type CurveView } from './CurvesHead.tsx';
import { CurveTable } from './CurveTable.tsx';

/** The learning curves, stacked on one step axis under one crosshair, or as a table. */
export function Curves(): React.JSX.Element {
  // Drawing may lag behind the numbers, so that it never holds up a click.
  const points = useDeferredValue(useCurves((state) => state.points));
  const judged = useCurves((state) => state.judged);
  const name = useCurves((state) => state.name);
  const steps = useCurves((state) => state.steps);
  const teacher = useCurves((state) => state.teacher);
  const phases = useCurves((state) => state.phases);
  const choices = useCurves((state) => state.past);
  const runs = useHistory((state) => state.runs);
  const actions = useActions();
  const [view, setView] = useState<CurveView>({ asTable: false, logarithmic: false, halfLife: 7 });
  const [pastName, setPastName] = useState<string>();
  const charts = useRef<HTMLElement>(null);
  // The run before is beside this one until the user chooses otherwise.
  const past = pastName === undefined ? choices[0] : choices.find((choice) => choice.name === pastName);
  const longest = Math.max(steps, past?.points.at(-1)?.step ?? 0);
  return (
    <section className="block" aria-labelledby="h-curves" ref={charts}>
      <CurvesHead
        view={view}
        onView={setView}
        past={past}
        onPast={(name) => {
          setPastName(name);
          const kept = runs.find((run) => run.name === name);
          if (kept !== undefined && !choices.some((choice) => choice.name === name)) void actions.showBeside(kept);
        }}
      >
        <SaveMenu
          what="all curves"
          file={`${name}-curves`.replaceAll(' ', '-')}
          disabled={points.length === 0}
          csv={() => [
            ['step', ...CHARTS.map(({ field }) => field)],
            ...points.map((point) => [point.step, ...CHARTS.map(({ field }) => point[field] ?? '')]),
          ]}
          svg={
            view.asTable
              ? undefined
              : () =>
                  drawingsDocument(
                    [...(charts.current?.querySelectorAll<SVGSVGElement>('svg.recharts-surface') ?? [])].map((svg) => ({
                      title: svg.closest('figure')?.getAttribute('aria-label') ?? '',
                      svg,
                    })),
                  )
          }
        />
      </CurvesHead>
      {view.asTable ? (
        <CurveTable points={points} />
      ) : (
        <Crosshair steps={longest}>
          {CHARTS.map((kind, i) => (
            <CurveChart
              key={kind.field}
              kind={kind}
              name={name}
              points={kind.dense ? points : judged}
              past={past}
              teacher={kind.teacher === undefined ? undefined : teacher}
              phase={phases[1]}
              steps={longest}
              halfLife={kind.field === 'loss' ? view.halfLife : 0}
              logarithmic={view.logarithmic}
              axis={i === CHARTS.length - 1}
            />
          ))}
        </Crosshair>
      )}
    </section>
  );
}

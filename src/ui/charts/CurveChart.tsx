import { memo, useMemo, useRef } from 'react';
import { CartesianGrid, Line, LineChart, ReferenceLine, ResponsiveContainer, XAxis, YAxis } from 'recharts';
import type { CurvePoint, PastCurve } from '../../state/curvesStore.ts';
import type { HeldOut } from '../../state/runStore.ts';
import { SaveMenu } from '../figure/SaveMenu.tsx';
import { drawingsDocument } from '../figure/svgDocument.ts';
import type { ChartKind } from './chartKinds.ts';
import { boldCurve, curveOf, rowsOf } from './chartSeries.ts';
import { ChartReadout } from './ChartReadout.tsx';
import { PLOT } from './crosshair.ts';
import { downsample } from './downsample.ts';
import { CrossDots, EndLabels, type NamedLine } from './EndLabels.tsx';

const AXIS_HEIGHT = 20;
const TICK = { fill: 'var(--ink-3)', fontSize: 11 } as const;

interface CurveChartProps {
  readonly kind: ChartKind;
  /** Of the run at hand. */
  readonly name: string;
  /** Points that have the chart's own value: others would draw it anew for nothing. */
  readonly points: readonly CurvePoint[];
  readonly past: PastCurve | undefined;
  readonly teacher: HeldOut | undefined;
  /** Where another phase began, with its name. */
  readonly phase: { readonly name: string; readonly from: number } | undefined;
  readonly steps: number;
  /** Of the smoothing, in steps. */
  readonly halfLife: number;
  readonly logarithmic: boolean;
  /** The lowest chart carries the steps. */
  readonly axis: boolean;
}

/** One of the stacked charts: run in accent, teacher in ink, the run beside in dashed grey. */
export const CurveChart = memo(function CurveChart(given: CurveChartProps): React.JSX.Element {
  const { kind, name, points, past, phase, steps, halfLife, axis } = given;
  const figure = useRef<HTMLElement>(null);
  const { bold, raw, beside, level } = useMemo(
    () => ({
      bold: boldCurve(points, kind, halfLife),
      raw: kind.field === 'loss' && halfLife > 0 ? downsample(curveOf(points, 'loss'), 720) : [],
      beside: past === undefined ? [] : boldCurve(past.points, kind, halfLife),
      level: kind.level === undefined ? [] : curveOf(points, kind.level.field),
    }),
    [points, past, kind, halfLife],
  );
  const rows = useMemo(() => rowsOf({ bold, raw, past: beside, level }), [bold, raw, beside, level]);
  const teacher = given.teacher === undefined ? undefined : kind.teacher?.(given.teacher);
  const logarithmic = kind.logarithmic && given.logarithmic;
  const named = (line: NamedLine['look'], label: string, value: number | undefined): NamedLine[] =>
    value === undefined ? [] : [{ name: label, look: line, value }];
  const lines = [
    ...named('main', name, bold.at(-1)?.value),
    ...named('past', past?.name ?? '', beside.at(-1)?.value),
    ...named('past', kind.level?.name ?? '', level.at(-1)?.value),
    ...named('teacher', 'teacher', teacher),
  ];
  return (
    <figure className="chart" aria-label={kind.title} ref={figure}>
      <figcaption className="chart-head">
        <b>{kind.title}</b>
        <ChartReadout kind={kind} name={name} bold={bold} pastName={past?.name} past={beside} />
        <SaveMenu
          what={kind.title}
          file={`${name}-${kind.title}`.toLowerCase().replaceAll(' ', '-')}
          csv={() => [['step', kind.field], ...curveOf(points, kind.field).map(({ step, value }) => [step, value])]}
          svg={() => {
            const svg = figure.current?.querySelector<SVGSVGElement>('svg.recharts-surface');
            return drawingsDocument(svg === null || svg === undefined ? [] : [{ title: kind.title, svg }]);
          }}
        />
      </figcaption>
      <ResponsiveContainer width="100%" height={kind.height + (axis ? AXIS_HEIGHT : 0)}>
        <LineChart data={rows} margin={{ top: 5, right: PLOT.right, bottom: 3, left: 0 }} accessibilityLayer={false}>
          <CartesianGrid vertical={false} stroke="var(--c-grid)" />
          <XAxis
            dataKey="step"
            type="number"
            domain={[0, Math.max(1, steps)]}
            height={axis ? AXIS_HEIGHT : 1}
            tick={axis ? TICK : false}
            tickLine={false}
            stroke="var(--line-2)"
          />
          <YAxis
            width={PLOT.left}
            domain={['auto', 'auto']}
            scale={logarithmic ? 'log' : 'linear'}
            tickCount={kind.height > 90 ? 4 : 3}
            tickLine={false}
            axisLine={false}
            tickFormatter={kind.show}
            tick={TICK}
          />
          {phase === undefined ? null : (
            <ReferenceLine
              x={phase.from}
              stroke="var(--edge)"
              strokeDasharray="1 3"
              {...(kind.field === 'loss' ? { label: { value: phase.name, position: 'insideTopLeft', ...TICK } as const } : {})}
            />
          )}
          {teacher === undefined ? null : <ReferenceLine y={teacher} stroke="var(--c-teacher)" ifOverflow="extendDomain" />}
          {line('raw', 'var(--c-student-faint)', { strokeWidth: 1 })}
          {line('past', 'var(--c-prev)', { strokeWidth: 1.25, strokeDasharray: '4 3' })}
          {kind.level === undefined ? null : line('level', 'var(--c-prev)', { strokeWidth: 1, strokeDasharray: '1 3' })}
          {line('bold', 'var(--c-student)', {
            strokeWidth: 1.75,
            dot: kind.dense ? false : { r: 2.5, fill: 'var(--c-student)', stroke: 'var(--bg)' },
          })}
          <EndLabels lines={lines} show={kind.show} />
          <CrossDots bold={bold} past={beside} />
        </LineChart>
      </ResponsiveContainer>
    </figure>
  );
});

interface LineLook {
  readonly strokeWidth: number;
  readonly strokeDasharray?: string;
  readonly dot?: false | { readonly r: number; readonly fill: string; readonly stroke: string };
}

function line(field: string, colour: string, look: LineLook): React.JSX.Element {
  return (
    <Line dataKey={field} type="linear" stroke={colour} dot={false} activeDot={false} connectNulls isAnimationActive={false} {...look} />
  );
}

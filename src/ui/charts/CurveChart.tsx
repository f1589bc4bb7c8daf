import { CartesianGrid, Line, LineChart, ReferenceLine, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import type { CurvePoint } from '../../state/curvesStore.ts';

type Series = Exclude<keyof CurvePoint, 'step'>;

export interface ChartLine {
  readonly field: Series;
  readonly name: string;
  readonly faint?: boolean;
  readonly dots?: boolean;
}

interface CurveChartProps {
  readonly title: string;
  readonly unit?: string;
  readonly points: readonly CurvePoint[];
  readonly lines: readonly ChartLine[];
  /** The teacher's value, a level line. */
  readonly teacher?: number | undefined;
  readonly steps: number;
  readonly height: number;
  readonly logarithmic?: boolean;
  readonly axis?: boolean;
  readonly show: (value: number) => string;
}

/** One of the stacked charts: same x axis, same crosshair (recharts syncs by id). */
export function CurveChart(given: CurveChartProps): React.JSX.Element {
  const { title, points, lines, teacher, steps, height, show } = given;
  const [main] = lines.toReversed();
  const last = main === undefined ? undefined : points.findLast((point) => point[main.field] !== undefined)?.[main.field];
  return (
    <figure className="chart" aria-label={title}>
      <figcaption className="chart-head">
        <b>{title}</b>
        <span className="ends">
          {last === undefined ? null : <span className="l-student">student {show(last)}</span>}
          {teacher === undefined ? null : <span className="l-teacher">teacher {show(teacher)}</span>}
        </span>
      </figcaption>
      <ResponsiveContainer width="100%" height={height}>
        <LineChart data={[...points]} syncId="run" margin={{ top: 4, right: 12, bottom: 0, left: 0 }}>
          <CartesianGrid vertical={false} stroke="var(--c-grid)" />
          <XAxis
            dataKey="step"
            type="number"
            domain={[0, Math.max(1, steps)]}
            hide={given.axis !== true}
            tickLine={false}
            stroke="var(--line-2)"
            tick={{ fill: 'var(--ink-3)', fontSize: 11 }}
          />
          <YAxis
            width={44}
            domain={['auto', 'auto']}
            scale={given.logarithmic === true ? 'log' : 'linear'}
            tickCount={4}
            tickLine={false}
            axisLine={false}
            tickFormatter={show}
            tick={{ fill: 'var(--ink-3)', fontSize: 11 }}
          />
          <Tooltip
            isAnimationActive={false}
            cursor={{ stroke: 'var(--ink)', strokeOpacity: 0.55 }}
            labelFormatter={(step) => (typeof step === 'number' ? `step ${step}` : '')}
            formatter={(value) => (typeof value === 'number' ? show(value) : '')}
            contentStyle={{
              background: 'var(--panel)',
              border: '1px solid var(--line-2)',
              borderRadius: 6,
              fontSize: 12,
              padding: '4px 8px',
            }}
          />
          {teacher === undefined ? null : <ReferenceLine y={teacher} stroke="var(--c-teacher)" ifOverflow="extendDomain" />}
          {lines.map(({ field, name, faint, dots }) => (
            <Line
              key={field}
              dataKey={field}
              name={name}
              type="linear"
              stroke={faint === true ? 'var(--c-student-faint)' : 'var(--c-student)'}
              strokeWidth={faint === true ? 1 : 1.75}
              dot={dots === true ? { r: 3, fill: 'var(--c-student)', stroke: 'var(--bg)' } : false}
              activeDot={{ r: 3 }}
              connectNulls
              isAnimationActive={false}
            />
          ))}
        </LineChart>
      </ResponsiveContainer>
    </figure>
  );
}

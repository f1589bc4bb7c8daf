import { usePlotArea, useXAxisScale, useYAxisScale } from 'recharts';
import { useCrosshair, valueAt } from './crosshair.ts';
import type { SmoothPoint } from './smoothing.ts';

/** Pixels between the baselines of two names. */
const APART = 13;

/** Letters that fit before the value. */
const LETTERS = 9;
const shortened = (name: string): string => (name.length <= LETTERS ? name : `${name.slice(0, LETTERS - 1)}…`);

export interface NamedLine {
  readonly name: string;
  readonly look: 'main' | 'past' | 'teacher';
  readonly value: number;
}

interface EndLabelsProps {
  readonly lines: readonly NamedLine[];
  readonly show: (value: number) => string;
}

/** Every line's name and last value at its end, moved apart where they would overlap. */
export function EndLabels({ lines, show }: EndLabelsProps): React.JSX.Element | null {
  const area = usePlotArea();
  const scale = useYAxisScale();
  if (area === undefined || scale === undefined) return null;
  const places = lines
    .map((line) => ({ line, y: scale(line.value) ?? Number.NaN }))
    .filter(({ y }) => Number.isFinite(y))
    .toSorted((a, b) => a.y - b.y);
  let least = area.y + 4;
  for (const place of places) {
    place.y = Math.max(place.y, least);
    least = place.y + APART;
  }
  let most = area.y + area.height - 3;
  for (const place of places.toReversed()) {
    place.y = Math.min(place.y, most);
    most = place.y - APART;
  }
  const left = area.x + area.width;
  return (
    <g>
      {places.map(({ line, y }) => (
        <g key={line.name} className={`end ${line.look}`}>
          <text x={left + 8} y={y + 4}>
            {shortened(line.name)}
          </text>
          <text x={left + 90} y={y + 4} textAnchor="end">
            {show(line.value)}
          </text>
        </g>
      ))}
    </g>
  );
}

interface CrossDotsProps {
  readonly bold: readonly SmoothPoint[];
  readonly past: readonly SmoothPoint[];
}

/** Where the crosshair meets the lines. */
export function CrossDots({ bold, past }: CrossDotsProps): React.JSX.Element | null {
  const step = useCrosshair((state) => state.step);
  const x = useXAxisScale();
  const y = useYAxisScale();
  if (step === undefined || x === undefined || y === undefined) return null;
  const dot = (points: readonly SmoothPoint[], look: string): React.JSX.Element | null => {
    const value = step > (points.at(-1)?.step ?? -1) ? undefined : valueAt(points, step);
    if (value === undefined) return null;
    return <circle className={look} cx={x(step)} cy={y(value)} r={3.5} />;
  };
  return (
    <g>
      {dot(past, 'dot prev')}
      {dot(bold, 'dot')}
    </g>
  );
}

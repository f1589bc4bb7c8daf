import { useSetup } from '../../state/setupStore.ts';
import { whole } from '../numbers.ts';
import type { ChartKind } from './chartKinds.ts';
import { useCrosshair, valueAt } from './crosshair.ts';
import type { SmoothPoint } from './smoothing.ts';

interface ChartReadoutProps {
  readonly kind: ChartKind;
  readonly name: string;
  readonly bold: readonly SmoothPoint[];
  readonly pastName: string | undefined;
  readonly past: readonly SmoothPoint[];
}

/** What the chart shows, or, under the crosshair, its values there. */
export function ChartReadout({ kind, name, bold, pastName, past }: ChartReadoutProps): React.JSX.Element {
  const task = useSetup((state) => state.teacher?.words);
  const step = useCrosshair((state) => state.step);
  if (step === undefined) return <span>{kind.hint(task)}</span>;
  const words = [
    ...(kind.field === 'loss' ? [`step ${whole(step)}`] : []),
    ...say(name, valueAt(bold, step), kind),
    ...say(pastName, valueAt(past, step), kind),
  ];
  return <span className="on">{words.join(' · ')}</span>;
}

function say(name: string | undefined, value: number | undefined, kind: ChartKind): string[] {
  return name === undefined || value === undefined ? [] : [`${name} ${kind.show(value)}`];
}

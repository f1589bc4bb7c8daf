import type { CurvePoint } from '../../state/curvesStore.ts';
import type { TaskWords } from '../../state/setupStore.ts';
import type { HeldOut } from '../../state/runStore.ts';
import { whole } from '../numbers.ts';

/** One of the stacked charts. */
export interface ChartKind {
  readonly field: Exclude<keyof CurvePoint, 'step' | 'chance'>;
  readonly title: string;
  readonly hint: (words: TaskWords | undefined) => string;
  /** CSS pixels of the plot. */
  readonly height: number;
  /** Measured at every step, so worth thinning out; the others are measured when the student is judged. */
  readonly dense: boolean;
  /** May be drawn on a logarithmic axis. */
  readonly logarithmic: boolean;
  /** The teacher's level line. */
  readonly teacher?: (value: HeldOut) => number;
  /** Another level line, named. */
  readonly level?: { readonly name: string; readonly field: 'chance' };
  readonly show: (value: number) => string;
}

const loss = (value: number): string => value.toFixed(2);
const share = (value: number): string => `${value.toFixed(1)}%`;

export const CHARTS: readonly ChartKind[] = [
  {
    field: 'loss',
    title: 'Training loss',
    hint: (words) => `${words?.loss ?? 'cross-entropy'}; faint is every step`,
    height: 120,
    dense: true,
    logarithmic: true,
    show: loss,
  },
  {
    field: 'heldOutLoss',
    title: 'Held-out loss',
    hint: () => 'lower is better',
    height: 96,
    dense: false,
    logarithmic: true,
    teacher: (value) => value.loss,
    show: loss,
  },
  {
    field: 'accuracy',
    title: 'Held-out accuracy',
    hint: (words) => `${words?.accuracy ?? 'right answers'}; higher is better`,
    height: 96,
    dense: false,
    logarithmic: false,
    teacher: (value) => 100 * value.accuracy,
    show: share,
  },
  {
    field: 'agreement',
    title: 'Agreement with the teacher',
    hint: (words) => `${words?.agreement ?? 'same answers'}; higher is better`,
    height: 76,
    dense: false,
    logarithmic: false,
    show: share,
  },
  {
    field: 'similarity',
    title: 'Attention similarity',
    hint: () => 'mean of all heads; 1 is identical',
    height: 76,
    dense: false,
    logarithmic: false,
    level: { name: 'chance', field: 'chance' },
    show: (value) => value.toFixed(3),
  },
  {
    field: 'learningRate',
    title: 'Learning rate',
    hint: () => '',
    height: 68,
    dense: true,
    logarithmic: false,
    show: (value) => (value === 0 ? '0' : value.toExponential(1)),
  },
  { field: 'tokensPerSecond', title: 'Tokens per second', hint: () => '', height: 68, dense: true, logarithmic: false, show: whole },
];

import type { PhaseName } from '../api/recipe.ts';
import type { StudioEvent, StudioListener } from '../api/run.ts';

/** What a run said so far, as it is kept. */
export interface RunMetrics {
  /** [n, 5] of every step in order: step, loss, gradient norm, learning rate, tokens a second. */
  readonly steps: Float32Array;
  /** First step of every phase. */
  readonly phases: readonly (readonly [number, PhaseName])[];
  /** Held-out numbers, similarities and norms, in order. */
  readonly others: readonly Evaluation[];
}

type StepEvent = Extract<StudioEvent, { kind: 'step' }>;
type Evaluation = Extract<StudioEvent, { kind: 'heldOut' | 'similarity' | 'norms' }>;

export const COLUMNS = 5;
export const NO_METRICS: RunMetrics = { steps: new Float32Array(0), phases: [], others: [] };

/** Gathers a run's events into {@link RunMetrics}. */
export class MetricsLog {
  #steps: Float32Array;
  #count: number;
  #phases: (readonly [number, PhaseName])[];
  #others: Evaluation[];

  constructor(from: RunMetrics = NO_METRICS) {
    this.#steps = from.steps.slice();
    this.#count = from.steps.length / COLUMNS;
    this.#phases = [...from.phases];
    this.#others = [...from.others];
  }

  readonly hear: StudioListener = (event) => {
    if (event.kind === 'step') this.#addStep(event);
    else if (event.kind === 'heldOut' || event.kind === 'similarity' || event.kind === 'norms') {
      const model = event.kind === 'heldOut' ? event.model : undefined;
      const same = (other: Evaluation): boolean =>
        other.kind === event.kind && other.step === event.step && (other.kind !== 'heldOut' || other.model === model);
      // A resumed run judges the teacher again, a finished one its last step.
      const at = this.#others.findIndex(same);
      if (at === -1) this.#others.push(event);
      else this.#others[at] = event;
    }
  };

  #addStep({ step, phase, loss, gradientNorm, learningRate, tokensPerSecond }: StepEvent): void {
    this.rewind(step - 1);
    if (this.#phases.at(-1)?.[1] !== phase) this.#phases.push([step, phase]);
    if ((this.#count + 1) * COLUMNS > this.#steps.length) {
      const larger = new Float32Array(Math.max(1024 * COLUMNS, 2 * this.#steps.length));
      larger.set(this.#steps);
      this.#steps = larger;
    }
    this.#steps.set([step, loss, gradientNorm, learningRate, tokensPerSecond], this.#count * COLUMNS);
    this.#count += 1;
  }

  /** Forgets what came after a step: the run goes on from there again. */
  rewind(step: number): void {
    if ((this.#steps[(this.#count - 1) * COLUMNS] ?? 0) <= step) return;
    while (this.#count > 0 && (this.#steps[(this.#count - 1) * COLUMNS] ?? 0) > step) this.#count -= 1;
    this.#phases = this.#phases.filter(([first]) => first <= step);
    this.#others = this.#others.filter((other) => other.step <= step);
  }

  snapshot(): RunMetrics {
    return { steps: this.#steps.slice(0, this.#count * COLUMNS), phases: [...this.#phases], others: [...this.#others] };
  }
}

/** Rows of the step metrics. */
function* rowsOf({ steps }: RunMetrics): Generator<{ step: number; loss: number; norm: number; rate: number; pace: number }> {
  for (let at = 0; at < steps.length; at += COLUMNS) {
    const [step = 0, loss = Number.NaN, norm = Number.NaN, rate = 0, pace = 0] = steps.subarray(at, at + COLUMNS);
    yield { step, loss, norm, rate, pace };
  }
}

/** The events that were gathered, in the order of their steps. @param of steps of the whole run */
export function eventsOf(metrics: RunMetrics, of: number): StudioEvent[] {
  const events: StudioEvent[] = [];
  const others = metrics.others.toSorted((a, b) => a.step - b.step);
  let next = 0;
  const othersUpTo = (step: number): void => {
    for (let other = others[next]; other !== undefined && other.step <= step; other = others[next]) {
      events.push(other);
      next += 1;
    }
  };
  for (const { step, loss, norm, rate, pace } of rowsOf(metrics)) {
    othersUpTo(step - 1);
    const phase = metrics.phases.findLast(([first]) => first <= step)?.[1] ?? 'polish';
    events.push({
      kind: 'step',
      step,
      steps: of,
      phase,
      loss,
      gradientNorm: norm,
      learningRate: rate,
      tokensPerSecond: pace,
      secondsLeft: 0,
    });
  }
  othersUpTo(Infinity);
  return events;
}

/** Mean losses of up to `most` equal stretches of the run. */
export function sparklineOf(metrics: RunMetrics, most = 48): number[] {
  const losses = [...rowsOf(metrics)].map(({ loss }) => loss);
  const stretches = Math.min(most, losses.length);
  return Array.from({ length: stretches }, (_, i) => {
    const part = losses.slice(Math.floor((i * losses.length) / stretches), Math.floor(((i + 1) * losses.length) / stretches));
    return part.reduce((sum, loss) => sum + loss, 0) / part.length;
  });
}

/** A spreadsheet of the run: one line a step, held-out numbers where they were measured. */
export function csvOf(metrics: RunMetrics, of: number): string {
  const columns = [
    'phase',
    'loss',
    'gradientNorm',
    'learningRate',
    'tokensPerSecond',
    'heldOutLoss',
    'accuracy',
    'agreement',
    'similarity',
  ];
  const lines = new Map<number, Map<string, string | number>>();
  const line = (step: number): Map<string, string | number> => {
    const known = lines.get(step) ?? new Map<string, string | number>();
    lines.set(step, known);
    return known;
  };
  for (const event of eventsOf(metrics, of)) {
    if (event.kind === 'step')
      line(event.step)
        .set('phase', event.phase)
        .set('loss', event.loss)
        .set('gradientNorm', event.gradientNorm)
        .set('learningRate', event.learningRate)
        .set('tokensPerSecond', event.tokensPerSecond);
    else if (event.kind === 'heldOut' && event.model === 'student')
      line(event.step).set('heldOutLoss', event.value.loss).set('accuracy', event.value.accuracy).set('agreement', event.value.agreement);
    else if (event.kind === 'similarity') line(event.step).set('similarity', event.value.mean);
  }
  const rows = [...lines]
    .toSorted(([a], [b]) => a - b)
    .map(([step, cells]) => [step, ...columns.map((name) => cells.get(name) ?? '')].join(','));
  return `${['step', ...columns].join(',')}\n${rows.join('\n')}\n`;
}

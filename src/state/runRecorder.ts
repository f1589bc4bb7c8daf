import type { StudioEvent } from '../studio/api/run.ts';
import { CurveBuilder } from './curveBuilder.ts';
import { NO_CURVES, useCurves, type CurvePoint, type CurvesState } from './curvesStore.ts';
import { NOTHING_JUDGED, useJudged, type JudgedState } from './judgedStore.ts';
import { NO_PROGRESS, useProgress, type ProgressState } from './progressStore.ts';

const PUBLISH_EVERY_MS = 200;
const KEPT_PAST = 8;
/** Judgings whose norms are kept: about as many as a heat map has room for. */
const MOST_NORMS = 120;
const PHASE_WORDS = { compactors: 'Training compactors', gates: 'Closing gates', polish: 'Polishing' } as const;

const isJudged = ({ heldOutLoss, similarity }: CurvePoint): boolean => heldOutLoss !== undefined || similarity !== undefined;

/** Gathers a session's events and publishes them to the stores at a calm rate, each store only when it changed. */
export class RunRecorder {
  #builder = new CurveBuilder();
  #curves: Partial<CurvesState> = {};
  #progress: Partial<ProgressState> = {};
  #judged: Partial<JudgedState> = {};
  #changed = false;
  #judgedAgain = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param name of the run that begins */
  reset(name: string, steps: number): void {
    const { name: before, points, past } = useCurves.getState();
    const others = past.filter((curve) => curve.name !== before && curve.name !== name);
    const kept = points.some(({ loss }) => loss !== undefined) && before !== name ? [{ name: before, points }, ...others] : others;
    this.#builder = new CurveBuilder();
    this.#clear();
    useCurves.setState({ ...NO_CURVES, name, steps, past: kept.slice(0, KEPT_PAST) }, true);
    useProgress.setState({ ...NO_PROGRESS, startedAt: performance.now() }, true);
    useJudged.setState(NOTHING_JUDGED, true);
  }

  readonly hear = (event: StudioEvent): void => {
    if (this.#builder.hear(event)) {
      this.#changed = true;
      this.#judgedAgain ||= event.kind !== 'step';
    }
    if (event.kind === 'begun') {
      this.#curves = { ...this.#curves, name: event.name };
    } else if (event.kind === 'progress') {
      this.#progress = { ...this.#progress, progress: { stage: event.stage, done: event.done, total: event.total } };
    } else if (event.kind === 'heldOut' && event.model === 'teacher') {
      this.#curves = { ...this.#curves, teacher: event.value };
    } else if (event.kind === 'similarity') {
      this.#judged = { ...this.#judged, similarity: { step: event.step, value: event.value } };
    } else if (event.kind === 'norms') {
      const before = this.#judged.norms ?? useJudged.getState().norms;
      const kept = before.length < MOST_NORMS ? before : before.filter((_, i) => i % 2 === 0);
      this.#judged = { ...this.#judged, norms: [...kept, { step: event.step, spaces: event.spaces }] };
    } else if (event.kind === 'step') {
      this.#step(event);
    }
    this.#timer ??= setTimeout(() => this.publish(), PUBLISH_EVERY_MS);
  };

  publish(): void {
    const { points } = this.#builder;
    if (this.#changed) this.#curves = { ...this.#curves, points: [...points] };
    if (this.#judgedAgain) this.#curves = { ...this.#curves, judged: points.filter(isJudged) };
    if (Object.keys(this.#curves).length > 0) useCurves.setState(this.#curves);
    if (Object.keys(this.#progress).length > 0) useProgress.setState(this.#progress);
    if (Object.keys(this.#judged).length > 0) useJudged.setState(this.#judged);
    this.#clear();
  }

  #clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#changed = false;
    this.#judgedAgain = false;
    this.#curves = {};
    this.#progress = {};
    this.#judged = {};
  }

  #step({ step, steps, loss, tokensPerSecond, secondsLeft, phase }: StudioEvent & { kind: 'step' }): void {
    const phases = this.#curves.phases ?? useCurves.getState().phases;
    if (phases.at(-1)?.name !== phase) this.#curves = { ...this.#curves, phases: [...phases, { name: phase, from: step - 1 }] };
    this.#progress = {
      progress: { stage: PHASE_WORDS[phase], done: step, total: steps },
      step,
      loss,
      ...(tokensPerSecond > 0 ? { tokensPerSecond } : {}),
      secondsLeft: secondsLeft > 0 ? secondsLeft : undefined,
    };
  }
}

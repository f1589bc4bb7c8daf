import type { StudioEvent } from '../studio/studioApi.ts';
import { NO_CURVES, useCurves, type CurvePoint, type CurvesState } from './curvesStore.ts';
import { NOTHING_JUDGED, useJudged, type JudgedState } from './judgedStore.ts';
import { NO_PROGRESS, useProgress, type ProgressState } from './progressStore.ts';

const PUBLISH_EVERY_MS = 150;
const KEPT_PAST = 8;
/** Judgings whose norms are kept: about as many as a heat map has room for. */
const MOST_NORMS = 120;
const PHASE_WORDS = { compactors: 'Training compactors', gates: 'Closing gates', polish: 'Polishing' } as const;

const isJudged = ({ heldOutLoss, similarity }: CurvePoint): boolean => heldOutLoss !== undefined || similarity !== undefined;

/** Gathers a session's events and publishes them to the stores at a calm rate, each store only when it changed. */
export class RunRecorder {
  #points: CurvePoint[] = [];
  #curves: Partial<CurvesState> = {};
  #progress: Partial<ProgressState> = {};
  #judged: Partial<JudgedState> = {};
  #changed = false;
  #judgedAgain = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param name of the run that begins */
  reset(name: string, steps: number): void {
    const { name: before, points, past } = useCurves.getState();
    const kept = points.some(({ loss }) => loss !== undefined) ? [{ name: before, points }, ...past].slice(0, KEPT_PAST) : past;
    this.#points = [];
    this.#curves = {};
    this.#progress = {};
    this.#judged = {};
    this.#changed = false;
    this.#judgedAgain = false;
    useCurves.setState({ ...NO_CURVES, name, steps, past: kept }, true);
    useProgress.setState({ ...NO_PROGRESS, startedAt: performance.now() }, true);
    useJudged.setState(NOTHING_JUDGED, true);
  }

  readonly hear = (event: StudioEvent): void => {
    if (event.kind === 'progress') {
      this.#progress = { ...this.#progress, progress: { stage: event.stage, done: event.done, total: event.total } };
    } else if (event.kind === 'heldOut') {
      if (event.model === 'teacher') this.#curves = { ...this.#curves, teacher: event.value };
      else
        this.#merge({
          step: event.step,
          heldOutLoss: event.value.loss,
          accuracy: 100 * event.value.accuracy,
          agreement: 100 * event.value.agreement,
        });
    } else if (event.kind === 'similarity') {
      this.#judged = { ...this.#judged, similarity: { step: event.step, value: event.value } };
      this.#merge({ step: event.step, similarity: event.value.mean, chance: event.value.chance });
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
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#changed) this.#curves = { ...this.#curves, points: [...this.#points] };
    if (this.#judgedAgain) this.#curves = { ...this.#curves, judged: this.#points.filter(isJudged) };
    if (Object.keys(this.#curves).length > 0) useCurves.setState(this.#curves);
    if (Object.keys(this.#progress).length > 0) useProgress.setState(this.#progress);
    if (Object.keys(this.#judged).length > 0) useJudged.setState(this.#judged);
    this.#changed = false;
    this.#judgedAgain = false;
    this.#curves = {};
    this.#progress = {};
    this.#judged = {};
  }

  #step(event: StudioEvent & { kind: 'step' }): void {
    const { step, steps, loss, learningRate, tokensPerSecond, secondsLeft, phase } = event;
    this.#merge({ step, loss, learningRate, ...(tokensPerSecond > 0 ? { tokensPerSecond } : {}) });
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

  #merge(point: CurvePoint): void {
    this.#changed = true;
    this.#judgedAgain ||= isJudged(point);
    // Events of one step come together, so the place is at or near the end.
    const at = this.#points.findLastIndex(({ step }) => step <= point.step);
    const there = this.#points[at];
    if (there?.step === point.step) this.#points[at] = { ...there, ...point };
    else this.#points.splice(at + 1, 0, point);
  }
}

import { CurveBuilder } from '../curveBuilder.ts';
import { useCurves } from '../curvesStore.ts';
import { useHistory, type RunSummary } from '../historyStore.ts';
import { useRun } from '../runStore.ts';
import type { Desk } from './desk.ts';

/** Puts a run's curve beside the run at hand. */
export async function layBeside(desk: Desk, { run, name }: Pick<RunSummary, 'run' | 'name'>): Promise<void> {
  const builder = new CurveBuilder();
  for (const event of await desk.api.runEvents(run)) builder.hear(event);
  useCurves.setState(({ past }) => ({ past: [{ name, points: builder.points }, ...past.filter((curve) => curve.name !== name)] }));
}

export async function lookForRuns(desk: Desk): Promise<void> {
  useHistory.setState({ whyNotKept: await desk.api.whyNotKept(), runs: await desk.api.runs() });
  useRun.setState({ unfinished: await desk.api.unfinished() });
}

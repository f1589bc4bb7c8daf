import type { RunSummary } from '../studio/api/history.ts';
import type { StudioApi } from '../studio/studioApi.ts';
import { UsageError } from './usage.ts';

/** A run by its file name or by what the user calls it. @param out the folder that keeps it */
export async function keptRun(session: StudioApi, out: string, wanted: string): Promise<RunSummary> {
  const runs = await session.runs();
  const found = runs.filter(({ run, name }) => run === wanted || name === wanted);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const names = runs.map(({ run, name }) => `${run} (${name})`).join(', ') || 'none';
  throw new UsageError(`runs: ${JSON.stringify(wanted)} — expected one run of ${out}, got ${found.length}. There are: ${names}.`);
}

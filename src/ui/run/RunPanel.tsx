import { lazy, Suspense } from 'react';
import { useRun } from '../../state/runStore.ts';
import { ResultStrip } from './ResultStrip.tsx';
import { ResultTable } from './ResultTable.tsx';
import { RunHead } from './RunHead.tsx';
import { UnfinishedRuns } from './UnfinishedRuns.tsx';

// The charting library is half of the page's weight, and nothing needs it before the first run.
const NormsPanel = lazy(async () => ({ default: (await import('../norms/NormsPanel.tsx')).NormsPanel }));
const Curves = lazy(async () => ({ default: (await import('../charts/Curves.tsx')).Curves }));

/** The run: where it is, its curves, and its result. */
export function RunPanel(): React.JSX.Element {
  const number = useRun((state) => state.number);
  return (
    <section className="col run" id="run" aria-labelledby="run-title">
      <RunHead />
      <UnfinishedRuns />
      {number === 0 ? (
        <div className="block">
          <p className="note">Nothing has run yet. Set the student on the left and press Start: the curves appear here.</p>
        </div>
      ) : (
        <>
          <ResultStrip />
          <ResultTable />
          <Suspense fallback={<p className="block note">Drawing the curves</p>}>
            <Curves />
            <NormsPanel />
          </Suspense>
        </>
      )}
    </section>
  );
}

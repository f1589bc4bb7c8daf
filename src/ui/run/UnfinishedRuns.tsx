import { isGoing, useRun } from '../../state/runStore.ts';
import { useActions } from '../actionsContext.ts';

/** Runs that were cut off or stopped: go on with them, or delete their checkpoints. */
export function UnfinishedRuns(): React.JSX.Element | null {
  const actions = useActions();
  const unfinished = useRun((state) => state.unfinished);
  const going = useRun((state) => isGoing(state.status));
  if (unfinished.length === 0 || going) return null;
  return (
    <section className="block unfinished" aria-label="Unfinished runs">
      {unfinished.map((run) => (
        <div key={run.run} className="card" data-testid="unfinished-run">
          <p>
            A run stopped at step {run.done} of {run.recipe.steps}: {run.recipe.student.layers} layers, width{' '}
            {run.recipe.student.hiddenSize}. It goes on with the teacher and text that it began with; load them first unless it was the
            demo.
          </p>
          <button type="button" className="btn" data-testid="resume-run" onClick={() => void actions.resumeUnfinished(run)}>
            Go on from step {run.done}
          </button>{' '}
          <button type="button" className="btn quiet" onClick={() => void actions.forget(run)}>
            Delete its checkpoint
          </button>
        </div>
      ))}
    </section>
  );
}

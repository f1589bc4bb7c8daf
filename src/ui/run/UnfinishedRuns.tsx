import { sizeInWords } from '../../tensor/bytes.ts';
import { useHistory } from '../../state/historyStore.ts';
import { isGoing, useRun, type RunInputs } from '../../state/runStore.ts';
import { useSetup } from '../../state/setupStore.ts';
import { useActions } from '../actionsContext.ts';
import { UndoDelete } from '../runs/UndoDelete.tsx';

/** Files that are named; of more, how many they are. */
const MOST_NAMED = 8;

/** Runs that were cut off or stopped: go on with them, or delete them. */
export function UnfinishedRuns(): React.JSX.Element | null {
  const actions = useActions();
  const unfinished = useRun((state) => state.unfinished);
  const going = useRun((state) => isGoing(state.status));
  const reading = useSetup((state) => state.reading !== undefined);
  const runs = useHistory((state) => state.runs);
  const names = new Map(runs.map(({ run, name }) => [run, name]));
  // One that was deleted from here must come back from here.
  const deleted = useHistory((state) => state.deleted?.resumable === true);
  if ((unfinished.length === 0 && !deleted) || going) return null;
  return (
    <section className="block unfinished" aria-label="Unfinished runs">
      {unfinished.map((run) => (
        <div key={run.run} className="card" data-testid="unfinished-run">
          <p>
            {names.get(run.run) ?? 'A run'} stopped at step {run.done} of {run.recipe.steps}: {run.recipe.student.layers} layers, width{' '}
            {run.recipe.student.hiddenSize}, from {run.inputs.teacher} on {run.inputs.text}.
          </p>
          <Inputs inputs={run.inputs} />
          <button
            type="button"
            className="btn"
            data-testid="resume-run"
            disabled={reading}
            onClick={() => void actions.resumeUnfinished(run)}
          >
            Go on from step {run.done}
          </button>{' '}
          <button type="button" className="btn quiet" onClick={() => void actions.forget(run)}>
            Delete the run
          </button>
        </div>
      ))}
      {deleted ? <UndoDelete /> : null}
    </section>
  );
}

/** Whether its files must be given again, and which they were. */
function Inputs({ inputs: { kept, files } }: { readonly inputs: RunInputs }): React.JSX.Element {
  if (kept) return <p className="note">Its teacher and text are kept in this browser: nothing has to be loaded.</p>;
  const listed = (kind: keyof typeof files): string => {
    const named = files[kind].slice(0, MOST_NAMED).map(({ path, bytes }) => `${path} (${sizeInWords(bytes)})`);
    const more = files[kind].length - named.length;
    return `${named.join(', ')}${more === 0 ? '' : ` and ${more} more`}`;
  };
  return (
    <p className="note">
      Its teacher and text are not kept in this browser. Unless they were the demo, drop them on this page first
      {files.teacher.length === 0 ? '' : `. Teacher: ${listed('teacher')}`}
      {files.text.length === 0 ? '' : `. Text: ${listed('text')}`}.
    </p>
  );
}

import { useCurves } from '../../state/curvesStore.ts';
import { useHistory } from '../../state/historyStore.ts';
import { useProgress } from '../../state/progressStore.ts';
import { isGoing, useRun, type RunStatus } from '../../state/runStore.ts';
import { useActions } from '../actionsContext.ts';
import { useFocusRescue } from '../focusRescue.ts';
import { Icon } from '../Icon.tsx';
import { duration, whole } from '../numbers.ts';

const WORDS: Readonly<Record<RunStatus, string>> = {
  idle: 'Not started',
  preparing: 'Preparing',
  running: 'Running',
  pausing: 'Pausing after this step',
  paused: 'Paused',
  stopping: 'Stopping after this step',
  done: 'Done',
  failed: 'Stopped by an error',
};

function icon(status: RunStatus): 'play' | 'pause' | 'check' | 'warn' {
  if (status === 'done') return 'check';
  if (status === 'failed') return 'warn';
  return status === 'paused' || status === 'pausing' || status === 'idle' ? 'pause' : 'play';
}

/** Title, state, buttons, progress and the numbers of the moment. */
export function RunHead(): React.JSX.Element {
  const number = useRun((state) => state.number);
  const name = useRun((state) => state.name);
  const status = useRun((state) => state.status);
  // Start, Pause and Stop go away with what they do.
  const title = useFocusRescue<HTMLHeadingElement>(isGoing(status));
  return (
    <div className="status">
      <div className="status-top">
        <h2 id="run-title" tabIndex={-1} ref={title}>
          {number === 0 ? 'Run' : name}
        </h2>
        <output className="pill" data-testid="run-status" data-status={status}>
          <Icon name={icon(status)} />
          {WORDS[status]}
        </output>
        <span className="grow" />
        <RunButtons status={status} />
      </div>
      {number === 0 ? null : <Meter />}
    </div>
  );
}

function RunButtons({ status }: { readonly status: RunStatus }): React.JSX.Element | null {
  const actions = useActions();
  if (!isGoing(status)) return null;
  const held = status === 'paused';
  // Not disabled while it waits for the step: that would take the focus from who pauses and resumes by keyboard.
  const pausable = status === 'running' || status === 'preparing';
  return (
    <div className="btns">
      {held ? (
        <button type="button" className="btn strong" data-testid="resume" onClick={() => void actions.resume()}>
          <Icon name="play" />
          Resume
        </button>
      ) : (
        <button
          type="button"
          className="btn"
          data-testid="pause"
          aria-disabled={!pausable}
          onClick={() => {
            if (pausable) void actions.pause();
          }}
        >
          <Icon name="pause" />
          Pause
        </button>
      )}
      <button
        type="button"
        className="btn"
        data-testid="step"
        disabled={!held}
        title={held ? 'One step, then paused again' : 'Pause first'}
        onClick={() => void actions.step()}
      >
        <Icon name="step" />
        Step
      </button>
      <button type="button" className="btn" data-testid="stop" disabled={status === 'stopping'} onClick={() => void actions.stop()}>
        <Icon name="stop" />
        Stop
      </button>
    </div>
  );
}

function Meter(): React.JSX.Element {
  const { progress, step, loss, tokensPerSecond, secondsLeft } = useProgress();
  const steps = useCurves((state) => state.steps);
  const status = useRun((state) => state.status);
  const keptAt = useRun((state) => state.keptAt);
  const passing = useHistory((state) => state.whyNotKept !== null);
  const going = isGoing(status);
  const preparing = status === 'preparing' && progress !== undefined;
  return (
    <>
      {preparing ? (
        <progress max={progress.total} value={progress.done} aria-label={progress.stage} />
      ) : (
        <progress max={Math.max(1, steps)} value={steps === 0 ? 1 : step} aria-label="Training progress" />
      )}
      <dl className="meter">
        {steps === 0 ? null : <Figure name={`of ${whole(steps)} steps`} value={whole(step)} testId="step-value" />}
        {secondsLeft === undefined || status !== 'running' ? null : <Figure name="left" value={duration(secondsLeft)} />}
        {loss === undefined ? null : <Figure name="loss" value={loss.toFixed(3)} testId="loss-value" />}
        {tokensPerSecond === undefined ? null : <Figure name="tokens/s" value={whole(tokensPerSecond)} />}
      </dl>
      <output className="note stage" data-testid="stage">
        {progress === undefined || !going ? ' ' : `${progress.stage}, ${whole(progress.done)} of ${whole(progress.total)}`}
        {keptAt === undefined || !going || passing ? '' : ` · kept at step ${whole(keptAt)}`}
        {passing && going ? ' · kept only until this tab is closed' : ''}
      </output>
    </>
  );
}

function Figure({ name, value, testId }: { readonly name: string; readonly value: string; readonly testId?: string }): React.JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-testid={testId}>{value}</dd>
    </div>
  );
}

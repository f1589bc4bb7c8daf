import { useCurves } from '../../state/curvesStore.ts';
import { isGoing, useRun, type RunStatus } from '../../state/runStore.ts';
import { useActions } from '../actionsContext.ts';
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
  const status = useRun((state) => state.status);
  return (
    <div className="status">
      <div className="status-top">
        <h2 id="run-title" tabIndex={-1}>
          {number === 0 ? 'Run' : `Run ${number}`}
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
          disabled={status !== 'running' && status !== 'preparing'}
          onClick={() => void actions.pause()}
        >
          <Icon name="pause" />
          Pause
        </button>
      )}
      <button type="button" className="btn" data-testid="stop" disabled={status === 'stopping'} onClick={() => void actions.stop()}>
        <Icon name="stop" />
        Stop
      </button>
    </div>
  );
}

function Meter(): React.JSX.Element {
  const progress = useCurves((state) => state.progress);
  const secondsLeft = useCurves((state) => state.secondsLeft);
  const steps = useCurves((state) => state.steps);
  const last = useCurves((state) => state.points.findLast((point) => point.loss !== undefined));
  const status = useRun((state) => state.status);
  return (
    <>
      <progress max={steps} value={last?.step ?? 0} aria-label="Training progress" />
      <dl className="meter">
        <Number name={`of ${whole(steps)} steps`} value={whole(last?.step ?? 0)} />
        {last?.loss === undefined ? null : <Number name="training loss" value={last.loss.toFixed(3)} testId="loss-value" />}
        {last?.tokensPerSecond === undefined ? null : <Number name="tokens/s" value={whole(last.tokensPerSecond)} />}
        {secondsLeft === undefined || status !== 'running' ? null : <Number name="left" value={duration(secondsLeft)} />}
      </dl>
      <p className="note stage">
        {progress === undefined || !isGoing(status) ? ' ' : `${progress.stage}, ${progress.done} of ${progress.total}`}
      </p>
    </>
  );
}

function Number({ name, value, testId }: { readonly name: string; readonly value: string; readonly testId?: string }): React.JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-testid={testId}>{value}</dd>
    </div>
  );
}

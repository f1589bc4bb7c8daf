import { useRun } from '../state/runStore.ts';
import { useActions } from './actionsContext.ts';
import { CopyText } from './CopyText.tsx';
import { Icon } from './Icon.tsx';

interface FaultParts {
  readonly where?: string;
  readonly what: string;
  readonly expected?: string;
  readonly got?: string;
  readonly cure?: string;
}

/** A message of the form `where: what — expected X, got Y. Cure.`, with or without `what —`, in its parts; any other is all `what`. */
export function faultParts(message: string): FaultParts {
  const groups = /^(?<where>[^:—]{1,60}): (?:(?<what>[^—]+) — )?expected (?<expected>.+?), got (?<got>.+?)\.(?: (?<cure>.+))?$/s.exec(
    message,
  )?.groups;
  if (groups === undefined) return { what: message };
  const { where = '', what = '', expected = '', got = '', cure } = groups;
  return { where, what, expected, got, ...(cure === undefined ? {} : { cure }) };
}

const TITLES: Readonly<Record<string, string>> = {
  diverged: 'The run diverged',
  storage: 'There is no room to keep the run',
  'device-lost': 'The device was lost; the run goes on',
  'memory-budget': 'This may be more than the GPU has',
  'wrong-numbers': 'The GPU computes wrongly and is not used',
  'engine-differs': 'The run goes on, with other rounding',
  cancelled: 'Cancelled',
};

/** What happened in these does not stop the run. */
const GOES_ON: ReadonlySet<string> = new Set(['device-lost', 'engine-differs']);

/** Says what failed and the cure. */
export function FaultToast(): React.JSX.Element | null {
  const fault = useRun((state) => state.fault);
  const actions = useActions();
  if (fault === undefined) return null;
  const { where, what, expected, got, cure } = faultParts(fault.message);
  return (
    <div className="toast" role="alert" data-testid="fault">
      <div className="toast-head">
        <Icon name="warn" />
        <strong>{TITLES[fault.code] ?? 'That did not work'}</strong>
        <button type="button" className="btn quiet icon" aria-label="Dismiss" onClick={() => actions.dismissFault()}>
          <Icon name="close" />
        </button>
      </div>
      {expected === undefined ? (
        <p className="fault-text">{what}</p>
      ) : (
        <dl className="fault-text">
          <Part name="Where" words={[where, what].filter((words) => words !== undefined && words !== '').join(': ')} />
          <Part name="Expected" words={expected} />
          <Part name="Got" words={got} />
          <Part name="Cure" words={cure} />
        </dl>
      )}
      {GOES_ON.has(fault.code) ? null : <p className="note">What was loaded before is untouched.</p>}
      {fault.code === 'memory-budget' ? (
        <div className="btns">
          <button type="button" className="btn" data-testid="beyond-memory" onClick={() => void actions.startBeyondMemory()}>
            Start all the same
          </button>
        </div>
      ) : null}
      <CopyText
        key={fault.message}
        text={JSON.stringify(fault, undefined, 1)}
        name="Details"
        button="Copy details"
        testId="copy-details"
        shown={false}
      />
    </div>
  );
}

function Part({ name, words }: { readonly name: string; readonly words: string | undefined }): React.JSX.Element | null {
  if (words === undefined || words === '') return null;
  return (
    <>
      <dt>{name}</dt>
      <dd>{words}</dd>
    </>
  );
}

import { useRun } from '../state/runStore.ts';
import { useActions } from './actionsContext.ts';
import { Icon } from './Icon.tsx';

interface FaultParts {
  readonly where?: string;
  readonly what: string;
  readonly expected?: string;
  readonly got?: string;
  readonly cure?: string;
}

/** A message of the form `where: what — expected X, got Y. Cure.` in its parts; any other message is all `what`. */
export function faultParts(message: string): FaultParts {
  const groups = /^(?<where>[^:—]{1,60}): (?<what>[^—]+) — expected (?<expected>.+?), got (?<got>.+?)\.(?: (?<cure>.+))?$/s.exec(
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
  'engine-differs': 'The run goes on, with other rounding',
  cancelled: 'Cancelled',
};

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
          <Part name="Where" words={`${where ?? ''}: ${what}`} />
          <Part name="Expected" words={expected} />
          <Part name="Got" words={got} />
          <Part name="Cure" words={cure} />
        </dl>
      )}
      <p className="note">What was loaded before is untouched.</p>
      <div className="btns">
        <button type="button" className="btn" onClick={() => void navigator.clipboard.writeText(JSON.stringify(fault, undefined, 1))}>
          Copy details
        </button>
      </div>
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

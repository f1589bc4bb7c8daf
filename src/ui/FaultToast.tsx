import { useRun } from '../state/runStore.ts';
import { useActions } from './actionsContext.ts';
import { Icon } from './Icon.tsx';

/** Says what failed and the cure; messages are written as `where: what — expected X, got Y. Cure.` */
export function FaultToast(): React.JSX.Element | null {
  const fault = useRun((state) => state.fault);
  const actions = useActions();
  if (fault === undefined) return null;
  return (
    <div className="toast" role="alert" data-testid="fault">
      <div className="toast-head">
        <Icon name="warn" />
        <strong>That did not work</strong>
        <button type="button" className="btn quiet icon" aria-label="Dismiss" onClick={() => actions.dismissFault()}>
          <Icon name="close" />
        </button>
      </div>
      <p className="fault-text">{fault.message}</p>
      <div className="btns">
        <button type="button" className="btn" onClick={() => void navigator.clipboard.writeText(JSON.stringify(fault, undefined, 1))}>
          Copy details
        </button>
      </div>
    </div>
  );
}

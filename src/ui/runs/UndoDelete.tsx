import { useHistory } from '../../state/historyStore.ts';
import { useActions } from '../actionsContext.ts';

/** The run that was deleted last, and the way back. */
export function UndoDelete(): React.JSX.Element | null {
  const actions = useActions();
  const deleted = useHistory((state) => state.deleted);
  if (deleted === undefined) return null;
  return (
    <p className="row2 note">
      <output>{deleted.name} was deleted.</output>
      <button type="button" className="link plain" data-testid="undo-delete" onClick={() => void actions.undoDelete()}>
        Undo
      </button>
    </p>
  );
}

import { useHistory } from '../../state/historyStore.ts';

/** Where this browser keeps nothing: why, and the cure. */
export function StorageNote(): React.JSX.Element | null {
  const why = useHistory((state) => state.whyNotKept);
  if (why === null) return null;
  return (
    <p className="note warn" data-testid="not-kept">
      Runs last only until this tab is closed; export what you want to keep. {why}
    </p>
  );
}

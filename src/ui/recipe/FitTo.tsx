import { useState } from 'react';
import { useActions } from '../actionsContext.ts';

/** The widest student under a size. */
export function FitTo(): React.JSX.Element {
  const actions = useActions();
  const [typed, setTyped] = useState('8');
  const limit = Number(typed);
  return (
    <form
      className="fit"
      onSubmit={(event) => {
        event.preventDefault();
        void actions.fit(limit * 1e6);
      }}
    >
      <label htmlFor="fit">Fit to</label>
      <input id="fit" type="number" min="0" step="any" value={typed} onChange={(event) => setTyped(event.currentTarget.value)} />
      <span>MB fp32</span>
      <button type="submit" className="btn small" disabled={!(limit > 0)}>
        Fit
      </button>
    </form>
  );
}

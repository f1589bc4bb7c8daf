import { useState } from 'react';
import { useSetup } from '../../state/setupStore.ts';
import { useActions } from '../actionsContext.ts';

/** The widest student under a size. Begins at the size of the student at hand, until the user types another. */
export function FitTo(): React.JSX.Element {
  const actions = useActions();
  const bytes = useSetup((state) => state.plan?.bytesFp32);
  const [typed, setTyped] = useState<string>();
  // Rounded up, so that the student at hand fits.
  const value = typed ?? (bytes === undefined ? '' : (Math.ceil(bytes / 1e5) / 10).toFixed(1));
  const limit = Number(value);
  return (
    <form
      className="fit"
      onSubmit={(event) => {
        event.preventDefault();
        void actions.fit(limit * 1e6);
      }}
    >
      <label htmlFor="fit">Fit to</label>
      <input id="fit" type="number" min="0" step="any" value={value} onChange={(event) => setTyped(event.currentTarget.value)} />
      <span>MB fp32</span>
      <button type="submit" className="btn small" disabled={!(limit > 0)}>
        Fit
      </button>
    </form>
  );
}

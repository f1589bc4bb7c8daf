import { Popover } from 'radix-ui';
import { useState } from 'react';
import { useHistory } from '../../state/historyStore.ts';
import { useRun } from '../../state/runStore.ts';
import { useActions } from '../actionsContext.ts';
import { Icon } from '../Icon.tsx';
import { RunLine } from './RunLine.tsx';

/** The runs kept in this browser, behind the name of the one at hand. */
export function RunsMenu(): React.JSX.Element {
  const actions = useActions();
  const runs = useHistory((state) => state.runs);
  const deleted = useHistory((state) => state.deleted);
  const name = useRun((state) => state.name);
  const [open, setOpen] = useState(false);
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger className="btn quiet menu-btn" data-testid="runs">
        <span>{name === '' ? `Runs${runs.length === 0 ? '' : `, ${runs.length}`}` : name}</span>
        <Icon name="down" />
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content className="pop floating runs-pop" align="start" sideOffset={4} collisionPadding={12} aria-label="Runs">
          <h2>Runs in this browser</h2>
          {runs.length === 0 ? (
            <p className="note">None yet. Every run is kept here with its curves and its student, until you delete it.</p>
          ) : (
            <ul className="runs-list">
              {runs.map((run) => (
                <RunLine key={run.run} run={run} onChosen={() => setOpen(false)} />
              ))}
            </ul>
          )}
          {deleted === undefined ? null : (
            <p className="row2 note">
              <output>{deleted.name} was deleted.</output>
              <button type="button" className="link plain" data-testid="undo-delete" onClick={() => void actions.undoDelete()}>
                Undo
              </button>
            </p>
          )}
          <label className="link">
            <input
              type="file"
              className="sr"
              accept=".zip"
              data-testid="import-run"
              onChange={(event) => {
                const file = event.currentTarget.files?.[0];
                event.currentTarget.value = '';
                if (file !== undefined) void actions.importRun(file);
              }}
            />
            Import an exported run
          </label>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

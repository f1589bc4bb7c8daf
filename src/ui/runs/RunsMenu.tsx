import { Popover } from 'radix-ui';
import { useState } from 'react';
import { useHistory } from '../../state/historyStore.ts';
import { useRun } from '../../state/runStore.ts';
import { useActions } from '../actionsContext.ts';
import { Icon } from '../Icon.tsx';
import { RunLine } from './RunLine.tsx';
import { StorageNote } from './StorageNote.tsx';
import { UndoDelete } from './UndoDelete.tsx';

/** The runs kept in this browser, behind the name of the one at hand. */
export function RunsMenu(): React.JSX.Element {
  const actions = useActions();
  const runs = useHistory((state) => state.runs);
  const passing = useHistory((state) => state.whyNotKept !== null);
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
          <h2>Runs in this {passing ? 'tab' : 'browser'}</h2>
          <StorageNote />
          {runs.length === 0 ? (
            <p className="note">
              None yet. Every run is kept here with its curves and its student{passing ? '' : ', until you delete it'}.
            </p>
          ) : (
            <ul className="runs-list">
              {runs.map((run) => (
                <RunLine key={run.run} run={run} onChosen={() => setOpen(false)} />
              ))}
            </ul>
          )}
          <UndoDelete />
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

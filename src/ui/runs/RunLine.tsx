import { DropdownMenu } from 'radix-ui';
import { useRef, useState } from 'react';
import type { RunSummary } from '../../state/historyStore.ts';
import { isGoing, useRun } from '../../state/runStore.ts';
import { useActions } from '../actionsContext.ts';
import { saveFile } from '../figure/saveFile.ts';
import { Icon } from '../Icon.tsx';
import { percent, whole } from '../numbers.ts';

const ENDINGS = { unfinished: 'unfinished', stopped: 'stopped', diverged: 'diverged', done: 'done' } as const;

interface RunLineProps {
  readonly run: RunSummary;
  /** Something of this run is shown on the page behind the list. */
  readonly onChosen: () => void;
}

/** One kept run: what it was, how it went, and what can be done with it. */
export function RunLine({ run, onChosen }: RunLineProps): React.JSX.Element {
  const actions = useActions();
  const going = useRun((state) => isGoing(state.status));
  const [renaming, setRenaming] = useState(false);
  const { student, steps, vocabulary, vocabularyText } = run.recipe;
  const words = vocabularyText ? `, the text’s words and ${whole(vocabulary)} more` : vocabulary > 0 ? `, ${whole(vocabulary)} words` : '';
  const told = run.differences.length > 0 ? run.differences.join(', ') : `${student.layers} layers, ${student.hiddenSize} wide${words}`;
  return (
    <li data-testid="run-line">
      <div>
        {renaming ? (
          <RenameField
            name={run.name}
            onName={(name) => {
              setRenaming(false);
              if (name !== undefined) void actions.renameRun(run, name);
            }}
          />
        ) : (
          <b>{run.name}</b>
        )}
        <span className="note">
          {ENDINGS[run.ending]}, {steps === 0 ? 'untrained' : `${whole(run.done)} of ${whole(steps)} steps`}
          {run.heldOut === null ? '' : `, ${percent(run.heldOut.accuracy)} of masked words`}
        </span>
        <span className="note">{told}</span>
      </div>
      <Sparkline values={run.sparkline} />
      {run.openable ? (
        <button
          type="button"
          className="btn small"
          disabled={going}
          onClick={() => {
            onChosen();
            void actions.openRun(run);
          }}
        >
          Open
        </button>
      ) : null}
      <MoreMenu run={run} onRename={() => setRenaming(true)} onChosen={onChosen} />
    </li>
  );
}

function MoreMenu({ run, onRename, onChosen }: RunLineProps & { readonly onRename: () => void }): React.JSX.Element {
  const actions = useActions();
  const renaming = useRef(false);
  const save = async (): Promise<void> => {
    const archive = await actions.exportRun(run);
    if (archive !== undefined) saveFile(archive.name, archive.zip);
  };
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger className="btn quiet icon tiny" aria-label={`More for ${run.name}`}>
        <Icon name="more" />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          className="menu"
          align="end"
          collisionPadding={8}
          // A menu that is open keeps the focus, and gives it back to its button when it closes: the field comes after it.
          onCloseAutoFocus={(event) => {
            if (!renaming.current) return;
            renaming.current = false;
            event.preventDefault();
            onRename();
          }}
        >
          <DropdownMenu.Item
            className="menu-item"
            onSelect={() => {
              onChosen();
              void actions.showBeside(run);
            }}
          >
            Show its curve beside
          </DropdownMenu.Item>
          <DropdownMenu.Item
            className="menu-item"
            onSelect={() => {
              onChosen();
              void actions.repeatRun(run);
            }}
          >
            Take its recipe
          </DropdownMenu.Item>
          <DropdownMenu.Item
            className="menu-item"
            onSelect={() => {
              renaming.current = true;
            }}
          >
            Rename
          </DropdownMenu.Item>
          <DropdownMenu.Item className="menu-item" onSelect={() => void save()}>
            Export as a file
          </DropdownMenu.Item>
          <DropdownMenu.Item className="menu-item" disabled={run.busy} onSelect={() => void actions.deleteRun(run)}>
            Delete
          </DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

interface RenameFieldProps {
  readonly name: string;
  /** Undefined = leave it. */
  readonly onName: (name: string | undefined) => void;
}

function RenameField({ name, onName }: RenameFieldProps): React.JSX.Element {
  const [typed, setTyped] = useState(name);
  const wanted = typed.trim();
  const commit = (): void => onName(wanted === '' || wanted === name ? undefined : wanted);
  return (
    <input
      type="text"
      aria-label={`New name of ${name}`}
      value={typed}
      // oxlint-disable-next-line jsx-a11y/no-autofocus -- the user asked for this field by a menu
      autoFocus
      onChange={(event) => setTyped(event.currentTarget.value)}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key === 'Enter') commit();
        if (event.key === 'Escape') {
          event.stopPropagation();
          onName(undefined);
        }
      }}
    />
  );
}

const WIDTH = 64;
const HEIGHT = 22;

/** The smoothed loss from start to end. */
function Sparkline({ values }: { readonly values: readonly number[] }): React.JSX.Element {
  const least = Math.min(...values);
  const range = Math.max(1e-9, Math.max(...values) - least);
  const points = values.map(
    (value, i) => `${(i / Math.max(1, values.length - 1)) * WIDTH} ${2 + (1 - (value - least) / range) * (HEIGHT - 4)}`,
  );
  return (
    <svg width={WIDTH} height={HEIGHT} aria-hidden="true" className="sparkline">
      {values.length < 2 ? null : <path d={`M${points.join('L')}`} />}
    </svg>
  );
}

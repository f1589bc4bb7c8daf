import { Dialog } from 'radix-ui';
import { useState } from 'react';
import type { SeenHead } from '../../state/actions/judgeActions.ts';
import { SaveMenu } from '../figure/SaveMenu.tsx';
import { Icon } from '../Icon.tsx';
import { HeadFigure, type HeadLook } from './HeadFigure.tsx';
import { MAP_KINDS, type Cell } from './headDrawing.ts';
import { headRows, linesSvg, mapsSvg } from './headFile.ts';
import type { HeadPlace } from './HeadGrid.tsx';

interface HeadViewProps {
  readonly maps: SeenHead;
  readonly place: HeadPlace;
}

/** One head's attention in both models: as maps or lines, here or enlarged. */
export function HeadView({ maps, place }: HeadViewProps): React.JSX.Element {
  const [look, setLook] = useState<HeadLook>('maps');
  const [large, setLarge] = useState<HeadLook>('maps');
  const [cell, setCell] = useState<Cell>({ query: 0, key: 0 });
  const name = `Layer ${place.layer + 1}, head ${place.head + 1}`;
  return (
    <div data-testid="attention">
      <div className="block-head">
        <h3>{name}</h3>
        <span className="grow" />
        <LookChoice name="look" looks={['maps', 'lines']} names={maps.names} look={look} onLook={setLook} />
        <Dialog.Root>
          <Dialog.Trigger className="btn quiet icon tiny" aria-label="Enlarge" title="Enlarge">
            <Icon name="grow" />
          </Dialog.Trigger>
          <Dialog.Portal>
            <Dialog.Overlay className="veil" />
            <Dialog.Content className="sheet" aria-describedby={undefined}>
              <div className="block-head">
                <Dialog.Title>{name}</Dialog.Title>
                <span className="grow" />
                <LookChoice name="large" looks={['maps', ...MAP_KINDS, 'lines']} names={maps.names} look={large} onLook={setLarge} />
                <Dialog.Close className="btn quiet icon" aria-label="Close">
                  <Icon name="close" />
                </Dialog.Close>
              </div>
              <HeadFigure maps={maps} look={large} cell={cell} onCell={setCell} large />
            </Dialog.Content>
          </Dialog.Portal>
        </Dialog.Root>
        <SaveMenu
          what={`attention of ${name}`}
          file={`attention-layer-${place.layer + 1}-head-${place.head + 1}`}
          csv={() => headRows(maps)}
          svg={() => (look === 'lines' ? linesSvg(maps, cell) : mapsSvg(maps))}
        />
      </div>
      <HeadFigure maps={maps} look={look} cell={cell} onCell={setCell} large={false} />
    </div>
  );
}

const LOOK_WORDS = { maps: 'Maps', lines: 'Lines' } as const;

interface LookChoiceProps {
  readonly name: string;
  readonly looks: readonly HeadLook[];
  readonly names: SeenHead['names'];
  readonly look: HeadLook;
  readonly onLook: (look: HeadLook) => void;
}

function LookChoice({ name, looks, names, look, onLook }: LookChoiceProps): React.JSX.Element {
  return (
    <fieldset className="seg">
      <legend className="sr">View of the head</legend>
      {looks.map((choice) => (
        <label key={choice}>
          <input type="radio" name={name} checked={look === choice} onChange={() => onLook(choice)} />
          <span>{choice === 'maps' || choice === 'lines' ? LOOK_WORDS[choice] : names[choice]}</span>
        </label>
      ))}
    </fieldset>
  );
}

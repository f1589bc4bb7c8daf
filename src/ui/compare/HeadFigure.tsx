import { useMemo, useRef } from 'react';
import type { SeenHead } from '../../state/actions/judgeActions.ts';
import { useWidth } from '../figure/useWidth.ts';
import { useTheme } from '../theme.ts';
import { amount, FAINTEST, MAP_KINDS, scaleOf, type Cell, type MapKind } from './headDrawing.ts';
import { HeadLines } from './HeadLines.tsx';
import { HeadMaps } from './HeadMaps.tsx';

export type HeadLook = 'maps' | 'lines' | MapKind;

interface HeadFigureProps {
  readonly maps: SeenHead;
  readonly look: HeadLook;
  readonly cell: Cell;
  readonly onCell: (cell: Cell) => void;
  readonly large: boolean;
}

/** The drawing of one head; pointer or arrow keys choose a pair of tokens, whose numbers stand below. */
export function HeadFigure({ maps, look, cell, onCell, large }: HeadFigureProps): React.JSX.Element {
  const frame = useRef<HTMLButtonElement>(null);
  const width = useWidth(frame);
  const theme = useTheme();
  const scale = useMemo(() => scaleOf(maps), [maps]);
  const count = maps.tokens.length;
  const query = Math.min(cell.query, count - 1);
  const key = Math.min(cell.key, count - 1);
  const here = { query, key };
  const move = (down: number, right: number): void => onCell({ query: (query + down + count) % count, key: (key + right + count) % count });
  const arrows: Readonly<Record<string, () => void>> = {
    ArrowUp: () => move(-1, 0),
    ArrowDown: () => move(1, 0),
    ArrowLeft: () => move(0, -1),
    ArrowRight: () => move(0, 1),
  };
  const value = (kind: MapKind): string => signed(amount(maps, kind, here));
  return (
    <>
      <button
        type="button"
        className={large ? 'maps large' : 'maps'}
        ref={frame}
        onKeyDown={(event) => {
          const act = arrows[event.key];
          if (act === undefined) return;
          event.preventDefault();
          act();
        }}
      >
        <span className="sr">Attention of one head; arrow keys move between pairs of tokens, read in the line below.</span>
        {width === 0 ? null : look === 'lines' ? (
          <HeadLines key={theme} maps={maps} width={width} cell={here} onPoint={onCell} />
        ) : (
          <HeadMaps
            maps={maps}
            scale={scale}
            kinds={look === 'maps' ? MAP_KINDS : [look]}
            width={width}
            most={large ? window.innerHeight - 190 : 460}
            cell={here}
            theme={theme}
            onPoint={onCell}
          />
        )}
      </button>
      <p className="readout" aria-live="polite">
        <b>{maps.tokens[query]}</b> to <b>{maps.tokens[key]}</b>: {maps.names.teacher} {value('teacher')}, {maps.names.student}{' '}
        {value('student')}, difference {value('difference')}
      </p>
      {look === 'lines' ? (
        <p className="note">Heavier lines carry more attention. Under {FAINTEST} is not drawn.</p>
      ) : (
        <div className="ramp-row">
          <span>0</span>
          <i className="ramp seq" />
          <span>{scale.full.toFixed(2)} attention</span>
          <span className="grow" />
          <span>
            {maps.names.teacher} +{scale.apart.toFixed(2)}
          </span>
          <i className="ramp div" />
          <span>
            +{scale.apart.toFixed(2)} {maps.names.student}
          </span>
        </div>
      )}
    </>
  );
}

/** Two digits, and never a zero with a sign. */
function signed(value: number): string {
  return (Math.abs(value) < 0.005 ? 0 : value).toFixed(2);
}

import { memo, useEffect, useRef } from 'react';
import type { SeenHead } from '../../state/actions/judgeActions.ts';
import { paint } from '../figure/pen.ts';
import type { Theme } from '../theme.ts';
import { drawMap, label, WORDS, type Cell, type HeadScale, type MapKind } from './headDrawing.ts';

const GAP = 8;

interface HeadMapsProps {
  readonly maps: SeenHead;
  readonly scale: HeadScale;
  readonly kinds: readonly MapKind[];
  /** CSS pixels for all of them. */
  readonly width: number;
  /** At most this tall, words and all. */
  readonly most: number;
  readonly cell: Cell;
  readonly theme: Theme;
  readonly onPoint: (cell: Cell) => void;
}

/** Maps side by side; the same pair of tokens is ringed in all of them. */
export function HeadMaps({ maps, scale, kinds, width, most, cell, theme, onPoint }: HeadMapsProps): React.JSX.Element {
  const room = (width - WORDS - GAP * (kinds.length - 1)) / kinds.length;
  const side = Math.max(60, Math.floor(Math.min(room, most - WORDS)));
  return (
    <span className="maps-row">
      {kinds.map((kind, i) => (
        <OneMap
          key={kind}
          maps={maps}
          scale={scale}
          kind={kind}
          side={side}
          left={i === 0 ? WORDS : 0}
          cell={cell}
          theme={theme}
          onPoint={onPoint}
        />
      ))}
    </span>
  );
}

interface OneMapProps {
  readonly maps: SeenHead;
  readonly scale: HeadScale;
  readonly kind: MapKind;
  readonly side: number;
  /** Room for the words of the rows; 0 = none are written. */
  readonly left: number;
  readonly cell: Cell;
  readonly theme: Theme;
  readonly onPoint: (cell: Cell) => void;
}

function OneMap({ maps, scale, kind, side, left, cell, theme, onPoint }: OneMapProps): React.JSX.Element {
  const count = maps.tokens.length;
  const step = side / count;
  const at = (place: number): number => Math.min(count - 1, Math.max(0, Math.floor((place / side) * count)));
  return (
    <span className="map">
      <span className="map-name" style={{ marginLeft: left }}>
        {maps.names[kind]}
      </span>
      <span
        className="map-plot"
        onPointerMove={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          onPoint({ query: at(event.clientY - box.top - WORDS), key: at(event.clientX - box.left - left) });
        }}
      >
        {/* A canvas keeps the colours that it was drawn with, so a new theme makes a new one. */}
        <MapCanvas key={theme} maps={maps} scale={scale} kind={kind} side={side} left={left} />
        <i className="map-ring" style={{ left: left + cell.key * step, top: WORDS + cell.query * step, width: step, height: step }} />
        {left === 0 ? null : (
          <b className="map-word row" style={{ top: WORDS + (cell.query + 0.5) * step, right: side + 3 }}>
            {label(maps.tokens[cell.query] ?? '')}
          </b>
        )}
        <b className="map-word column" style={{ left: left + (cell.key + 0.5) * step, top: WORDS - 3 }}>
          {label(maps.tokens[cell.key] ?? '')}
        </b>
      </span>
    </span>
  );
}

type MapCanvasProps = Pick<OneMapProps, 'maps' | 'scale' | 'kind' | 'side' | 'left'>;

/** Drawn once for what it shows: moving the ring over it costs nothing. */
const MapCanvas = memo(function MapCanvas({ maps, scale, kind, side, left }: MapCanvasProps): React.JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = side + left;
  const height = side + WORDS;
  useEffect(() => {
    if (canvas.current === null) return;
    paint(canvas.current, width, height, (pen) => drawMap(pen, maps, scale, kind, { left, top: WORDS, side }, left > 0));
  }, [maps, scale, kind, side, left, width, height]);
  return <canvas ref={canvas} style={{ width, height }} />;
});

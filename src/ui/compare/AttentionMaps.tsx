import { useEffect, useRef, useState } from 'react';
import type { AttentionComparison } from '../../state/actions/judgeActions.ts';
import { useTheme } from '../theme.ts';
import type { HeadPlace } from './HeadGrid.tsx';

/** Pixels of a drawn map; it is scaled by CSS. */
const SIDE = 384;

type Kind = 'teacher' | 'student' | 'difference';
const KINDS: readonly Kind[] = ['teacher', 'student', 'difference'];

interface Cell {
  readonly query: number;
  readonly key: number;
}

interface AttentionMapsProps {
  readonly maps: AttentionComparison;
  readonly place: HeadPlace;
}

/** One head's attention in both models and their difference; pointer or arrow keys read a pair of tokens. */
export function AttentionMaps({ maps, place }: AttentionMapsProps): React.JSX.Element {
  const [cell, setCell] = useState<Cell>({ query: 0, key: 0 });
  // A canvas keeps the colours that it was drawn with, so a new theme makes a new one.
  const theme = useTheme();
  const count = maps.tokens.length;
  const query = Math.min(cell.query, count - 1);
  const key = Math.min(cell.key, count - 1);
  const value = (kind: 'teacher' | 'student'): number => maps[kind][query]?.[key] ?? 0;
  const move = (down: number, right: number): void =>
    setCell({ query: (query + down + count) % count, key: (key + right + count) % count });
  const arrows: Readonly<Record<string, () => void>> = {
    ArrowUp: () => move(-1, 0),
    ArrowDown: () => move(1, 0),
    ArrowLeft: () => move(0, -1),
    ArrowRight: () => move(0, 1),
  };
  return (
    <div data-testid="attention">
      <div className="block-head">
        <h3>
          Layer {place.layer + 1}, head {place.head + 1}
        </h3>
        <span className="note">rows attend to columns</span>
      </div>
      <button
        type="button"
        className="maps"
        onKeyDown={(event) => {
          const act = arrows[event.key];
          if (act === undefined) return;
          event.preventDefault();
          act();
        }}
      >
        <span className="sr">Attention maps; arrow keys move between pairs of tokens, read in the line below:</span>
        {KINDS.map((kind) => (
          <MapCanvas key={`${kind} ${theme}`} kind={kind} maps={maps} cell={{ query, key }} onPoint={setCell} />
        ))}
      </button>
      <p className="readout" aria-live="polite">
        <b>{maps.tokens[query]}</b> to <b>{maps.tokens[key]}</b>: teacher {value('teacher').toFixed(2)}, student{' '}
        {value('student').toFixed(2)}, difference {(value('student') - value('teacher')).toFixed(2)}
      </p>
    </div>
  );
}

interface MapCanvasProps {
  readonly kind: Kind;
  readonly maps: AttentionComparison;
  readonly cell: Cell;
  readonly onPoint: (cell: Cell) => void;
}

function MapCanvas({ kind, maps, cell, onPoint }: MapCanvasProps): React.JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const count = maps.tokens.length;
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (context === null || context === undefined) return;
    const style = getComputedStyle(document.documentElement);
    const name = kind === 'difference' ? '--div-' : '--seq-';
    const ramp = Array.from({ length: 9 }, (_, i) => style.getPropertyValue(`${name}${i}`));
    // Whole pixels: fractions would blur the gaps unevenly.
    const edge = (i: number): number => Math.round((i * SIDE) / count);
    const gap = SIDE / count >= 8 ? 2 : 0;
    context.clearRect(0, 0, SIDE, SIDE);
    for (let query = 0; query < count; query++)
      for (let key = 0; key < count; key++) {
        const theirs = maps.teacher[query]?.[key] ?? 0;
        const ours = maps.student[query]?.[key] ?? 0;
        const value = kind === 'difference' ? 0.5 + (ours - theirs) / 0.6 : (kind === 'teacher' ? theirs : ours) / 0.6;
        context.fillStyle = ramp[Math.min(8, Math.max(0, Math.floor(value * 9)))] ?? '';
        context.fillRect(edge(key), edge(query), edge(key + 1) - edge(key) - gap, edge(query + 1) - edge(query) - gap);
      }
    context.strokeStyle = style.getPropertyValue('--ink');
    context.lineWidth = 3;
    context.strokeRect(edge(cell.key), edge(cell.query), SIDE / count, SIDE / count);
  }, [kind, maps, cell.query, cell.key, count]);
  return (
    <span className="map">
      <span className="map-name">{kind}</span>
      <canvas
        ref={canvas}
        width={SIDE}
        height={SIDE}
        onPointerMove={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          const at = (place: number, from: number, length: number): number =>
            Math.min(count - 1, Math.max(0, Math.floor(((place - from) / length) * count)));
          onPoint({ query: at(event.clientY, box.top, box.height), key: at(event.clientX, box.left, box.width) });
        }}
      />
    </span>
  );
}

import { useEffect, useRef } from 'react';
import type { SeenHead } from '../../state/actions/judgeActions.ts';
import { paint } from '../figure/pen.ts';
import { drawLines, lineHeight, type Cell } from './headDrawing.ts';

interface HeadLinesProps {
  readonly maps: SeenHead;
  readonly width: number;
  readonly cell: Cell;
  readonly onPoint: (cell: Cell) => void;
}

const MODELS = ['teacher', 'student'] as const;
const GAP = 12;

/** Lines between tokens, heavier for more attention; pointing at a token of the left side follows it in both models. */
export function HeadLines({ maps, width, cell, onPoint }: HeadLinesProps): React.JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const count = maps.tokens.length;
  const height = count * lineHeight(count);
  const each = (width - GAP) / 2;
  useEffect(() => {
    if (canvas.current === null || width === 0) return;
    paint(canvas.current, width, height, (pen) =>
      MODELS.forEach((model, i) => drawLines(pen, maps, model, { left: i * (each + GAP), width: each }, cell)),
    );
  }, [maps, width, height, each, cell]);
  return (
    <span className="lines">
      <span className="lines-names">
        {MODELS.map((model) => (
          <span key={model}>{maps.names[model]}</span>
        ))}
      </span>
      <canvas
        ref={canvas}
        style={{ width, height }}
        onPointerMove={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          const token = Math.min(count - 1, Math.max(0, Math.floor((event.clientY - box.top) / lineHeight(count))));
          const across = ((event.clientX - box.left) % (each + GAP)) / each;
          onPoint(across < 0.5 ? { ...cell, query: token } : { ...cell, key: token });
        }}
      />
    </span>
  );
}

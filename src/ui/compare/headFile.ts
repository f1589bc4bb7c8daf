import type { SeenHead } from '../../state/actions/judgeActions.ts';
import { svgElements } from '../figure/pen.ts';
import { svgDocument, token } from '../figure/svgDocument.ts';
import { drawLines, drawMap, lineHeight, MAP_KINDS, scaleOf, WORDS, type Cell } from './headDrawing.ts';

const TITLE = 20;

/** The three maps, large enough that every word is written. */
export function mapsSvg(maps: SeenHead): string {
  const side = Math.max(180, maps.tokens.length * 11);
  const step = side + 24;
  const scale = scaleOf(maps);
  const inside = svgElements((pen) =>
    MAP_KINDS.forEach((kind, i) => {
      const left = WORDS + 16 + i * step;
      pen.text(left, 14, maps.names[kind], { colour: token('--ink'), size: 12, bold: true });
      drawMap(pen, maps, scale, kind, { left, top: TITLE + WORDS, side }, i === 0);
    }),
  );
  return svgDocument(WORDS + 16 + 3 * step, TITLE + WORDS + side + 12, inside);
}

/** Both models' lines. */
export function linesSvg(maps: SeenHead, cell: Cell): string {
  const each = 320;
  const height = maps.tokens.length * lineHeight(maps.tokens.length);
  const inside = (['teacher', 'student'] as const)
    .map((model, i) => {
      const left = i * (each + 16);
      const title = svgElements((pen) => pen.text(left + 8, 14, maps.names[model], { colour: token('--ink'), size: 12, bold: true }));
      return `${title}<g transform="translate(0 ${TITLE})">${svgElements((pen) => drawLines(pen, maps, model, { left, width: each }, cell))}</g>`;
    })
    .join('');
  return svgDocument(2 * each + 16, height + TITLE + 8, inside);
}

/** A row a pair of tokens. */
export function headRows(maps: SeenHead): (string | number)[][] {
  return [
    ['query', 'key', 'query token', 'key token', maps.names.teacher, maps.names.student],
    ...maps.tokens.flatMap((query, i) =>
      maps.tokens.map((key, j) => [i, j, query, key, maps.teacher[i]?.[j] ?? 0, maps.student[i]?.[j] ?? 0]),
    ),
  ];
}

import { SHAPE_TITLES, SHAPES, VARIANTS, type ShapeName, type Variant } from './cells.ts';
import type { CellResult } from './results.ts';

const PANEL = { width: 300, height: 220, left: 36, top: 26, gap: 24 } as const;
/** Held-out loss, nats, from the bottom of a panel to its top; curves above are cut off. */
const RANGE = { least: 3.4, most: 7 } as const;
/** Told apart without colour too, by their dashes. */
const STYLES: Readonly<Partial<Record<Variant, string>>> = {
  guided: 'stroke="#0b6e4f" stroke-width="2.5"',
  calibrated: 'stroke="#0b6e4f" stroke-width="1.5" stroke-dasharray="12 3"',
  prune: 'stroke="#b5541c" stroke-width="1.5" stroke-dasharray="6 3"',
  distil: 'stroke="#2f4b9c" stroke-width="1.5" stroke-dasharray="2 3"',
  scratch: 'stroke="#777777" stroke-width="1.5" stroke-dasharray="9 3 2 3"',
};

/**
 * Held-out loss over the steps of a budget, as it was seen on the way (one masking of fewer tokens than the tables' eight), a panel a shape, a line a way, as SVG.
 *
 * @param best the run to draw, if there is one
 */
export function curves(steps: number, best: (shape: ShapeName, variant: Variant) => CellResult | undefined): string {
  const { width, height, left, top, gap } = PANEL;
  const y = (loss: number): number => top + (height * (RANGE.most - Math.min(RANGE.most, loss))) / (RANGE.most - RANGE.least);
  const panels = SHAPES.map((shape, index) => {
    const from = left + index * (width + gap);
    const x = (step: number): number => from + (width * step) / steps;
    const lines = Object.entries(STYLES).flatMap(([variant, style]) => {
      const run = isVariant(variant) ? best(shape, variant) : undefined;
      if (run === undefined) return [];
      const path = run.curve
        .filter(({ loss }) => loss <= RANGE.most)
        .map(({ step, loss }) => `${x(step).toFixed(1)},${y(loss).toFixed(1)}`);
      return [`<polyline fill="none" ${style} points="${path.join(' ')}"/>`];
    });
    const ticks = index > 0 ? [] : [4, 5, 6, 7].map((loss) => `<text x="${left - 6}" y="${y(loss) + 4}" text-anchor="end">${loss}</text>`);
    return [
      `<text x="${from}" y="16">${SHAPE_TITLES[shape]}</text>`,
      `<rect x="${from}" y="${top}" width="${width}" height="${height}" fill="none" stroke="#999999"/>`,
      ...ticks,
      ...lines,
    ].join('\n');
  });
  const below = top + height + 24;
  const names = Object.entries(STYLES).map(([variant, style], i) => {
    const at = left + i * 190;
    return `<line x1="${at}" x2="${at + 30}" y1="${below}" y2="${below}" ${style}/><text x="${at + 36}" y="${below + 4}">${variant}</text>`;
  });
  const size = `${left + SHAPES.length * (width + gap)} ${below + 14}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size}" font-family="sans-serif" font-size="12" role="img" aria-label="Held-out loss over ${steps} steps">
<rect width="100%" height="100%" fill="white"/>
${panels.join('\n')}
${names.join('\n')}
</svg>
`;
}

function isVariant(name: string): name is Variant {
  return name in VARIANTS;
}

import type { NormsAt, SpaceNorms } from '../../state/judgedStore.ts';
import type { Pen } from '../figure/pen.ts';
import { rampColour, readRamp } from '../figure/ramps.ts';
import { token } from '../figure/svgDocument.ts';

const SPACE_WORDS = {
  residual: 'Residual stream',
  embedding: 'Embeddings',
  queryKey: 'Query-key',
  valueOutput: 'Value-output',
  ffn: 'FFN',
  mlm: 'MLM head',
} as const;

export const spaceName = ({ space, layer }: SpaceNorms): string =>
  layer === null ? SPACE_WORDS[space] : `${SPACE_WORDS[space]} ${layer + 1}`;

/** Pixels of one space's row. */
export const ROW = 18;
const BAR = 14;

export const mostOf = (norms: readonly number[]): number => Math.max(1e-12, ...norms);

/** One space now: a bar a stretch of dimensions; height and colour are the norm, so neither is needed alone. */
export function drawBars(
  pen: Pen,
  { norms }: SpaceNorms,
  place: { readonly left: number; readonly top: number; readonly width: number },
): void {
  const ramp = readRamp('seq');
  const most = mostOf(norms);
  const each = place.width / norms.length;
  norms.forEach((norm, i) => {
    const share = norm / most;
    const height = Math.max(1, BAR * share);
    // The darkest shades of the ramp, so that a low bar stays visible.
    pen.rect(place.left + i * each, place.top + BAR - height, Math.max(1, each - 1), height, rampColour(ramp, 0.25 + 0.75 * share));
  });
}

export const HISTORY_HEIGHT = 128;
const AXIS = 18;

/** One space over the run: a column a judging, a row a stretch of dimensions, from the first at the top. */
export function drawHistory(pen: Pen, history: readonly NormsAt[], index: number, width: number, steps: number): void {
  const ramp = readRamp('seq');
  const rows = history.flatMap(({ step, spaces }) => {
    const norms = spaces[index]?.norms;
    return norms === undefined ? [] : [{ step, norms }];
  });
  const most = mostOf(rows.flatMap(({ norms }) => norms));
  const plot = HISTORY_HEIGHT - AXIS;
  const x = (step: number): number => (step / Math.max(1, steps)) * width;
  rows.forEach(({ step, norms }, i) => {
    // A column reaches to the next judging; the last one shows that it goes on.
    const to = rows[i + 1]?.step ?? Math.min(steps, step + Math.max(1, steps / 60));
    const high = plot / norms.length;
    norms.forEach((norm, bin) =>
      pen.rect(x(step), bin * high, Math.max(2, x(to) - x(step)) + 0.5, high + 0.5, rampColour(ramp, norm / most)),
    );
  });
  const look = { colour: token('--ink-3'), size: 11 };
  pen.text(0, HISTORY_HEIGHT - 4, 'step 0', look);
  pen.text(width, HISTORY_HEIGHT - 4, String(steps), { ...look, anchor: 'end' });
}

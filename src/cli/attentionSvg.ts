const CELL = 14;
/** Width of a letter of a label. */
const LETTER = 6.5;
const GAP = 24;
const TITLE = 28;
/** Teacher ink, student accent, as on the page; differences from one to the other. */
const INK = [24, 33, 51] as const;
const ACCENT = [194, 65, 12] as const;

type Colour = readonly [number, number, number];
type Rows = readonly (readonly number[])[];

/** File names and tokens come from outside. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** From white to a colour. @param share 0 to 1 */
function tint([r, g, b]: Colour, share: number): string {
  const mix = (channel: number): number => Math.round(255 + (channel - 255) * Math.max(0, Math.min(1, share)));
  return `rgb(${mix(r)},${mix(g)},${mix(b)})`;
}

/** Room for the longest token. */
function labelRoom(tokens: readonly string[]): number {
  return Math.ceil(12 + LETTER * Math.max(5, ...tokens.map((token) => token.length)));
}

function panel(title: string, x: number, tokens: readonly string[], rows: Rows, colourOf: (value: number) => string): string {
  const labels = labelRoom(tokens);
  const cells = rows.flatMap((row, query) =>
    row.map(
      (value, key) =>
        `<rect x="${x + labels + key * CELL}" y="${TITLE + labels + query * CELL}" width="${CELL}" height="${CELL}" fill="${colourOf(value)}"><title>${escaped(tokens[query] ?? '')} to ${escaped(tokens[key] ?? '')}: ${value.toFixed(4)}</title></rect>`,
    ),
  );
  const queries = tokens.map(
    (token, i) => `<text x="${x + labels - 4}" y="${TITLE + labels + (i + 0.75) * CELL}" text-anchor="end">${escaped(token)}</text>`,
  );
  const keys = tokens.map((token, i) => {
    const [at, y] = [x + labels + (i + 0.75) * CELL, TITLE + labels - 4];
    return `<text x="${at}" y="${y}" transform="rotate(-90 ${at} ${y})">${escaped(token)}</text>`;
  });
  return [`<text x="${x + labels}" y="16" font-weight="600">${escaped(title)}</text>`, ...queries, ...keys, ...cells].join('\n');
}

/**
 * One head's attention of teacher and student and their difference, as an SVG picture. Rows are queries, columns keys; all
 * three share one scale, from white for 0 to the largest number in them.
 * @param heading what the picture shows, for its title
 */
export function attentionSvg(heading: string, tokens: readonly string[], teacher: Rows, student: Rows): string {
  const darkest = Math.max(1e-6, ...teacher.flat(), ...student.flat());
  const side = labelRoom(tokens) + tokens.length * CELL + GAP;
  const difference = student.map((row, q) => row.map((value, k) => value - (teacher[q]?.[k] ?? 0)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${3 * side}" height="${TITLE + side}" font-family="sans-serif" font-size="10">`,
    `<title>${escaped(heading)}</title>`,
    `<rect width="100%" height="100%" fill="white"/>`,
    panel(`teacher, full ink = ${darkest.toFixed(2)}`, 0, tokens, teacher, (value) => tint(INK, value / darkest)),
    panel('student', side, tokens, student, (value) => tint(ACCENT, value / darkest)),
    panel('student - teacher', 2 * side, tokens, difference, (value) => tint(value < 0 ? INK : ACCENT, Math.abs(value) / darkest)),
    '</svg>',
    '',
  ].join('\n');
}

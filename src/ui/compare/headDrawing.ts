import type { SeenHead } from '../../state/actions/judgeActions.ts';
import type { Pen } from '../figure/pen.ts';
import { rampColour, readRamp } from '../figure/ramps.ts';
import { token } from '../figure/svgDocument.ts';

export type MapKind = 'teacher' | 'student' | 'difference';
export const MAP_KINDS: readonly MapKind[] = ['teacher', 'student', 'difference'];

/** Where the colour ramps of a head end: long sentences spread attention thin, so a fixed end would show nothing. */
export interface HeadScale {
  /** Attention, 0 to 1. */
  readonly full: number;
  /** Difference, either way. */
  readonly apart: number;
}

const NEARLY_ALL = 0.99;
const LEAST = 0.02;

/** Ends that nearly all values of both models stay under, in steps that people can read. */
export function scaleOf(maps: SeenHead): HeadScale {
  const amounts = [...maps.teacher.flat(), ...maps.student.flat()];
  const differences = maps.teacher.flatMap((row, query) => row.map((value, key) => Math.abs((maps.student[query]?.[key] ?? 0) - value)));
  const end = (values: number[]): number => {
    const value = values.toSorted((a, b) => a - b)[Math.floor(NEARLY_ALL * (values.length - 1))] ?? 0;
    const step = value > 0.2 ? 0.1 : 0.02;
    return Math.max(LEAST, Math.ceil(value / step - 1e-9) * step);
  };
  return { full: Math.min(1, end(amounts)), apart: Math.min(1, end(differences)) };
}

/** A pair of tokens, by place. */
export interface Cell {
  readonly query: number;
  readonly key: number;
}

/** Where things lie on a map, in CSS pixels. */
export interface MapPlace {
  readonly left: number;
  readonly top: number;
  readonly side: number;
}

const LABEL_SIZE = 10;
/** Pixels from one word to the next at least. */
const LABEL_PITCH = 9;
const MOST_LETTERS = 9;

/** A token as a label: long ones are cut. */
export const label = (word: string): string => (word.length > MOST_LETTERS ? `${word.slice(0, MOST_LETTERS - 1)}…` : word);

/** Space for the words over a map and, where there are any, left of it. */
export const WORDS = 52;

export function amount(maps: SeenHead, kind: MapKind, { query, key }: Cell): number {
  const teacher = maps.teacher[query]?.[key] ?? 0;
  const student = maps.student[query]?.[key] ?? 0;
  return kind === 'teacher' ? teacher : kind === 'student' ? student : student - teacher;
}

/** One map: a row a query, a column a key; words where there is room for them. */
export function drawMap(pen: Pen, maps: SeenHead, scale: HeadScale, kind: MapKind, place: MapPlace, withRows: boolean): void {
  const { left, top, side } = place;
  const count = maps.tokens.length;
  const ramp = readRamp(kind === 'difference' ? 'div' : 'seq');
  // Whole pixels: fractions would blur the gaps unevenly.
  const edge = (i: number): number => Math.round((i * side) / count);
  const gap = side / count >= 8 ? 1 : 0;
  for (let query = 0; query < count; query++)
    for (let key = 0; key < count; key++) {
      const value = amount(maps, kind, { query, key });
      const share = kind === 'difference' ? 0.5 + value / (2 * scale.apart) : value / scale.full;
      pen.rect(
        left + edge(key),
        top + edge(query),
        edge(key + 1) - edge(key) - gap,
        edge(query + 1) - edge(query) - gap,
        rampColour(ramp, share),
      );
    }
  const every = Math.ceil((LABEL_PITCH * count) / side);
  const look = { colour: token('--ink-2'), size: LABEL_SIZE };
  maps.tokens.forEach((word, i) => {
    if (i % every !== 0) return;
    const middle = edge(i) + side / count / 2 + LABEL_SIZE / 3;
    if (withRows) pen.text(left - 4, top + middle, label(word), { ...look, anchor: 'end' });
    pen.text(left + middle, top - 4, label(word), { ...look, upright: true });
  });
}

/** Pixels of one token in the lines view. */
export const lineHeight = (count: number): number => (count > 40 ? 13 : 18);
/** Attention below this is not drawn as a line. */
export const FAINTEST = 0.05;
const WORD_SIZE = 11;
const WORD_WIDTH = 70;

/** Queries on the left, keys on the right, a line as heavy as the attention; one query's lines stand out. */
export function drawLines(
  pen: Pen,
  maps: SeenHead,
  model: 'teacher' | 'student',
  place: { readonly left: number; readonly width: number },
  chosen: Cell,
): void {
  const { left, width } = place;
  const row = lineHeight(maps.tokens.length);
  const colour = token(model === 'teacher' ? '--c-teacher' : '--c-student');
  const ink = token('--ink');
  const faint = token('--ink-3');
  const from = left + WORD_WIDTH;
  const to = left + width - WORD_WIDTH;
  maps[model].forEach((keys, query) =>
    keys.forEach((value, key) => {
      if (value < FAINTEST || query === chosen.query) return;
      pen.line(from, row * (query + 0.5), to, row * (key + 0.5), faint, 1, 0.12 + 0.3 * value);
    }),
  );
  maps[model][chosen.query]?.forEach((value, key) => {
    if (value >= FAINTEST) pen.line(from, row * (chosen.query + 0.5), to, row * (key + 0.5), colour, 0.5 + 4 * value, 0.25 + 0.75 * value);
  });
  maps.tokens.forEach((word, i) => {
    const y = row * (i + 0.5) + WORD_SIZE / 3;
    const heard = (maps[model][chosen.query]?.[i] ?? 0) >= FAINTEST;
    pen.text(from - 5, y, label(word), {
      colour: i === chosen.query ? ink : faint,
      size: WORD_SIZE,
      bold: i === chosen.query,
      anchor: 'end',
    });
    pen.text(to + 5, y, label(word), { colour: heard ? ink : faint, size: WORD_SIZE, bold: i === chosen.key });
  });
}

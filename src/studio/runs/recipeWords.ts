import { fieldInWords, type Setting } from '../settings/setting.ts';
import { SETTINGS } from '../settings/settings.ts';
import type { ModelShape, Recipe } from '../api/recipe.ts';

const SIZES: Readonly<Partial<Record<keyof ModelShape, string>>> = { hiddenSize: 'width', intermediateSize: 'FFN' };
const NOUNS = new Map<string, string>([
  ...Object.entries(SIZES),
  ...Object.entries<Setting>(SETTINGS).flatMap(([name, { noun }]): [string, string][] => (noun === undefined ? [] : [[name, noun]])),
]);

function valueInWords(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? value.toLocaleString('en') : String(Number(value.toPrecision(6)));
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (value === null || value === undefined) return 'none';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What differs from one recipe to the next, the student's shape first: `width 128 -> 96`, `steps 300 -> 1,000`. */
export function recipeDifferences(before: Recipe, after: Recipe): string[] {
  const differences = (a: object, b: object): string[] =>
    [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((field) => {
      const from: unknown = Reflect.get(a, field);
      const to: unknown = Reflect.get(b, field);
      return JSON.stringify(from) === JSON.stringify(to)
        ? []
        : [`${NOUNS.get(field) ?? fieldInWords(field)} ${valueInWords(from)} -> ${valueInWords(to)}`];
    });
  const inOrder = ({ hiddenSize, layers, heads, headSize, intermediateSize }: ModelShape): ModelShape => ({
    hiddenSize,
    layers,
    heads,
    headSize,
    intermediateSize,
  });
  const { student: studentBefore, ...restBefore } = before;
  const { student: studentAfter, ...restAfter } = after;
  return [...differences(inOrder(studentBefore), inOrder(studentAfter)), ...differences(restBefore, restAfter)];
}

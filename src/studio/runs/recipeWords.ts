import type { ModelShape, Recipe } from '../api/recipe.ts';

const WORDS: Readonly<Partial<Record<keyof Recipe | keyof ModelShape, string>>> = {
  hiddenSize: 'width',
  intermediateSize: 'FFN',
  tied: 'tied decoder',
  batch: 'sequences a step',
  sequence: 'tokens a sequence',
  compactorShare: 'compactor share',
  clipNorm: 'clipping norm',
  evaluateEvery: 'evaluation every',
  calibrationTokens: 'calibration tokens',
};

/** `polishLearningRate` as `polish learning rate`. */
function inWords(field: string): string {
  const known: unknown = Reflect.get(WORDS, field);
  return typeof known === 'string' ? known : field.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

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
      return JSON.stringify(from) === JSON.stringify(to) ? [] : [`${inWords(field)} ${valueInWords(from)} -> ${valueInWords(to)}`];
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

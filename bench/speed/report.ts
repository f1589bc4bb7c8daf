import { flopsOf, nameOf, type Problem } from './problems.ts';

/** One contender on one problem in one host. */
export interface Row {
  readonly host: string;
  readonly contender: string;
  readonly detail: string;
  readonly problem: Problem;
  /** Milliseconds a run: the middle of all samples, and the best. */
  readonly median: number;
  readonly best: number;
  /** How many times as long as ours in the same host, round by round, the middle; null for ours. */
  readonly timesOurs: number | null;
  /** How far its result was from the truth. */
  readonly error: number;
}

export function middle(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[sorted.length / 2 - 1] ?? Number.NaN)) / 2;
}

/** One table of all rows: GFLOP/s of the middle and of the best sample, and the time as a multiple of our CPU engine's. */
export function table(rows: readonly Row[]): string {
  const head = ['host', 'problem', 'contender', 'ms', 'GFLOP/s', 'best', 'x WID cpu', 'error'];
  const cells = rows.map((row) => {
    const gflops = (milliseconds: number): string => (flopsOf(row.problem) / milliseconds / 1e6).toFixed(1);
    const ratio = row.timesOurs === null ? '' : row.timesOurs.toFixed(2);
    return [
      row.host,
      nameOf(row.problem),
      row.contender,
      row.median.toFixed(row.median < 10 ? 2 : 1),
      gflops(row.median),
      gflops(row.best),
      ratio,
      row.error.toExponential(0),
    ];
  });
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((line) => line[column]?.length ?? 0)));
  const line = (texts: readonly string[]): string => `| ${texts.map((text, i) => text.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...cells.map(line)].join('\n');
}

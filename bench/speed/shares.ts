import { FMA, flopsOf, GEMMS, nameOf, type Problem } from './problems.ts';
import type { Row } from './report.ts';

/** How much of what a GPU can do one of our rows reaches. */
export interface Share {
  readonly host: string;
  readonly contender: string;
  readonly problem: string;
  readonly gflops: number;
  /** Of the FMA peak measured in the same run. */
  readonly ofPeak: number;
  /** A training step's, of the largest product's rate in the same run. */
  readonly ofProduct?: number;
}

const LARGEST = GEMMS.at(-1);

/** Rows of every WebGPU contender as shares of the same host's FMA peak; best samples, as of the peak itself. */
export function sharesOf(rows: readonly Row[]): Share[] {
  const gflops = ({ problem, best }: Row): number => flopsOf(problem) / best / 1e6;
  return rows.flatMap((row): Share[] => {
    const peak = rows.find(({ host, problem }) => host === row.host && problem.kind === FMA.kind);
    if (peak === undefined || row.problem.kind === FMA.kind || !row.contender.includes('webgpu')) return [];
    const product = rows.find(({ host, contender, problem }) => host === row.host && contender === row.contender && same(problem, LARGEST));
    return [
      {
        host: row.host,
        contender: row.contender,
        problem: nameOf(row.problem),
        gflops: gflops(row),
        ofPeak: gflops(row) / gflops(peak),
        ...(row.problem.kind === 'step' && product !== undefined ? { ofProduct: gflops(row) / gflops(product) } : {}),
      },
    ];
  });
}

function same(problem: Problem, other: Problem | undefined): boolean {
  return other !== undefined && nameOf(problem) === nameOf(other);
}

export function sharesTable(shares: readonly Share[]): string {
  const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
  const lines = shares.map(
    ({ host, contender, problem, gflops, ofPeak, ofProduct }) =>
      `| ${host} | ${problem} | ${contender} | ${gflops.toFixed(1)} | ${percent(ofPeak)} | ${ofProduct === undefined ? '' : percent(ofProduct)} |`,
  );
  return [
    '| host | problem | contender | best GFLOP/s | of the FMA peak | of its 1024 x 768 x 768 |',
    '|---|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}

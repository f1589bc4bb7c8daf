/** One measured model, as `docs/results/wid-cost.json` keeps it. */
export interface CostResult {
  readonly name: string;
  readonly date: string;
  readonly machine: string;
  readonly tokens: number;
  readonly predicted: number;
  readonly forms: readonly { readonly form: string; readonly gflop: number; readonly megabytes: number; readonly seconds?: number }[];
  readonly plainGflopPerSecond: number | null;
  readonly mergedOverPrediction: number | null;
  readonly countedOverPrediction: number | null;
  readonly insertedOverMerged: number | null;
  readonly applied: readonly string[];
}

const FORMS: Readonly<Record<string, string>> = {
  plain: "the student's own weights",
  merged: 'WID, every matrix merged',
  counted: 'WID, merged or applied by count (what runs use)',
  inserted: "the paper's inserted form: square compactors on activations",
};

const ratio = (value: number | null): string => (value === null ? 'not measured' : value.toFixed(2));

function section(result: CostResult): string {
  const rows = result.forms.map(({ form, gflop, megabytes, seconds }) =>
    [
      '',
      FORMS[form] ?? form,
      gflop.toFixed(1),
      megabytes.toFixed(0),
      seconds === undefined ? 'not run' : seconds.toFixed(3),
      seconds === undefined ? '' : (gflop / seconds).toFixed(1),
      '',
    ]
      .join(' | ')
      .trim(),
  );
  return [
    `## ${result.name}`,
    '',
    `${result.date}, ${result.machine}. ${result.tokens} tokens a step, ${result.predicted} of them predicted.`,
    '',
    '| step that trains | GFLOP counted | MB planned | seconds | GFLOP/s |',
    '|---|---|---|---|---|',
    ...rows,
    '',
    `- Merged, against what its count predicts from the plain step's rate: **${ratio(result.mergedOverPrediction)}** (asked: at most 1.15); as counted: ${ratio(result.countedOverPrediction)}.`,
    `- Inserted, against merged: **${ratio(result.insertedOverMerged)}** times as long (asked: at least 8).`,
    `- Applied to the activations by count: ${result.applied.join(', ') || 'nothing'}.`,
  ].join('\n');
}

/** The page of all models measured so far. */
export function costPage(results: readonly CostResult[]): string {
  const intro = [
    '# What a WID step costs',
    '',
    'Written by `npm run cost` (`bench/widCost.ts`); `npm run cost -- --model base` measures the shape of BERT-base with random',
    'weights. Students are a quarter as wide as the teacher. Every round runs one step of every form in turn, and medians are',
    'compared, so that a slow spell of the machine meets all alike. Memory is that of the plan: weights, optimiser state and',
    'activations at their peak. A form whose plan does not fit 4 GiB of WASM memory is not run: for the inserted form of all',
    'twelve layers read the two layers below. Run it on a quiet machine: an earlier measurement of the twelve layers, beside',
    'other work, gave 1.85 where a quiet one gives the figure here.',
  ].join('\n');
  return `${[intro, ...results.map(section)].join('\n\n')}\n`;
}

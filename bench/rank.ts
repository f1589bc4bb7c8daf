// `npm run rank`: the demo teacher's students by the rank of what training adds to their compactors. Runs that
// are stored are skipped, so the table can be completed over several sittings.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { PresetName } from '../src/studio/api/recipe.ts';
import { stepCosts } from '../src/studio/methods/stepCost.ts';
import { presetShape } from '../src/studio/recipe/presets.ts';
import { defaultRecipe } from '../src/studio/recipe/recipe.ts';
import { WHOLE_RANK } from '../src/studio/settings/settings.ts';
import { Runner } from './quality/runner.ts';

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    ranks: { type: 'string', default: `0,8,32,128,${WHOLE_RANK}` },
    students: { type: 'string', default: 'half,quarter' },
    rates: { type: 'string', default: '2e-4' },
    learns: { type: 'string', default: 'yes,no' },
    steps: { type: 'string', default: '300' },
    out: { type: 'string', default: 'docs/results/rank.json' },
    list: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`npm run rank -- [options]
  --ranks LIST     ranks of what training adds; ${WHOLE_RANK} trains compactors whole (default: all of the page)
  --students LIST  presets: half, quarter (default: both)
  --rates LIST     peak rates of compactors (default: 2e-4)
  --learns LIST    whether the teacher's weights learn at the same rate: yes, no (default: both)
  --steps N        guided steps of 16 x 128 tokens (default: 300)
  --out FILE       the runs (default: docs/results/rank.json)
  --list           print the runs that are stored, train nothing`);
  process.exit();
}

const PRESETS: readonly PresetName[] = ['half', 'quarter', 'wid55', 'wid11'];

interface Row {
  readonly student: string;
  readonly rank: number;
  readonly rate: number;
  readonly learns: boolean;
  readonly steps: number;
  /** Held-out loss: the mean of eight maskings and their standard deviation. */
  readonly loss: unknown;
  readonly accuracy: unknown;
  /** Of the CPU, the start included; one thread. */
  readonly seconds: number;
  readonly gflop: number;
  readonly mebibytes: number;
}

const out = resolve(values.out);
const isRow = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && 'student' in value && 'rank' in value && 'rate' in value && 'learns' in value;
const stored = (): Row[] => {
  const known: unknown = existsSync(out) ? JSON.parse(readFileSync(out, 'utf8')) : [];
  return Array.isArray(known) ? known.filter(isRow) : [];
};
const keyOf = ({ student, rank, rate, learns, steps }: Pick<Row, 'student' | 'rank' | 'rate' | 'learns' | 'steps'>): string =>
  [student, rank, rate, learns, steps].join(' ');

if (values.list) {
  for (const row of stored()) console.log(JSON.stringify(row));
  process.exit();
}

const runner = await Runner.create();
const steps = Number(values.steps);
for (const learns of values.learns.split(',').map((word) => word === 'yes'))
  for (const rate of values.rates.split(',').map(Number))
    for (const rank of values.ranks.split(',').map(Number))
      for (const student of PRESETS.filter((name) => values.students.split(',').includes(name))) {
        const row = { student, rank, rate, learns, steps };
        if (stored().some((known) => keyOf(known) === keyOf(row))) continue;
        let cost = { gflop: 0, mebibytes: 0 };
        const { loss, accuracy, seconds } = await runner.whole((_, teacher) => {
          const shape = presetShape(teacher.report.shape, student);
          const recipe = {
            ...defaultRecipe(teacher.report, shape),
            steps,
            rank,
            compactorLearningRate: rate,
            teacherLearningRate: learns ? rate : 0,
            evaluateEvery: steps,
          };
          const [first] = stepCosts(teacher, recipe);
          cost = { gflop: (first?.flops ?? 0) / 1e9, mebibytes: (first?.bytes ?? 0) / 2 ** 20 };
          return recipe;
        });
        const made = { ...row, loss, accuracy, seconds: Number(seconds.toFixed(1)), ...cost };
        console.log(JSON.stringify(made));
        writeFileSync(out, `${JSON.stringify([...stored(), made], null, 2)}\n`);
      }
process.exit();

import { BUDGETS, OURS, SHAPE_TITLES, SHAPES, VARIANT_NAMES, VARIANTS, type ShapeName, type Variant } from './cells.ts';
import { measured, type CellResult, type Measured, type TeacherResult } from './results.ts';

const percent = (x: number): string => (100 * x).toFixed(1);
const within = ({ mean, error }: Measured, digits: number, factor = 1): string =>
  `${(factor * mean).toFixed(digits)} ± ${(factor * error).toFixed(digits)}`;

const isPlain = ({ cell }: CellResult): boolean => Object.keys(cell.change).length === 0;

/** Whether a's loss differs from b's by more than two standard errors of their difference over the same maskings; b lower is negative. */
export function difference(a: CellResult, b: CellResult): { readonly mean: number; readonly error: number; readonly tie: boolean } {
  const { mean, error } = measured(a.loss.values.map((x, i) => x - (b.loss.values[i] ?? Number.NaN)));
  return { mean, error, tie: Math.abs(mean) <= 2 * error };
}

/** The best rate of every variant, seed by seed. */
export function entrants(results: readonly CellResult[], shape: ShapeName, steps: number, seed: number): Map<Variant, CellResult> {
  const best = new Map<Variant, CellResult>();
  for (const result of results) {
    const { cell } = result;
    if (!isPlain(result) || cell.shape !== shape || cell.steps !== steps || cell.seed !== seed) continue;
    const known = best.get(cell.variant);
    if (known === undefined || result.loss.mean < known.loss.mean) best.set(cell.variant, result);
  }
  return best;
}

function row(result: CellResult, teacher: TeacherResult, ours: CellResult | undefined): string {
  const { cell, loss, accuracy, similarity, seconds, untrained } = result;
  const against = ours === undefined || ours === result ? undefined : difference(result, ours);
  const verdict = against === undefined ? '' : against.tie ? 'tie' : `${against.mean > 0 ? '+' : '−'}${Math.abs(against.mean).toFixed(3)}`;
  const cells = [
    VARIANTS[cell.variant].title,
    cell.rate.toExponential(),
    String(cell.seed),
    untrained.loss.mean.toFixed(3),
    within(loss, 3),
    verdict,
    within(accuracy, 1, 100),
    percent(accuracy.mean / teacher.accuracy.mean),
    `${similarity.mean.toFixed(3)} (${similarity.chance.toFixed(3)})`,
    `${seconds.start.toFixed(0)} + ${seconds.training.toFixed(0)}`,
  ];
  return `| ${cells.join(' | ')} |`;
}

const HEAD = `| way | rate | seed | loss at step 0 | held-out loss | against the default | accuracy % | of the teacher's % | attention similarity (chance) | CPU s |
|---|---|---|---|---|---|---|---|---|---|`;

function table(results: readonly CellResult[], teacher: TeacherResult, shape: ShapeName, steps: number): string | undefined {
  const seeds = [...new Set(results.map(({ cell }) => cell.seed))].toSorted((a, b) => a - b);
  const rows = seeds.flatMap((seed) => {
    const found = entrants(results, shape, steps, seed);
    return VARIANT_NAMES.flatMap((variant) => {
      const result = found.get(variant);
      return result === undefined ? [] : [row(result, teacher, found.get(OURS))];
    });
  });
  return rows.length === 0 ? undefined : [`### ${SHAPE_TITLES[shape]}, ${steps} steps`, '', HEAD, ...rows].join('\n');
}

const SHORT: Readonly<Record<ShapeName, string>> = { half: 'half', quarter: 'quarter', depth: 'half depth' };

type Figure = (found: readonly CellResult[]) => string;

/** The mean loss over seeds, with their number. */
const meanLoss: Figure = (found) => `${measured(found.map(({ loss }) => loss.mean)).mean.toFixed(3)} (${found.length})`;

/** CPU seconds of start and training, mean over seeds. */
const meanSeconds: Figure = (found) => measured(found.map(({ seconds }) => seconds.start + seconds.training)).mean.toFixed(0);

/** A row a way, a column a shape and budget: a figure of the best rates' runs of all seeds. */
function summary(results: readonly CellResult[], figure: Figure): string {
  const columns = SHAPES.flatMap((shape) => BUDGETS.map((steps) => ({ shape, steps })));
  const rows = VARIANT_NAMES.flatMap((variant) => {
    const cells = columns.map(({ shape, steps }) => {
      const seeds = new Set(results.map(({ cell }) => cell.seed));
      const found = [...seeds].flatMap((seed) => entrants(results, shape, steps, seed).get(variant) ?? []);
      return found.length === 0 ? '' : figure(found);
    });
    return cells.every((text) => text === '') ? [] : [`| ${VARIANTS[variant].title} | ${cells.join(' | ')} |`];
  });
  const heads = columns.map(({ shape, steps }) => `${SHORT[shape]} ${steps}`);
  return [`| way | ${heads.join(' | ')} |`, `|---|${columns.map(() => '---|').join('')}`, ...rows].join('\n');
}

/** Where the default is beaten or tied, sentence by sentence. */
function exceptions(results: readonly CellResult[]): string[] {
  const sentences: string[] = [];
  const groups = new Map(results.map(({ cell }) => [`${cell.shape} ${cell.steps} ${cell.seed}`, cell]));
  for (const { shape, steps, seed } of groups.values()) {
    const found = entrants(results, shape, steps, seed);
    const ours = found.get(OURS);
    if (ours === undefined) continue;
    for (const variant of VARIANT_NAMES) {
      const theirs = found.get(variant);
      if (theirs === undefined || variant === OURS) continue;
      const { mean, error, tie } = difference(theirs, ours);
      if (!tie && mean > 0) continue;
      const what = tie ? 'ties with' : 'beats';
      sentences.push(
        `- ${SHAPE_TITLES[shape]}, ${steps} steps, seed ${seed}: *${VARIANTS[variant].title}* ${what} the default (${mean.toFixed(4)} ± ${error.toFixed(4)} nats).`,
      );
    }
  }
  return sentences;
}

/** Where the default was run and where not yet, so that a win is not read where nothing was compared. */
function comparedAt(results: readonly CellResult[]): string {
  const places = SHAPES.flatMap((shape) => BUDGETS.map((steps) => ({ shape, steps })));
  const ran = ({ shape, steps }: (typeof places)[number]): boolean =>
    [...new Set(results.map(({ cell }) => cell.seed))].some((seed) => entrants(results, shape, steps, seed).has(OURS));
  const names = (some: typeof places): string => some.map(({ shape, steps }) => `${SHORT[shape]} ${steps}`).join(', ') || 'nowhere';
  return `The default was run at: ${names(places.filter(ran))}. Not run: ${names(places.filter((place) => !ran(place)))}.`;
}

function sweeps(results: readonly CellResult[]): string {
  const rows = results
    .filter(({ cell }) => cell.seed === 1)
    .toSorted(
      (a, b) =>
        SHAPES.indexOf(a.cell.shape) - SHAPES.indexOf(b.cell.shape) ||
        a.cell.steps - b.cell.steps ||
        a.cell.variant.localeCompare(b.cell.variant) ||
        a.loss.mean - b.loss.mean,
    )
    .map(({ cell, loss, accuracy, untrained, seconds }) => {
      const change = Object.entries(cell.change).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
      return `| ${cell.shape} | ${VARIANTS[cell.variant].title} | ${cell.steps} | ${cell.rate.toExponential()} | ${change.join(', ')} | ${untrained.loss.mean.toFixed(3)} | ${within(loss, 3)} | ${within(accuracy, 1, 100)} | ${seconds.start.toFixed(0)} + ${seconds.training.toFixed(0)} |`;
    });
  return [
    '| shape | way | steps | rate | change | loss at step 0 | held-out loss | accuracy % | CPU s |',
    '|---|---|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

/** `docs/results/quality.md` from the stored runs; `why` is what a person wrote about them. */
export function page(results: readonly CellResult[], teacher: TeacherResult, why: string): string {
  const gaps = results.flatMap(({ cell, gap }) =>
    gap === undefined ? [] : [`| ${cell.id} | ${gap.whole.toFixed(3)} | ${gap.cut.toFixed(3)} | ${(gap.cut - gap.whole).toFixed(3)} |`],
  );
  const budgets = [...new Set(results.map(({ cell }) => cell.steps))].toSorted((a, b) => a - b);
  const shapes: ShapeName[] = ['half', 'quarter', 'depth'];
  const tables = budgets.flatMap((steps) => shapes.flatMap((shape) => table(results, teacher, shape, steps) ?? []));
  const odd = exceptions(results);
  const { versions } = teacher;
  const batch = results[0]?.recipe;
  return `# Quality on the demo teacher and prose

Made by \`npm run quality\` out of the ${results.length} runs in \`bench/results/quality.jsonl\` (recipe, seed, versions and curves of each); do not edit.
\`npm run quality\` goes on with the runs that are missing, \`npm run quality -- --page\` only writes this page.

The teacher (${(teacher.parameters / 1e6).toFixed(2)} M parameters): held-out loss ${within(teacher.loss, 3)}, accuracy ${within(teacher.accuracy, 1, 100)} %.
A step is ${batch?.batch ?? 8} sequences of ${batch?.sequence ?? 128} tokens. Every student is judged on the same eight maskings of ${teacher.sequences} held-out sequences;
± is the standard error over the maskings. *Against the default* is the paired difference of losses over the same maskings: **tie** within
two of its standard errors, + where the other way is worse. Attention similarity is 1 - Jensen-Shannon divergence in bits
on four held-out sequences, with its chance level. All students have a decoder of their own (untied) unless \`tied true\` says
otherwise, also at half depth, where the default is tied. CPU seconds are of one thread, start + training with its looks at held-out text;
the machine was busy with other work, so read them as ratios. ${versions.processor}, Node ${versions.node}, engine ${versions.engine}.

At 100 and 300 steps a way's rate was searched on seed 1 until both neighbours of the best were tried, as far as there was
time (all rates are below); a table shows each way's best, chosen by the same held-out loss. Longer runs and other seeds use that rate.

## In short

Held-out loss at the end, mean over seeds (their number).

${summary(results, meanLoss)}

CPU seconds of start and training in the same runs. A guided step runs the teacher too: compare losses at equal seconds as well.

${summary(results, meanSeconds)}

![Held-out loss over 300 steps](quality/curves.svg)

Held-out loss over 300 steps, seed 1, each way at its best rate, on one masking of fewer tokens than the tables'; the other budgets' curves are in the runs' files.

## Where the default does not win

${comparedAt(results)}

${odd.length === 0 ? 'Nowhere in the runs so far.' : odd.join('\n')}

${why.trim()}

## Tables

${tables.join('\n\n')}

## What dropping near-zero dimensions costs (paper mode)

Held-out loss of the whole trained model and of the student cut out of it, on the curve's masking.

| run | whole | cut | gap |
|---|---|---|---|
${gaps.join('\n')}

## Every run of seed 1: rates, and departures from the default recipe

\`teacherLearningRate 0\` leaves the teacher's weights as they are; \`depth "even"\` keeps the layers that end at the last.

${sweeps(results)}
`;
}

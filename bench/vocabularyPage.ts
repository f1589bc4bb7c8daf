/** Held-out numbers on the same masked tokens. */
export interface Judged {
  readonly loss: number;
  /** 0 to 1. */
  readonly accuracy: number;
}

/** One vocabulary: sizes in bytes of fp32 weights, the prose in its tokens. */
export interface VocabularySide {
  readonly words: number;
  readonly teacherBytes: number;
  readonly studentBytes: number;
  readonly tokensAWord: number;
  /** 0 to 1. */
  readonly unknownShare: number;
}

/** Students of one seed. */
export interface VocabularySeed {
  readonly seed: number;
  /** Trained with the whole vocabulary, and cut afterwards. */
  readonly cutAfter: Judged;
  /** Of that, judged over all its words. */
  readonly whole: Judged;
  /** Trained with the cut vocabulary. */
  readonly cutBefore: Judged;
  /** The runs' own held-out numbers, each on its own tokens. */
  readonly ownWhole: Judged;
  readonly ownCut: Judged;
  readonly secondsWhole: number;
  readonly secondsCut: number;
}

/** What `npm run vocabulary` measured, as `docs/results/vocabulary.json` keeps it. */
export interface VocabularyResult {
  readonly date: string;
  readonly machine: string;
  readonly steps: number;
  readonly whole: VocabularySide;
  readonly cut: VocabularySide;
  /** Distinct words that the prose uses, of the whole vocabulary. */
  readonly used: number;
  /** Share of the prose that stays as it is, 0 to 1. */
  readonly covered: number;
  /** Masked tokens that all models of the second table answer. */
  readonly answers: number;
  readonly teacherWhole: Judged;
  readonly teacherRestricted: Judged;
  readonly teacherCut: Judged;
  readonly seeds: readonly VocabularySeed[];
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const grouped = (count: number): string => count.toLocaleString('en');
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

/** Mean over seeds, with the smallest and the largest if there are several. */
function over(values: readonly number[], show: (value: number) => string): string {
  if (values.length < 2) return values.map(show).join();
  return `${show(mean(values))} (${show(Math.min(...values))} to ${show(Math.max(...values))})`;
}

function row(name: string, over8k: readonly Judged[], over2k: readonly Judged[]): string {
  const cells = [over8k, over2k].flatMap((judged) =>
    judged.length === 0
      ? ['', '']
      : [
          over(
            judged.map(({ loss }) => loss),
            (value) => value.toFixed(3),
          ),
          over(
            judged.map(({ accuracy }) => accuracy),
            percent,
          ),
        ],
  );
  return `| ${[name, ...cells].join(' | ')} |`;
}

/** The page of one measurement. */
export function vocabularyPage(result: VocabularyResult): string {
  const { whole, cut, seeds } = result;
  const words = grouped(cut.words);
  const all = grouped(whole.words);
  const both = (name: string, show: (side: VocabularySide) => string): string => `| ${name} | ${show(whole)} | ${show(cut)} |`;
  return `${[
    "# The demo's vocabulary, cut by its own prose",
    '',
    `Written by \`npm run vocabulary\` (\`bench/vocabulary.ts\`), ${result.date}, ${result.machine}. The demo teacher (4 layers x 256) keeps ${words} of its ${all} words: those that every text needs, and of the rest those that the bundled prose uses most. Students are half as wide (\`--preset half\`), ${result.steps} steps of 16 x 128 tokens, seeds ${seeds.map(({ seed }) => seed).join(', ')}; a student is trained from the whole teacher and from the cut one with the same recipe.`,
    '',
    '## Size and text',
    '',
    `| | ${all} words | ${words} words |`,
    '|---|---|---|',
    both('teacher, fp32', ({ teacherBytes }) => megabytes(teacherBytes)),
    both('student, fp32', ({ studentBytes }) => megabytes(studentBytes)),
    both('tokens a word of the prose', ({ tokensAWord }) => tokensAWord.toFixed(3)),
    both('unknown', ({ unknownShare }) => percent(unknownShare)),
    '',
    `The prose uses ${grouped(result.used)} of the words; ${percent(result.covered)} of its tokens stay as they are, the rest is spelt in smaller pieces.`,
    '',
    '## The same words before and after',
    '',
    `Held-out stretches of the prose that need none of the words that went: ${grouped(result.answers)} masked tokens, the same for every model. Over ${words} words, the probabilities of a model with ${all} are those of the words that stay, made to sum to one. Losses are in nats; with several seeds, the mean with the smallest and the largest.`,
    '',
    `| model | loss over ${all} | accuracy | loss over ${words} | accuracy |`,
    '|---|---|---|---|---|',
    row('teacher, whole', [result.teacherWhole], [result.teacherRestricted]),
    row('teacher, cut', [], [result.teacherCut]),
    row(
      'student of the whole teacher, cut afterwards',
      seeds.map((seed) => seed.whole),
      seeds.map((seed) => seed.cutAfter),
    ),
    row(
      'student of the cut teacher',
      [],
      seeds.map((seed) => seed.cutBefore),
    ),
    '',
    "The teacher's numbers over the words that stay do not change by the cut. What changes is what a text that needs the others is made of:",
    '',
    "## Each run's own held-out numbers",
    '',
    'On all held-out prose, each in its own tokens and over its own words. These losses cannot be compared: the cut vocabulary spells rare words in pieces, which are more tokens to predict.',
    '',
    '| student | loss | accuracy | seconds |',
    '|---|---|---|---|',
    `| of the whole teacher | ${over(
      seeds.map(({ ownWhole }) => ownWhole.loss),
      (value) => value.toFixed(3),
    )} | ${over(
      seeds.map(({ ownWhole }) => ownWhole.accuracy),
      percent,
    )} | ${over(
      seeds.map(({ secondsWhole }) => secondsWhole),
      (value) => value.toFixed(0),
    )} |`,
    `| of the cut teacher | ${over(
      seeds.map(({ ownCut }) => ownCut.loss),
      (value) => value.toFixed(3),
    )} | ${over(
      seeds.map(({ ownCut }) => ownCut.accuracy),
      percent,
    )} | ${over(
      seeds.map(({ secondsCut }) => secondsCut),
      (value) => value.toFixed(0),
    )} |`,
  ].join('\n')}\n`;
}

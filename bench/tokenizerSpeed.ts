// `node --import tsx bench/tokenizerSpeed.ts`: English into WordPiece ids, beside @huggingface/tokenizers in turns, and a Unigram
// vocabulary of 250,002 entries. Minutes; not part of `npm test`.
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Tokenizer } from '@huggingface/tokenizers';
import { DEMO_TEACHER, DEMO_TEXT, filesOf } from '../src/cli/files.ts';
import { openBytes } from '../src/tensor/byteSource.ts';
import { Random } from '../src/tensor/random.ts';
import { createTokenizer } from '../src/text/tokenizer.ts';
import { writeLargeCheckpoint } from './largeVocabulary/checkpoint.ts';

const { values } = parseArgs({
  options: {
    mb: { type: 'string', default: '100' },
    folder: { type: 'string', default: join(tmpdir(), 'wid-large-vocabulary') },
  },
});
/** Share of words that are made up, so that memories of words do not answer all: as names are in English text. */
const NEW_WORDS = 0.02;
const ROUNDS = 5;

const prose: string[] = [];
for (const { bytes } of filesOf(DEMO_TEXT)) {
  const source = openBytes(bytes);
  prose.push(...new TextDecoder().decode(await source.read(0, source.size)).split('\n'));
}

/** Lines of the prose in another order, with new words in them. @param bytes about so many */
function english(bytes: number, seed: number): string[] {
  const random = new Random(seed);
  const lines: string[] = [];
  for (let size = 0; size < bytes;) {
    const line = prose[Math.floor(prose.length * random.uniform())] ?? '';
    const changed = line.replaceAll(/\b[a-z]{4,}\b/g, (word) =>
      random.uniform() < NEW_WORDS ? word.slice(0, 3) + Math.floor(36 ** 4 * random.uniform()).toString(36) : word,
    );
    lines.push(changed);
    size += changed.length + 1;
  }
  return lines;
}

const rate = (bytes: number, milliseconds: number): string => `${(bytes / 1000 / milliseconds).toFixed(1)} MB/s`;
const middle = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
interface Timed {
  readonly tokens: number;
  readonly ms: number;
  /** Of the processor: what a busy machine does meanwhile is not in it. */
  readonly cpuMs: number;
}
const timed = (lines: readonly string[], encode: (line: string) => { readonly length: number }): Timed => {
  const began = performance.now();
  const before = process.cpuUsage();
  let tokens = 0;
  for (const line of lines) tokens += encode(line).length;
  const { user, system } = process.cpuUsage(before);
  return { tokens, ms: performance.now() - began, cpuMs: (user + system) / 1000 };
};
const told = (bytes: number, { tokens, ms, cpuMs }: Timed): string =>
  `${rate(bytes, ms)}, ${rate(bytes, cpuMs)} of processor time (${tokens} tokens)`;

const read = (name: string): string => readFileSync(join(DEMO_TEACHER, name), 'utf8');
const ours = createTokenizer({ tokenizerJson: read('tokenizer.json'), tokenizerConfig: read('tokenizer_config.json') });
const object = (name: string): object => {
  const json: unknown = JSON.parse(read(name));
  return typeof json === 'object' && json !== null ? json : {};
};
const theirs = new Tokenizer(object('tokenizer.json'), object('tokenizer_config.json'));
const [ours100, theirs100, ratios]: number[][] = [[], [], []];
for (let round = 0; round < ROUNDS; round++) {
  const lines = english((Number(values.mb) * 1e6) / ROUNDS, round + 1);
  const bytes = lines.reduce((sum, line) => sum + line.length + 1, 0);
  const own = timed(lines, (line) => ours.encode(line));
  const other = timed(lines, (line) => theirs.encode(line, { add_special_tokens: false }).ids);
  ours100?.push(bytes / 1000 / own.cpuMs);
  theirs100?.push(bytes / 1000 / other.cpuMs);
  ratios?.push(other.cpuMs / own.cpuMs);
  console.log(
    `round ${round + 1}, ${(bytes / 1e6).toFixed(0)} MB: ours ${told(bytes, own)}; @huggingface/tokenizers ${told(bytes, other)}`,
  );
}
console.log(
  `English, ${values.mb} MB in WordPiece, MB a second of processor time: ours ${middle(ours100 ?? []).toFixed(1)}, @huggingface/tokenizers ${middle(theirs100 ?? []).toFixed(1)}, ratio ${middle(ratios ?? []).toFixed(2)}`,
);

const folder = join(values.folder, 'whole');
if (!existsSync(join(folder, 'tokenizer.json'))) await writeLargeCheckpoint(folder);
const began = performance.now();
const unigram = createTokenizer({
  tokenizerJson: readFileSync(join(folder, 'tokenizer.json'), 'utf8'),
  tokenizerConfig: readFileSync(join(folder, 'tokenizer_config.json'), 'utf8'),
});
const opened = performance.now() - began;
const lines = english(2e7, 99);
const bytes = lines.reduce((sum, line) => sum + line.length + 1, 0);
console.log(
  `Unigram, ${unigram.vocabularySize} pieces: opened in ${(opened / 1000).toFixed(1)} s; ${(bytes / 1e6).toFixed(0)} MB of English at ${told(
    bytes,
    timed(lines, (line) => unigram.encode(line)),
  )}`,
);

import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import type { EmbeddedSentences } from '../../studio/api/sentences.ts';
import { textsOf } from '../files.ts';
import { npyBytes } from '../npy.ts';
import { engineOptions, namedFiles, openEngine, openSession, type EngineOptions } from '../options.ts';
import { checkFolder, makeFolder } from '../outFolder.ts';
import { createReport, grouped } from '../report.ts';
import { sayEncoder, sentenceOptions, sentenceWish, type SentenceOptions } from '../sentenceOptions.ts';
import { UsageError } from '../usage.ts';

interface EmbedOptions extends EngineOptions, SentenceOptions {
  readonly demo?: true;
  readonly teacher?: string;
  readonly text: readonly string[];
  readonly column?: string;
  readonly out: string;
  readonly json?: true;
}

const NUMPY = /\.npy$/i;
const LINES = /\.jsonl$/i;

/** `embed`: a vector of every sentence of a text. */
export function addEmbed(program: Command): void {
  const command = program
    .command('embed')
    .description('a vector of every line, cell or record of a text, as NumPy file or JSON Lines')
    .option('--demo', 'the bundled teacher')
    .option('--teacher <path>', "a sentence-transformers folder, a student's, or any checkpoint; or its zip")
    .requiredOption('--text <path...>', 'files of text, JSON Lines, CSV, TSV or Parquet, zips, or folders of them')
    .option('--column <name>', 'column or JSON field that holds the sentences (default: by name and content)')
    .requiredOption('--out <file>', 'vectors.npy (a row a sentence), or vectors.jsonl (text and vector a line)')
    .option('--json', 'write a line of JSON an event to stdout, nothing else (npm adds lines of its own unless told -s)');
  engineOptions(sentenceOptions(command))
    .addHelpText(
      'after',
      `
Example:
  npm run compress -- embed --teacher all-MiniLM-L6-v2 --text questions.txt --out questions.npy`,
    )
    .action(async (options: EmbedOptions) => {
      const { demo, teacher, text, column, out } = options;
      if ((demo === true) === (teacher !== undefined))
        throw new UsageError(`teacher: expected --teacher PATH or --demo, got ${demo === true ? 'both' : 'neither'}. Give one of them.`);
      if (!NUMPY.test(out) && !LINES.test(out))
        throw new UsageError(`--out ${out}: expected a name that ends in .npy or .jsonl. Name the file so.`);
      checkFolder(dirname(out));
      const report = createReport(options.json === true);
      const [name, files] = namedFiles(teacher);
      const texts = text.flatMap((path) => textsOf(path).files);
      const session = openSession();
      await openEngine(session, options, report);
      const wish = { ...sentenceWish(options), ...(column === undefined ? {} : { column }) };
      const found = await session.embed({ name, files }, texts, wish, report.event);
      for (const notice of found.notices) report.say(notice);
      sayEncoder('Encoder', found.encoder, report);
      makeFolder(dirname(out));
      writeFileSync(out, NUMPY.test(out) ? npyOf(found) : linesOf(found));
      report.fact('embedded', { encoder: found.encoder, sentences: found.sentences.length, out });
      report.say(`${grouped(found.sentences.length)} vectors in ${out}`);
    });
}

function numbersOf({ vectors }: EmbeddedSentences): Float32Array {
  return new Float32Array(vectors.buffer, vectors.byteOffset, vectors.byteLength / 4);
}

function npyOf(found: EmbeddedSentences): Uint8Array {
  return npyBytes(found.sentences.length, found.encoder.width, numbersOf(found));
}

function linesOf(found: EmbeddedSentences): string {
  const { width } = found.encoder;
  const numbers = numbersOf(found);
  return found.sentences
    .map((text, i) => `${JSON.stringify({ text, vector: [...numbers.subarray(i * width, (i + 1) * width)] })}\n`)
    .join('');
}

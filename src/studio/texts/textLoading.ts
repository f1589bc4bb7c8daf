import { Random } from '../../tensor/random.ts';
import { shownName } from '../../tensor/shown.ts';
import { StudioError } from '../../tensor/studioError.ts';
import { buildCorpus, splitOf, type Corpus } from '../../text/corpus.ts';
import { maskBatch } from '../../text/maskedBatch.ts';
import { takeRows } from '../../text/packedText.ts';
import { readDocuments } from '../../text/readers/readDocuments.ts';
import { TextError, type TextColumns, type TextDocument, type TextFile } from '../../text/textFile.ts';
import type { TextTokenizer } from '../../text/tokenizer.ts';
import { fingerprintOfCorpus } from '../runs/fingerprint.ts';
import type { GivenFile } from '../api/files.ts';
import type { StudioListener } from '../api/run.ts';
import type { DocumentsMeasured, TextExample, TextReport, TextWish } from '../api/text.ts';
import { PLAIN_MASKING } from '../../tasks/plainMasking.ts';
import { textFilesOf } from './textFiles.ts';

/** A text that is ready to train on. */
export interface LoadedText {
  readonly corpus: Corpus;
  readonly report: TextReport;
  /** SHA-256 of the packed tokens: what a run depends on, however the files were called. */
  readonly fingerprint: string;
}

/** Lets the teacher predict documents that are held out in both forms; undefined if it cannot. */
export type CompareForms = (
  heldOut: readonly Int32Array[],
  progress: (done: number, total: number) => Promise<void>,
) => Promise<DocumentsMeasured | undefined>;

/** Between two turns of the event loop, so that a cancel can arrive. */
const TURN_MS = 50;
const EXAMPLE_TOKENS = 48;
/** Few enough to be typos and names. */
const NOTABLE_UNKNOWN = 0.1;

/**
 * Reads, tokenises and packs files of any text format.
 *
 * @param signal gives up between documents
 * @param sentences whether every line or document is a sentence, of which vectors are learned
 * @param compare measures in which form the teacher predicts better; without it, `auto` joins documents
 * @throws TextError naming the file that cannot be read; StudioError `cancelled`
 */
export async function loadCorpus(
  name: string,
  files: readonly GivenFile[],
  tokenizer: TextTokenizer,
  wish: TextWish,
  listen: StudioListener,
  signal: AbortSignal,
  compare?: CompareForms,
  sentences = false,
): Promise<LoadedText> {
  const { sequence, seed, documents: form = 'joined' } = wish;
  const texts = await textFilesOf(files);
  if (texts.length === 0)
    throw new TextError(name, 'expected files with text, got none. Choose .txt, .csv, .tsv, .jsonl or .parquet files.');
  const total = texts.reduce((sum, file) => sum + file.size, 0);
  const notices: string[] = [];
  let columns: TextColumns | undefined;
  let done = 0;
  let words = 0;
  const notes = {
    columns: (found: TextColumns): void => {
      columns ??= found;
    },
    notice: (sentence: string): void => {
      notices.push(sentence);
    },
  };
  let turned = performance.now();
  let said = -1;
  const pause = async (): Promise<void> => {
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    if (signal.aborted) throw new StudioError('cancelled', 'text: reading was cancelled. Nothing was changed.');
  };
  const turn = async (): Promise<void> => {
    if (performance.now() - turned < TURN_MS) return;
    // Reading is ahead of tokenising, and small files are read whole at once.
    if (done !== said) listen({ kind: 'progress', stage: 'Reading the text', done: Math.min(done, total), total, unit: 'bytes' });
    said = done;
    await pause();
    turned = performance.now();
  };
  const counted = (file: TextFile): TextFile => ({
    ...file,
    read: async (start, end) => {
      done += end - start;
      return file.read(start, end);
    },
  });
  const documents = async function* (): AsyncGenerator<TextDocument> {
    for (const file of texts)
      for await (const document of readDocuments(counted(file), wish.column === undefined ? {} : { column: wish.column }, notes)) {
        yield document;
        // Once it is taken: reading may end at a limit before.
        words += countWords(document.text);
      }
  };
  let measured: DocumentsMeasured | undefined;
  const isApart = async (heldOut: readonly Int32Array[]): Promise<boolean> => {
    measured = await compare?.(heldOut, async (batches, all) => {
      listen({ kind: 'progress', stage: 'Comparing documents apart and joined', done: batches, total: all });
      await pause();
    });
    return measured?.better === 'apart';
  };
  const apart = form === 'auto' ? isApart : form === 'apart';
  const corpus = await buildCorpus(documents(), tokenizer, { sequence, seed, apart, sentences, listen: turn });

  if (corpus.cut)
    notices.push(
      `The files hold more than a run can use: the first ${corpus.tokens.toLocaleString('en')} tokens were read, about ${percent(done / total)} of the bytes.`,
    );
  if (corpus.unknownShare > NOTABLE_UNKNOWN)
    notices.push(
      `${percent(corpus.unknownShare)} of the tokens are unknown to the teacher's vocabulary. Is this text in its language, and split as it expects?`,
    );
  if (corpus.sentences !== undefined && corpus.sentences.equal > 0)
    notices.push(`${corpus.sentences.equal.toLocaleString('en')} sentences stand there more than once, and are taken once.`);
  if (corpus.sentences !== undefined && corpus.sentences.shortened > 0)
    notices.push(
      `${corpus.sentences.shortened.toLocaleString('en')} sentences are longer than ${sequence} tokens, and are cut. Longer sequences keep more of them.`,
    );
  const report: TextReport = {
    name,
    files: texts.length,
    bytes: total,
    documents: corpus.documents,
    tokens: corpus.tokens,
    words,
    trainSequences: corpus.train.length / sequence,
    heldOutSequences: corpus.heldOut.length / sequence,
    sequence,
    packing: { documents: corpus.apart === undefined ? 'joined' : 'apart', wish: form, measured: measured ?? null },
    unknownShare: corpus.unknownShare,
    lengths: corpus.lengths.map((count, bin) => ({ from: 2 ** bin, to: 2 ** (bin + 1), documents: count })),
    example: sentences ? plainExample(corpus, tokenizer) : maskedExample(corpus, tokenizer, seed),
    columns: columns ?? null,
    notices,
  };
  return { corpus, report, fingerprint: await fingerprintOfCorpus(corpus) };
}

/** The start of the first training sequence as training will see it. */
function maskedExample(corpus: Corpus, tokenizer: TextTokenizer, seed: number): TextExample {
  const row = takeRows(splitOf(corpus, 'train'), [0], tokenizer.special.pad);
  const { inputIds, positions, labels } = maskBatch(row, corpus.sequence, tokenizer, new Random(seed), PLAIN_MASKING);
  const answers = new Map([...positions].flatMap((at, slot) => (at < 0 ? [] : [[at, labels[slot] ?? 0] as const])));
  return [...inputIds.subarray(0, EXAMPLE_TOKENS)].map((id, at) => {
    const answer = answers.get(at);
    const token = shownName(tokenizer.token(id));
    return answer === undefined ? { token } : { token, answer: shownName(tokenizer.token(answer)) };
  });
}

/** What stands between spaces. */
function countWords(text: string): number {
  let words = 0;
  let isInside = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const isSpace = code <= 0x20 || code === 0xa0 || code === 0x3000;
    if (!isSpace && !isInside) words += 1;
    isInside = !isSpace;
  }
  return words;
}

/** The start of the first training sequence, in which nothing is masked. */
function plainExample({ train }: Corpus, tokenizer: TextTokenizer): TextExample {
  return Array.from(train.subarray(0, EXAMPLE_TOKENS), (id) => ({ token: shownName(tokenizer.token(id)) }));
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}

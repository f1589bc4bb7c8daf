import { sizeInWords } from '../tensor/bytes.ts';
import type { TextExample, TextReport } from '../studio/api/text.ts';
import { grouped, percent } from './report.ts';

const WIDEST_BAR = 40;

/** How documents lie in sequences, and why; undefined if nobody was asked. */
export function packingLine({ packing }: TextReport): string | undefined {
  if (packing === undefined || packing.wish === 'joined') return undefined;
  const { documents, wish, measured } = packing;
  const words = documents === 'apart' ? 'Documents lie apart in the sequences' : 'Documents are joined to running text';
  if (wish !== 'auto') return `${words}, as asked`;
  if (measured === null) return `${words}: the teacher could not be asked which it reads better; --documents chooses`;
  return `${words}: of ${grouped(measured.answers)} masked tokens the teacher predicts ${percent(measured.apart)} right apart, ${percent(measured.joined)} joined; --documents chooses`;
}

/** A text as the teacher reads it: sequences, lengths as a histogram, and one masked example. */
export function textLines(text: TextReport): string[] {
  const most = Math.max(1, ...text.lengths.map(({ documents }) => documents));
  return [
    `Files: ${grouped(text.files)} (${sizeInWords(text.bytes)})`,
    `Sequences of ${text.sequence} tokens: ${grouped(text.trainSequences)} for training, ${grouped(text.heldOutSequences)} held out`,
    'Documents by their length in tokens:',
    ...text.lengths
      .filter(({ documents }) => documents > 0)
      .map(
        ({ from, to, documents }) =>
          `  ${`${from} to ${to - 1}`.padEnd(16)}${'#'.repeat(Math.ceil((WIDEST_BAR * documents) / most)).padEnd(WIDEST_BAR)} ${grouped(documents)}`,
      ),
    'As training sees it, the tokens to predict in brackets:',
    `  ${exampleLine(text.example)}`,
  ];
}

function exampleLine(example: TextExample): string {
  return example.map(({ token, answer }) => (answer === undefined ? token : `${token}(${answer})`)).join(' ');
}

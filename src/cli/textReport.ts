import { sizeInWords } from '../tensor/bytes.ts';
import type { TextExample, TextReport } from '../studio/api/text.ts';
import { grouped } from './report.ts';

const WIDEST_BAR = 40;

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

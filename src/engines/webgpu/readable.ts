/** What naga draws its messages with, beside arrows and the line of source: `3 │ fn f() { x = two; }`. */
const FRAME = /^\s*(?:\d+\s*)?[│┌]/;
const SOURCE = /^\s*\d+\s*│/;

/** A driver's or compiler's words in one line, without where in its own code they were said, and without drawings. */
export function readable(message: string): string {
  const lines = message.split('\n').filter((line) => !/^\s+at /.test(line));
  const said = lines.filter((line) => !FRAME.test(line));
  // Behind an arrow stands what is wrong with the place that it points at.
  const notes = lines
    .filter((line) => FRAME.test(line) && !SOURCE.test(line) && !line.includes('┌'))
    .map((line) => line.replaceAll(/[│^]/g, ' ').trim())
    .filter((note) => note !== '');
  const words = said
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join(' ')
    .replace(/^Shader '[^']*' parsing error: /, '');
  return notes.length === 0 ? words : `${words} (${notes.join('; ')})`;
}

import { TextError, type TextColumns } from './textFile.ts';

/** Text columns by their usual names, the likeliest first. */
const USUAL_NAMES = [
  'text',
  'full_text',
  'content',
  'body',
  'document',
  'article',
  'sentence',
  'sentences',
  'passage',
  'abstract',
  'review',
  'smiles',
];
/** How much an inner field gains by such a name: `messages[].content` goes before `messages[].role`, but not before a long text. */
const NAME_WEIGHT = 3;
/** Names of what tells records apart; single words there are never text. */
const IDENTITY = /(?:^|[._\-[\]])(?:u?u?id|guid|key|hash|sha|sha1|sha256|md5|url|uri|link|path|file|filename)$|(?:[a-z])Id$/i;
/** Addresses of pages and people, and what numbers, dates, versions and keys are written with. */
const CODE = /^(?:[a-z][a-z0-9+.-]*:\/\/\S+|\S+@\S+\.\S+|[\w.:/+=-]*\d[\w.:/+=-]*)$/i;
/** Base64 and hexadecimal run on without a space. */
const LONGEST_WORD_OF_CODE = 200;
/** Share of a column's words that are codes, from which on it is one of codes. */
const CODES = 0.9;
/** Single words this long are chains of letters: proteins, or a script without spaces. */
const LONG_WORD = 30;
const MOLECULE = /[()=[\]#@\\]/;
/** Words that are kept to count the different ones, and characters that are looked at. */
const MOST_WORDS = 20_000;
const MOST_CHARACTERS = 1 << 18;

/** What a column may be: text that is read, single words that are read where there is nothing else, and codes that never are. */
type Kind = 'text' | 'words' | 'codes';

/** The first values of one column. */
export class ColumnSample {
  #values = 0;
  #characters = 0;
  #words = 0;
  #codes = 0;
  #letters = false;
  #foreign = 0;
  #molecules = 0;
  readonly #different = new Set<string>();

  add(value: string): void {
    if (value.trim() === '' || this.#characters > MOST_CHARACTERS) return;
    this.#values += 1;
    this.#characters += value.length;
    this.#letters ||= /\p{L}/u.test(value);
    if (/[^\0-\u024F]/u.test(value)) this.#foreign += 1;
    if (MOLECULE.test(value)) this.#molecules += 1;
    for (const word of value.slice(0, MOST_CHARACTERS).split(/\s+/)) {
      if (word === '') continue;
      this.#words += 1;
      if (CODE.test(word) || (word.length > LONGEST_WORD_OF_CODE && /\d/.test(word) && !MOLECULE.test(word))) this.#codes += 1;
      if (this.#different.size < MOST_WORDS) this.#different.add(word);
    }
  }

  get empty(): boolean {
    return this.#values === 0;
  }

  /** Characters of its different words: a label says little however often, and text goes on saying more. */
  get weight(): number {
    let characters = 0;
    for (const word of this.#different) characters += word.length;
    return characters;
  }

  kind(name: string): Kind {
    if (!this.#letters || this.#codes >= CODES * this.#words) return isMolecules(name) ? 'text' : 'codes';
    const single = this.#words === this.#values;
    if (!single || this.#foreign > this.#values / 2) return 'text';
    if (IDENTITY.test(name)) return 'codes';
    return this.#molecules > this.#values / 10 || this.#characters > LONG_WORD * this.#values ? 'text' : 'words';
  }
}

/** Records that are looked at for the column of the text, and how many more where those hold none. */
export const SAMPLED = { first: 100, most: 2000 } as const;

/** Whether a sample tells which column is read; some files hold no text for long, or in one record of many. */
export function isTelling(sample: ReadonlyMap<string, ColumnSample>, wanted: string | undefined): boolean {
  if (wanted !== undefined) return sample.has(wanted);
  return [...sample].some(([name, found]) => !found.empty && found.kind(name) === 'text');
}

/**
 * The column to read: the one asked for, else one with a usual name, else the one whose sample has the most different words.
 * Codes that tell records apart are read only if they are asked for.
 *
 * @throws TextError naming the columns if the one asked for, or any text column, is missing
 */
export function chooseColumn(file: string, sample: ReadonlyMap<string, ColumnSample>, wanted: string | undefined): TextColumns {
  const names = [...sample.keys()];
  if (names.length === 0)
    throw new TextError(file, 'no column holds text — expected strings, got numbers or nothing. Choose another file.');
  if (wanted !== undefined) {
    if (!sample.has(wanted))
      throw new TextError(file, `column — expected one of ${listed(names)}, got ${JSON.stringify(wanted)}. Choose one of them.`, { names });
    return { names, chosen: wanted };
  }
  const kinds = new Map([...sample].map(([name, found]) => [name, found.empty ? 'codes' : found.kind(name)] as const));
  const usual = USUAL_NAMES.map((name) => names.find((given) => given.toLowerCase() === name && kinds.get(given) !== 'codes')).find(
    (name) => name !== undefined,
  );
  if (usual !== undefined) return { names, chosen: usual };
  const weight = (name: string): number => (sample.get(name)?.weight ?? 0) * (USUAL_NAMES.includes(leafOf(name)) ? NAME_WEIGHT : 1);
  for (const kind of ['text', 'words'] satisfies Kind[]) {
    const [first] = names.filter((name) => kinds.get(name) === kind).toSorted((a, b) => weight(b) - weight(a));
    if (first !== undefined) return { names, chosen: first };
  }
  throw new TextError(
    file,
    `no column holds text — expected sentences, got codes in ${listed(names)}. Choose another file, or name the column to read all the same.`,
    { names },
  );
}

/** Of `messages[].content`, `content`. */
function leafOf(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1).toLowerCase();
}

/** Small molecules are written like codes. */
function isMolecules(name: string): boolean {
  return leafOf(name) === 'smiles';
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 12).map((name) => JSON.stringify(name));
  return names.length > shown.length ? `${shown.join(', ')} and ${names.length - shown.length} more` : shown.join(', ');
}

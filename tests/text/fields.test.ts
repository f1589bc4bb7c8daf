import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, test } from 'vitest';
import { ColumnSample } from '../../src/text/columns.ts';
import { gather, given } from './gather.ts';

const ANIMALS = ['cat', 'dog', 'goat', 'lamb'];
const PLACES = ['tree', 'river', 'barn', 'mill', 'field'];
const sentences = ANIMALS.flatMap((animal) => PLACES.map((place) => `the ${animal} slept by the ${place}.`));
const lines = (records: readonly unknown[]): string => records.map((record) => JSON.stringify(record)).join('\n');
const read = async (records: readonly unknown[], column?: string): Promise<{ first: string; chosen: string; names: readonly string[] }> => {
  const { documents, columns } = await gather(given('r.jsonl', lines(records)), column);
  expect(documents).toHaveLength(records.length);
  return { first: documents[0]?.text ?? '', chosen: columns?.chosen ?? '', names: columns?.names ?? [] };
};

describe('text inside records', () => {
  const first = 'the cat slept by the tree.';

  test('an inner field, by its path', async () => {
    const records = sentences.map((text, i) => ({ id: `row-${i}`, data: { text, length: text.length } }));
    expect(await read(records)).toEqual({ first, chosen: 'data.text', names: ['id', 'data.text'] });
    expect((await read(records, 'id')).first).toBe('row-0');
  });

  test('text that begins late is found, in every form', async () => {
    const rows = Array.from({ length: 160 }, (_, i) => ({ id: `${i}a7`, summary: i < 140 ? null : (sentences[i - 140] ?? null) }));
    const column = (key: 'id' | 'summary'): (string | null)[] => rows.map((row) => row[key]);
    const csv = ['id,summary', ...rows.map(({ id, summary }) => `${id},${summary ?? ''}`)].join('\n');
    const data = (['id', 'summary'] as const).map((name) => ({ name, data: column(name), type: 'STRING' as const }));
    const files: readonly (readonly [string, string | Uint8Array])[] = [
      ['late.jsonl', lines(rows)],
      ['late.csv', csv],
      ['late.parquet', new Uint8Array(parquetWriteBuffer({ columnData: data }))],
    ];
    for (const [path, content] of files) {
      const { documents, columns } = await gather(given(path, content));
      expect(columns, path).toEqual({ names: ['id', 'summary'], chosen: 'summary' });
      expect(documents.map(({ text }) => text)).toEqual(sentences);
    }
  });

  test('a list of words is joined by spaces, one of sentences by lines; labels beside it are not text', async () => {
    const words = sentences.map((text, i) => ({
      id: String(i),
      pos_tags: text.split(' ').map((_, at) => (at === 1 ? 'NOUN' : 'FUNCTION-WORD')),
      tokens: text.split(' '),
    }));
    expect(await read(words)).toMatchObject({ first, chosen: 'tokens' });
    expect(await read(words, 'pos_tags')).toMatchObject({
      first: 'FUNCTION-WORD NOUN FUNCTION-WORD FUNCTION-WORD FUNCTION-WORD FUNCTION-WORD',
    });
    expect(await read(sentences.map((text, i) => ({ key: `k${i}`, paragraphs: [text, 'It ate.'] })))).toMatchObject({
      first: `${first}\nIt ate.`,
      chosen: 'paragraphs',
    });
    expect((await read(sentences.map((text) => ({ lines: [text.split(' '), ['It', 'ate']] })))).first).toBe(`${first}\nIt ate`);
  });

  test('fields of the objects of a list are joined: chats, and questions about a text', async () => {
    const chat = sentences.map((content, i) => ({
      conversation_id: `c_${i}`,
      messages: [
        { role: 'user', content },
        { role: 'assistant', content: 'Indeed it did.' },
      ],
    }));
    expect(await read(chat)).toEqual({
      first: `${first}\nIndeed it did.`,
      chosen: 'messages[].content',
      names: ['conversation_id', 'messages[].role', 'messages[].content'],
    });
    const questions = sentences.map((context, i) => ({
      id: `56be${i}db0`,
      context: `${context} Then night fell over the whole valley, and nobody saw it again before ${i} in the morning.`,
      answers: { text: [context.split(' ')[1]], answer_start: [4] },
    }));
    expect((await read(questions)).chosen).toBe('context');
    expect((await read(questions, 'answers.text')).first).toBe('cat');
  });

  test('a name that holds a dot is only a name', async () => {
    expect((await read(sentences.map((text) => ({ 'data.text': text })))).first).toBe(first);
    expect((await read(sentences.map((text) => ({ meta: { 'a.b': { text } }, id: 'x1' })))).first).toBe(first);
  });

  test('codes are no text: alone they are refused, and named', async () => {
    for (const id of [(i: number) => `${i}`, (i: number) => `doc-${i}`, (i: number) => `https://example.org/${'abc'[i % 3]}`])
      await expect(read(sentences.map((_, i) => ({ id: id(i), input_ids: [i] })))).rejects.toThrow(
        /r\.jsonl: no column holds text — expected sentences, got codes in "id"\./,
      );
    expect(
      (
        await read(
          sentences.map((_, i) => ({ id: `doc-${i}` })),
          'id',
        )
      ).first,
    ).toBe('doc-0');
    // Codes of letters alone lose against any sentence, however long they are.
    const letters = sentences.map((text, i) => ({ code: `${String.fromCodePoint(97 + i)}bcdefghijklmnopqrstuvw`, note: text }));
    expect((await read(letters)).chosen).toBe('note');
  });

  test('a usual name counts only if text stands there', async () => {
    expect((await read(sentences.map((story, i) => ({ text: '', document: `d${i}`, story })))).chosen).toBe('story');
  });

  test('molecules, proteins and words alone are read', () => {
    const kind = (name: string, values: readonly string[]): string => {
      const sample = new ColumnSample();
      for (const value of values) sample.add(value);
      return sample.kind(name);
    };
    expect(kind('smiles', ['c1ccccc1', 'C1CC1'])).toBe('text');
    expect(kind('molecule', ['CC(=O)O', 'C1CC1', 'CCO'])).toBe('text');
    expect(kind('sequence', ['MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPIL'])).toBe('text');
    expect(kind('word', ['apple', 'pear'])).toBe('words');
    expect(kind('satz', ['我們在河邊', '他們睡了'])).toBe('text');
    expect(kind('made_at', ['2024-01-02 10:11:12', '2024-01-03 09:00:00'])).toBe('codes');
  });

  test('Parquet: structs and lists', async () => {
    const bytes = new Uint8Array(
      parquetWriteBuffer({
        columnData: [
          { name: 'id', data: sentences.map((_, i) => `i${i}`) },
          { name: 'tokens', data: sentences.map((text) => text.split(' ')) },
          { name: 'chat', data: sentences.map((text) => [{ content: text, role: 'user' }]) },
          { name: 'data', data: sentences.map((text) => ({ text, n: 1 })) },
        ],
        schema: [
          { name: 'root', num_children: 4 },
          { name: 'id', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
          { name: 'tokens', converted_type: 'LIST', repetition_type: 'OPTIONAL', num_children: 1 },
          { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
          { name: 'element', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
          { name: 'chat', converted_type: 'LIST', repetition_type: 'OPTIONAL', num_children: 1 },
          { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
          { name: 'element', repetition_type: 'OPTIONAL', num_children: 2 },
          { name: 'content', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
          { name: 'role', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
          { name: 'data', repetition_type: 'OPTIONAL', num_children: 2 },
          { name: 'text', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
          { name: 'n', type: 'INT32', repetition_type: 'OPTIONAL' },
        ],
      }),
    );
    const table = given('t.parquet', bytes);
    const { columns, documents } = await gather(table);
    expect(columns).toEqual({ names: ['id', 'tokens', 'chat[].content', 'chat[].role', 'data.text'], chosen: 'chat[].content' });
    expect(documents.map(({ text }) => text)).toEqual(sentences);
    for (const path of ['tokens', 'data.text']) expect((await gather(table, path)).documents.map(({ text }) => text)).toEqual(sentences);
  });
});

describe('tables without quoting', () => {
  const row = (i: number, text: string): string => `${i}\t1\t${text}\n`;
  const tsv = (texts: readonly string[]): string => `index\tlabel\tsentence\n${texts.map((text, i) => row(i, text)).join('')}`;
  const readTable = async (path: string, content: string): Promise<{ texts: string[]; notices: readonly string[] }> => {
    const { documents, notices } = await gather(given(path, content));
    return { texts: documents.map(({ text }) => text), notices };
  };
  const notice =
    'a quote is opened in "10\\t1\\t\\"the goat slept by the tree." and not closed in its row, so quotes were read as plain characters, a row a line.';

  test.each([
    ['one quote that never closes', [10]],
    ['two that would make one long cell', [10, 15]],
  ])('TSV: %s', async (_, opened) => {
    const given = sentences.map((text, i) => (opened.includes(i) ? `"${text}` : text));
    expect(await readTable('glue.tsv', tsv(given))).toEqual({ texts: given, notices: [`glue.tsv: ${notice}`] });
  });

  test('TSV: a quote that closes at the end of a later row, or within its own', async () => {
    const across = sentences.map((text, i) => (i === 10 ? `"${text}` : i === 14 ? `${text}"` : text));
    expect((await readTable('a.tsv', tsv(across))).texts).toEqual(across);
    const within = sentences.map((text, i) => (i === 10 ? `"Sleep!" said ${text}` : text));
    expect((await readTable('b.tsv', tsv(within))).texts).toEqual(within);
  });

  test('a table of one column: a quote is told by its row, and there is no word of one where there is none', async () => {
    expect((await gather(given('one.tsv', ['sentence', ...sentences].join('\n')))).notices).toEqual([]);
    const { documents, notices } = await gather(given('one.tsv', ['sentence', ...sentences.with(3, `"${sentences[3]}`)].join('\n')));
    expect(documents).toHaveLength(sentences.length);
    expect(notices).toEqual([
      `one.tsv: a quote is opened in ${JSON.stringify(`"${sentences[3]}`)} and not closed in its row; it was read as it stands.`,
    ]);
  });

  test('TSV: cells that are quoted over lines stay so', async () => {
    const quoted = sentences.map((text, i) => (i % 3 === 0 ? `"${text}\nIt was ""tired""."` : text));
    expect((await readTable('q.tsv', tsv(quoted))).texts).toEqual(
      sentences.map((text, i) => (i % 3 === 0 ? `${text}\nIt was "tired".` : text)),
    );
  });

  test('TSV: the quote comes after more than one piece', async () => {
    const many = Array.from({ length: 60_000 }, (_, i) => `${i === 50_000 ? '"' : ''}sentence number ${i} of the table`);
    expect((await readTable('long.tsv', tsv(many))).texts).toEqual(many);
  });

  test('CSV: a quote that never closes costs its row nothing, and the other rows their quotes neither', async () => {
    const csv = `n,text\n${sentences.map((text, i) => (i === 10 ? `${i},"${text}` : i % 2 === 0 ? `${i},${text}` : `${i},"${text}, ""really"""`)).join('\n')}\n`;
    const { texts, notices } = await readTable('c.csv', csv);
    expect(texts).toEqual(sentences.map((text, i) => (i === 10 ? `"${text}` : i % 2 === 0 ? text : `${text}, "really"`)));
    expect(notices).toEqual([
      'c.csv: a quote is opened in "10,\\"the goat slept by the tree." and not closed in its row; it was read as it stands.',
    ]);
    const last = `n,text\n${sentences.map((text, i) => `${i},${i === 17 ? '"' : ''}${text}`).join('\n')}`;
    expect((await readTable('last.csv', last)).texts).toHaveLength(sentences.length);
  });

  test('delimiters within an unquoted text that comes last', async () => {
    const { texts, notices } = await readTable('u.csv', `n,text\n1,Yes, it slept\n2,plain\n`);
    expect(texts).toEqual(['Yes, it slept', 'plain']);
    expect(notices).toEqual([
      "u.csv: 1 rows have more cells than the header has names; what follows the text's column was read as the text's end.",
    ]);
  });

  test('a first row that is no header', async () => {
    const { documents, columns } = await gather(given('cola.tsv', sentences.map((text, i) => `gj04\t${i % 2}\t\t${text}\n`).join('')));
    expect(documents.map(({ text }) => text)).toEqual(sentences);
    expect(columns?.chosen).toBe('column 4');
  });
});

describe('files of data sets that hold no text as they are', () => {
  const latin = (text: string): Uint8Array => new TextEncoder().encode(text);
  test.each([
    [
      'data-00000-of-00001.arrow',
      Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x70, 0, 0, 0),
      /got an Arrow file\. Save it as Parquet or JSON Lines: in Python, load_from_disk/,
    ],
    ['cache.arrow', latin('ARROW1\0\0'), /got an Arrow file/],
    ['a.parquet', latin('version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 1\n'), /got a Git LFS pointer .*Run git lfs pull/],
    ['a.db', latin('SQLite format 3\0'), /got an SQLite file\. Save its table as CSV/],
  ])('%s', async (path, bytes, sentence) => {
    await expect(gather(given(path, bytes))).rejects.toThrow(sentence);
  });
});

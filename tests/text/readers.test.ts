import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, test } from 'vitest';
import { gather, given } from './gather.ts';

const texts = async (path: string, content: string | Uint8Array, column?: string): Promise<string[]> =>
  (await gather(given(path, content), column)).documents.map(({ text }) => text);

describe('plain text', () => {
  test('a small file is one document, whatever its line ends and byte order mark', async () => {
    expect(await texts('a.txt', 'one\r\ntwo\r\n')).toEqual(['one\ntwo']);
    expect(await texts('a.md', '\uFEFF# Title\n\nBody')).toEqual(['# Title\n\nBody']);
  });

  test('UTF-16 with a byte order mark is read', async () => {
    const content = Uint8Array.from([0xff, 0xfe, ...Buffer.from('né', 'utf16le')]);
    expect(await texts('a.txt', content)).toEqual(['né']);
  });

  test('a large file is cut into documents at blank lines, and nothing is lost', async () => {
    const paragraph = `${'word é '.repeat(400)}\n\n`;
    const content = paragraph.repeat(2000);
    const documents = await texts('big.txt', content);
    expect(documents.length).toBeGreaterThan(100);
    expect(documents.join('\n').replace(/\s+/g, ' ').trim()).toBe(content.replace(/\s+/g, ' ').trim());
  });

  test('a character that lies across two slices is read', async () => {
    const content = `${'a'.repeat((1 << 20) - 1)}é end`;
    expect((await texts('edge.txt', content)).join('')).toBe(content);
  });

  test('a line without end is cut at spaces', async () => {
    const content = 'word '.repeat(700_000);
    const documents = await texts('line.txt', content);
    expect(documents.join('').replace(/\s+/g, '')).toBe(content.replace(/\s+/g, ''));
  });
});

describe('JSON', () => {
  const lines = [
    { id: 'a1', text: 'First document', url: 'https://example.org/a/long/address/that/is/longer' },
    { id: 'a2', text: 'Second document', url: 'https://example.org/b' },
  ];

  test('JSON Lines give a record a document, from the field with a usual name', async () => {
    const { documents, columns } = await gather(given('c.jsonl', lines.map((line) => JSON.stringify(line)).join('\n')));
    expect(documents).toEqual([
      { name: 'c.jsonl, line 1', text: 'First document' },
      { name: 'c.jsonl, line 2', text: 'Second document' },
    ]);
    expect(columns).toEqual({ names: ['id', 'text', 'url'], chosen: 'text' });
  });

  test('content decides, not the name', async () => {
    expect(await texts('c.txt', `${JSON.stringify(lines[0])}\n`)).toEqual(['First document']);
  });

  test('the field can be chosen; a wrong one names those there are', async () => {
    const content = lines.map((line) => JSON.stringify(line)).join('\n');
    expect(await texts('c.jsonl', content, 'id')).toEqual(['a1', 'a2']);
    await expect(texts('c.jsonl', content, 'body')).rejects.toThrow('column — expected one of "id", "text", "url", got "body"');
  });

  test('an array of records is read too', async () => {
    expect(await texts('c.json', JSON.stringify(lines, null, 2))).toEqual(['First document', 'Second document']);
  });

  test('one object over many lines is a record, or holds a list of records', async () => {
    expect(await texts('o.json', JSON.stringify(lines[0], null, 2))).toEqual(['First document']);
    for (const indent of [0, 2]) {
      const { documents, notices } = await gather(given('d.json', JSON.stringify({ version: '1.1', data: lines }, null, indent)));
      expect(documents.map(({ text }) => text)).toEqual(['First document', 'Second document']);
      expect(notices).toEqual(['d.json: the records were read from its list "data".']);
    }
    expect(await texts('c.json', JSON.stringify({ text: ['One column', 'of texts'], label: [0, 1] }, null, 1))).toEqual([
      'One column',
      'of texts',
    ]);
  });

  test('objects one after the other over many lines are refused with the cure', async () => {
    const content = lines.map((line) => JSON.stringify(line, null, 2)).join('\n');
    await expect(texts('jq.json', content)).rejects.toThrow(
      /jq\.json: expected JSON Lines, .* got neither \(.*\)\. Mend it, or write a record a line, as jq -c does\./,
    );
  });

  test('more records than are sampled, and records without text', async () => {
    const many = Array.from({ length: 350 }, (_, i) => JSON.stringify(i % 50 === 0 ? { text: null } : { text: `number ${i}` }));
    const { documents, notices } = await gather(given('m.jsonl', many.join('\n')));
    expect(documents).toHaveLength(343);
    expect(notices).toEqual(['m.jsonl: 7 records hold no text in the chosen field and were left out.']);
  });

  test('a broken line is named', async () => {
    await expect(texts('b.jsonl', '{"text":"fine"}\n{"text": broken\n')).rejects.toThrow('b.jsonl: line 2 — expected JSON');
    await expect(texts('b.jsonl', '{"text":"fine"}\n[1]\n')).rejects.toThrow('line 2 — expected a JSON object, got an array');
  });

  test('field names of objects are only names', async () => {
    const { columns, documents } = await gather(given('p.jsonl', '{"__proto__":"some text here","constructor":"x"}\n'));
    expect(columns).toEqual({ names: ['__proto__', 'constructor'], chosen: '__proto__' });
    expect(documents[0]?.text).toBe('some text here');
  });
});

describe('tables', () => {
  test('CSV with quotes, commas and line ends in cells', async () => {
    const content = 'id,review\n1,"Good, ""very"" good\nindeed"\n2,Bad\n';
    const { documents, columns } = await gather(given('r.csv', content));
    expect(documents.map(({ text }) => text)).toEqual(['Good, "very" good\nindeed', 'Bad']);
    expect(columns).toEqual({ names: ['review'], chosen: 'review' });
  });

  test('rows lie across slices', async () => {
    const rows = Array.from({ length: 60_000 }, (_, i) => `${i};"line ${i}\nwith ; and ""quotes"" é"`);
    const documents = await texts('big.csv', `n;text\n${rows.join('\n')}`);
    expect(documents).toHaveLength(60_000);
    expect(documents[59_999]).toBe('line 59999\nwith ; and "quotes" é');
  });

  test('TSV, and a column by name', async () => {
    const content = 'source\ttarget\nhello world\tbonjour le monde\n';
    expect(await texts('t.tsv', content)).toEqual(['bonjour le monde']);
    expect(await texts('t.tsv', content, 'source')).toEqual(['hello world']);
  });

  test('a header alone, numbers alone and an unclosed quote have their own sentences', async () => {
    await expect(texts('h.csv', 'a,b\n')).rejects.toThrow('expected a header and rows below it');
    await expect(texts('n.csv', 'a,b\n1,2\n3,4\n')).rejects.toThrow('no column holds text');
    await expect(texts('q.csv', `a,b\n1,"${'open '.repeat(4_000_000)}`)).rejects.toThrow('a quote is opened and never closed');
  });

  test('Parquet, row groups and a column by content', async () => {
    const rows = Array.from({ length: 2500 }, (_, i) => i);
    const bytes = new Uint8Array(
      parquetWriteBuffer({
        columnData: [
          { name: 'key', data: rows.map((i) => `k${i}`), type: 'STRING' },
          { name: 'story', data: rows.map((i) => `Story number ${i} goes on`), type: 'STRING' },
          { name: 'score', data: rows, type: 'INT32' },
        ],
        rowGroupSize: 1000,
      }),
    );
    const { documents, columns } = await gather(given('s.parquet', bytes));
    expect(columns).toEqual({ names: ['key', 'story'], chosen: 'story' });
    expect(documents).toHaveLength(2500);
    expect(documents[2499]).toEqual({ name: 's.parquet, row 2500', text: 'Story number 2499 goes on' });
    expect(await texts('misnamed.txt', bytes, 'key')).toHaveLength(2500);
    await expect(texts('s.parquet', bytes.subarray(0, bytes.length - 100))).rejects.toThrow('expected a whole Parquet file');
    await expect(texts('s.parquet', bytes, 'score')).rejects.toThrow('expected one of "key", "story", got "score"');
  });
});

describe('what is not text', () => {
  test.each([
    ['empty.txt', new Uint8Array(0), 'the file is empty'],
    ['photo.txt', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0, 0, 0), 'this is a binary file'],
    ['latin.txt', Uint8Array.from(Buffer.from('one\ntwo café \nA', 'latin1')), 'not valid UTF-8 in line 2'],
    ['text.txt.gz', Uint8Array.of(0x1f, 0x8b, 8, 1, 2, 3), 'got a gzip file. Unpack it first.'],
    ['paper.pdf', new TextEncoder().encode('%PDF-1.7 text'), 'got a PDF file'],
  ])('%s', async (path, bytes, sentence) => {
    await expect(texts(path, bytes)).rejects.toThrow(sentence);
  });

  test('damage deep in a large file is found at its line', async () => {
    const bytes = new TextEncoder().encode('a line of text\n'.repeat(200_000));
    bytes[15 * 150_000 + 3] = 0xff;
    await expect(texts('deep.txt', bytes)).rejects.toThrow('not valid UTF-8 in line 150001');
  });
});

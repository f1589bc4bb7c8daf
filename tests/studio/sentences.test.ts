import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createSession } from '../../src/studio/session.ts';
import type { GivenFile } from '../../src/studio/api/files.ts';
import type { SentenceWish } from '../../src/studio/api/sentences.ts';
import { neighbours, pearson, spearman, type SentenceVectors } from '../../src/tasks/sentenceScores.ts';
import { readScoredPairs, type PairColumns, type ScoredPairs } from '../../src/text/readers/scoredPairs.ts';
import { textFileOf } from '../../src/text/textFile.ts';
import { POOLERS } from '../../src/models/sentencePooling.ts';

const HOME = new URL('../golden/sentences/', import.meta.url).pathname;

interface Expected {
  readonly sentences: readonly string[];
  readonly vectors: Readonly<Record<string, readonly (readonly number[])[]>>;
}

function isExpected(value: unknown): value is Expected {
  return typeof value === 'object' && value !== null && 'sentences' in value && 'vectors' in value;
}

/** By sentence-transformers, in float32 as here: see makeSentences.py. */
function expected(): Expected {
  const found: unknown = JSON.parse(readFileSync(join(HOME, 'vectors.json'), 'utf8'));
  if (!isExpected(found)) throw new Error('vectors.json: expected sentences and vectors.');
  return found;
}

/** The folder's files by path. */
function encoder(): Map<string, Uint8Array> {
  const root = join(HOME, 'encoder');
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) => /\.\w+$/.test(path));
  return new Map(paths.map((path) => [path, readFileSync(join(root, path))] as const));
}

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const given = (files: ReadonlyMap<string, Uint8Array>): GivenFile[] =>
  [...files].map(([path, bytes]) => ({ path, bytes: new Blob([Uint8Array.from(bytes)]) }));
const lines = (sentences: readonly string[]): GivenFile => ({ path: 's.txt', bytes: new Blob([sentences.join('\n')]) });

async function embedded(
  files: ReadonlyMap<string, Uint8Array>,
  wish: SentenceWish = {},
  sentences = expected().sentences,
): Promise<{ vectors: number[][]; notes: readonly string[]; pooling: string }> {
  const session = createSession();
  await session.engine('cpu', 1);
  const found = await session.embed({ name: 'small', files: given(files) }, [lines(sentences)], wish);
  const numbers = new Float32Array(found.vectors.buffer);
  const { width, notes, pooling } = found.encoder;
  return { vectors: sentences.map((_, i) => [...numbers.subarray(i * width, (i + 1) * width)]), notes, pooling };
}

/** Of numbers up to about 3; sums of float32 over two layers round to some 1e-6. */
function expectClose(got: readonly (readonly number[])[], wanted: readonly (readonly number[])[] | undefined): void {
  expect(got.length).toBe(wanted?.length);
  got.forEach((row, i) => {
    expect(row.length).toBe(wanted?.[i]?.length);
    row.forEach((number, at) => expect(Math.abs(number - (wanted?.[i]?.[at] ?? NaN)), `${i}, ${at}`).toBeLessThan(1e-5));
  });
}

/** Files whose folder says nothing of pooling. */
function plain(): Map<string, Uint8Array> {
  return new Map([...encoder()].filter(([path]) => !path.includes('/') && path !== 'modules.json'));
}

describe('vectors of sentences are those of sentence-transformers', () => {
  test('through poolers side by side, a dense layer and normalisation, with a prompt and without', async () => {
    const found = await embedded(encoder());
    expectClose(found.vectors, expected().vectors['folder']);
    expect(found.pooling).toBe('cls and mean and max, dense to 7, normalised');
    expect(found.notes).toEqual(['2 of 5 sentences are longer than its 10 tokens and were cut.']);
    const asked = await embedded(encoder(), { prompt: 'query' });
    expectClose(asked.vectors, expected().vectors['folder, query']);
    expect(asked.notes[0]).toBe('"the woman " is set before every sentence.');
  });

  for (const pooler of POOLERS)
    test(`by ${pooler}, as versions 6 and 2 write it`, async () => {
      const modules = (kind: string): Uint8Array =>
        json([
          {
            idx: 0,
            name: '0',
            path: '',
            type:
              kind === 'new' ? 'sentence_transformers.base.modules.transformer.Transformer' : 'sentence_transformers.models.Transformer',
          },
          {
            idx: 1,
            name: '1',
            path: '1_Pooling',
            type:
              kind === 'new'
                ? 'sentence_transformers.sentence_transformer.modules.pooling.Pooling'
                : 'sentence_transformers.models.Pooling',
          },
        ]);
      const old = {
        cls: 'cls_token',
        max: 'max_tokens',
        mean: 'mean_tokens',
        mean_sqrt_len_tokens: 'mean_sqrt_len_tokens',
        weightedmean: 'weightedmean_tokens',
        lasttoken: 'lasttoken',
      };
      const forms = {
        new: { embedding_dimension: 12, pooling_mode: pooler },
        old: { word_embedding_dimension: 12, [`pooling_mode_${old[pooler]}`]: true },
      };
      for (const [kind, form] of Object.entries(forms)) {
        const files = plain().set('modules.json', modules(kind)).set('1_Pooling/config.json', json(form));
        expectClose((await embedded(files)).vectors, expected().vectors[pooler]);
      }
      // The folder's own limit of length is its tokenizer's; without modules.json it is the model's.
      const short = expected().sentences.slice(1, 4);
      expectClose((await embedded(plain(), { pooler }, short)).vectors, expected().vectors[pooler]?.slice(1, 4));
    });

  test('in the layout of version 1, whose encoder has a folder of its own', async () => {
    const files = new Map(
      [...plain()].map(([path, bytes]) => [path.startsWith('config_sentence') ? path : `0_BERT/${path}`, bytes] as const),
    );
    files.set(
      'modules.json',
      json([
        { idx: 0, name: '0', path: '0_BERT', type: 'sentence_transformers.models.Transformer' },
        { idx: 1, name: '1', path: '1_Pooling', type: 'sentence_transformers.models.Pooling' },
      ]),
    );
    files.set('1_Pooling/config.json', json({ word_embedding_dimension: 12, pooling_mode_mean_tokens: true }));
    expectClose((await embedded(files)).vectors, expected().vectors['mean']);
  });

  test('without modules.json by the mean, and says so', async () => {
    const found = await embedded(plain(), {}, ['a cat']);
    expectClose(found.vectors, [expected().vectors['mean']?.[1] ?? []]);
    expect(found.notes[0]).toMatch(/no modules\.json: the mean .* --pooling chooses another/);
  });
});

describe('what is not understood is refused by name', () => {
  const edited = (path: string, change: (settings: object) => unknown): Map<string, Uint8Array> => {
    const files = encoder();
    const settings: unknown = JSON.parse(new TextDecoder().decode(files.get(path)));
    return files.set(path, json(change(typeof settings === 'object' && settings !== null ? settings : {})));
  };
  const renamed = (list: object, from: string, to: string): unknown => JSON.parse(JSON.stringify(Object.values(list)).replace(from, to));
  const without = (path: string): Map<string, Uint8Array> => {
    const files = encoder();
    files.delete(path);
    return files;
  };
  const cases: readonly [string, Map<string, Uint8Array>, SentenceWish, RegExp][] = [
    [
      'a module of another kind',
      edited('modules.json', (list) => renamed(list, 'dense.Dense', 'lstm.LSTM')),
      {},
      /modules\.json — expected Pooling, then Dense or Normalize, got LSTM/,
    ],
    [
      'code from elsewhere',
      edited('modules.json', (list) => renamed(list, 'sentence_transformers.base.modules.dense', 'mine')),
      {},
      /module 2 — expected one of sentence-transformers' own modules, got "mine\.Dense"/,
    ],
    [
      'no pooler',
      edited('modules.json', (list) => Object.values<unknown>({ ...list }).slice(0, 1)),
      {},
      /expected Pooling after the encoder, got none/,
    ],
    [
      'another width',
      edited('1_Pooling/config.json', (settings) => ({ ...settings, embedding_dimension: 16 })),
      {},
      /1_Pooling\/config\.json, embedding_dimension — expected 12, the encoder's width, got 16/,
    ],
    [
      'another pooler',
      edited('1_Pooling/config.json', (settings) => ({ ...settings, pooling_mode: 'attention' })),
      {},
      /pooling_mode — expected some of cls, max, .*, got "attention"/,
    ],
    [
      'prompts left out of the pooling',
      edited('1_Pooling/config.json', (settings) => ({ ...settings, include_prompt: false })),
      {},
      /include_prompt — expected true, got false/,
    ],
    [
      'a pooler without its file',
      without('1_Pooling/config.json'),
      {},
      /1_Pooling\/config\.json — expected the file that modules\.json asks for, got none/,
    ],
    [
      'a dense layer of another width',
      edited('2_Dense/config.json', (settings) => ({ ...settings, in_features: 12 })),
      {},
      /in_features — expected 36, the width of what it reads, got 12/,
    ],
    [
      'another activation',
      edited('2_Dense/config.json', (settings) => ({ ...settings, activation_function: 'torch.nn.modules.activation.SiLU' })),
      {},
      /activation_function — expected one of .*Tanh.*, got "torch\.nn\.modules\.activation\.SiLU"/,
    ],
    [
      'a residual',
      edited('2_Dense/config.json', (settings) => ({ ...settings, use_residual: true })),
      {},
      /use_residual — expected false, got true/,
    ],
    [
      'weights of another shape',
      edited('2_Dense/config.json', (settings) => ({ ...settings, out_features: 8 })),
      {},
      /linear\.weight — expected numbers of shape \[8, 36\], got \[7, 36\]/,
    ],
    ['no weights', without('2_Dense/model.safetensors'), {}, /2_Dense\/ — expected the layer's weights .*, got none/],
    ['an unknown prompt', encoder(), { prompt: 'question' }, /prompt — expected one of document, query, got question/],
    [
      'a default prompt that is not there',
      edited('config_sentence_transformers.json', (settings) => ({ ...settings, default_prompt_name: 'nothing' })),
      {},
      /default_prompt_name — expected one of document, query, got nothing/,
    ],
    [
      'another pooling than the folder says',
      encoder(),
      { pooler: 'cls' },
      /pooling — expected cls and mean and max, as its folder says, got cls/,
    ],
  ];
  for (const [name, files, wish, message] of cases)
    test(name, async () => {
      await expect(embedded(files, wish)).rejects.toThrow(message);
    });

  test('a text without sentences', async () => {
    await expect(embedded(encoder(), {}, ['', ' '])).rejects.toThrow(/expected sentences, got none/);
  });
});

describe('scored pairs', () => {
  const table = (text: string, path = 'pairs.csv'): GivenFile => ({ path, bytes: new Blob([text]) });
  const small = { name: 'small', files: given(encoder()) };
  const PAIRS =
    'sentence1,sentence2,score\nthe man is playing,the man plays,5\na cat,a river,0.5\nthe red house,a house,4\nno,a cat by the river,1\n';

  test('judge a teacher, and a student beside it', async () => {
    const session = createSession();
    await session.engine('cpu', 1);
    const judged = await session.judgePairs(table(PAIRS), undefined, small, { name: 'plain', files: given(plain()) }, {});
    expect(judged).toMatchObject({ pairs: 4, columns: { first: 'sentence1', second: 'sentence2', score: 'score' } });
    expect(judged.teacher.spearman).toBeGreaterThanOrEqual(-1);
    expect(judged.student?.encoder).toMatchObject({ width: 36, pooling: 'cls and mean and max, normalised' });
    expect(judged.student?.encoder.notes[0]).toMatch(/does not say how it pools: as its teacher does without its dense layer/);
    expect(judged.student?.beside.cosine).toBeNull();
    const itself = await session.judgePairs(table(PAIRS), undefined, small, small, {});
    expect(itself.student?.spearman).toBe(itself.teacher.spearman);
    expect(itself.student?.beside.similarities).toBeCloseTo(1, 12);
    expect(itself.student?.beside.cosine).toBeCloseTo(1, 6);
    expect(itself.student?.beside.neighbours).toEqual({ sentences: 8, first: 1, found: 1, overlap: 1, among: 7 });
  });

  const refused: readonly [string, GivenFile, RegExp][] = [
    ['a score that is text', table(`${PAIRS}a,b,much\n`), /row 5, score — expected a number, got "much"/],
    [
      'scores that are all the same',
      table('sentence1,sentence2,score\na cat,no,1\nno,a cat,1\n'),
      /score — expected scores that differ, got 1 alone/,
    ],
    ['one pair', table('sentence1,sentence2,score\na cat,no,1\n'), /expected at least two pairs to correlate, got 1/],
    [
      'sentences without a score',
      table('sentence1,sentence2\na cat is red,no man\nthe man,a cat is by the river\n'),
      /expected two columns of sentences and one of scores, got "sentence1", "sentence2"/,
    ],
    ['plain text', table('a cat\nno\n', 'pairs.txt'), /expected pairs with scores as CSV, TSV or JSON Lines, got plain text/],
  ];
  for (const [name, file, message] of refused)
    test(`${name} is refused`, async () => {
      await expect(createSession().judgePairs(file, undefined, small, undefined, {})).rejects.toThrow(message);
    });

  test('are found by content, by name, and in JSON Lines', async () => {
    const read = (text: string, path: string, wanted?: PairColumns): Promise<ScoredPairs> =>
      readScoredPairs(textFileOf(path, new TextEncoder().encode(text)), wanted, { columns: () => undefined, notice: () => undefined });
    const headless = await read(
      'A plane is taking off.,An air plane is taking off.,5.0\n"A man, smiling.",Nobody at all is here.,0.4\n',
      'sts.csv',
    );
    expect(headless.pairs).toEqual([
      { first: 'A plane is taking off.', second: 'An air plane is taking off.', score: 5 },
      { first: 'A man, smiling.', second: 'Nobody at all is here.', score: 0.4 },
    ]);
    const records =
      '{"id": 1, "a": "the first one here", "b": "a second one there", "gold": 0.5}\n{"id": 2, "a": "one more of them", "b": "and the last", "gold": 0}\n';
    expect((await read(records, 'sts.jsonl')).columns).toEqual({ first: 'a', second: 'b', score: 'gold' });
    const wanted = { first: 'b', second: 'a', score: 'id' };
    expect((await read(records, 'sts.jsonl', wanted)).pairs[1]).toEqual({ first: 'and the last', second: 'one more of them', score: 2 });
    await expect(read(records, 'sts.jsonl', { ...wanted, score: 'x' })).rejects.toThrow(
      /column — expected some of "a", "b", "id", "gold", got "x"/,
    );
  });
});

describe('scores', () => {
  test('correlations are those of SciPy 1.17, ties and all', () => {
    const a = [0.1, 0.5, 0.5, 0.9, -0.3, 0.2];
    const b = [1, 3, 2, 5, 0, 3];
    // scipy.stats.pearsonr and spearmanr of these lists.
    expect(pearson(a, b)).toBeCloseTo(0.905739413327705, 12);
    expect(spearman(a, b)).toBeCloseTo(0.8676470588235294, 12);
    expect(spearman([1, 1, 1], [1, 2, 3])).toBe(0);
  });

  test('neighbours that a student moves are counted', () => {
    const circle = (angles: readonly number[]): SentenceVectors => ({
      width: 2,
      data: Float32Array.from(angles.flatMap((x) => [Math.cos(x), Math.sin(x)])),
    });
    // The nearest of 0 is 1, of 1 is 0, of 2 is 3, of 3 is 2; the student swaps places of 1 and 2.
    const found = neighbours(circle([0, 0.1, 1, 1.2]), circle([0, 1, 0.1, 1.2]));
    expect(found).toEqual({ first: 0, found: 1, overlap: 1, among: 3 });
    const many = Array.from({ length: 40 }, (_, i) => 1.05 ** i);
    expect(neighbours(circle(many), circle(many.map((x) => x + 1)))).toEqual({ first: 1, found: 1, overlap: 1, among: 10 });
  });
});

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEMO_TEXT, filesOf } from '../../src/cli/files.ts';
import { configFile, weightsFile } from '../../src/export/checkpointFiles.ts';
import { parseConfig } from '../../src/models/config.ts';
import { freshModel } from '../../src/models/freshModel.ts';
import { encoderShapes } from '../../src/models/model.ts';
import { openBytes } from '../../src/tensor/byteSource.ts';
import { Random } from '../../src/tensor/random.ts';
import { readStoredIds, storedTokenizer } from '../../tests/text/pythonIds/stored.ts';

/** Entries of XLM-RoBERTa's vocabulary, and so of multilingual-e5-small's but for some rows that no text needs. */
export const ENTRIES = 250_002;
const MARK = '\u2581';
/** Of made-up words, by script: enough for every language that has none here. */
const SCRIPTS = [
  'aeioubdfgklmnprstvz',
  'абвгдежзиклмнопрстуфхця',
  'αβγδεζηθικλμνοπρστυφχψω',
  'אבגדהוזחטיכלמנסעפצקרשת',
  'अआइईउऊएऐकखगघचछजझटठडढणतथदधन',
  'あいうえおかきくけこさしすせそたちつてと',
];

type Piece = readonly [string, number];

/**
 * A vocabulary of Unigram pieces: those that the odd lines were read with, the prose's words and their beginnings by use, then
 * made-up words of six scripts.
 */
function pieces(known: readonly Piece[], prose: string): Piece[] {
  const found = new Map(known);
  const uses = new Map<string, number>();
  for (const word of prose.split(/\s+/))
    for (let length = 1; length <= word.length; length++) {
      const piece = MARK + word.slice(0, length);
      uses.set(piece, (uses.get(piece) ?? 0) + (length === word.length ? 4 : 1));
    }
  const sum = [...uses.values()].reduce((total, count) => total + count, 0);
  for (const [piece, count] of [...uses].toSorted(([, a], [, b]) => b - a)) if (!found.has(piece)) found.set(piece, Math.log(count / sum));
  const random = new Random(1);
  while (found.size < ENTRIES - 1) {
    const letters = Array.from(SCRIPTS[Math.floor(SCRIPTS.length * random.uniform())] ?? '');
    const length = 3 + Math.floor(6 * random.uniform());
    const word = Array.from({ length }, () => letters[Math.floor(letters.length * random.uniform())] ?? '').join('');
    const piece = random.uniform() < 0.6 ? MARK + word : word;
    if (!found.has(piece)) found.set(piece, -14 - 2 * random.uniform());
  }
  return [...found];
}

/** Writes a BERT of 12 layers x 384 with random weights and a Unigram vocabulary of 250,002 entries. */
export async function writeLargeCheckpoint(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const stored = readStoredIds();
  const tokenizer: unknown = JSON.parse(storedTokenizer(stored, stored.kinds['Unigram, XLM-RoBERTa']?.tokenizer ?? {}));
  if (!isUnigram(tokenizer)) throw new Error('ids.json.gz: expected a Unigram tokenizer. Make it anew with make_ids.py.');
  let prose = '';
  for (const { bytes } of filesOf(DEMO_TEXT)) {
    const source = openBytes(bytes);
    prose += new TextDecoder().decode(await source.read(0, source.size));
  }
  const special = new Set(tokenizer.added_tokens.map(({ content }) => content));
  const vocab: Piece[] = [
    ...pieces(
      tokenizer.model.vocab.filter(([piece]) => piece !== '<mask>'),
      prose,
    ),
    ['<mask>', 0],
  ];
  const ids = new Map(vocab.map(([piece], id) => [piece, id]));
  const at = (token: string): { id: string; ids: number[]; tokens: string[] } => ({
    id: token,
    ids: [ids.get(token) ?? -1],
    tokens: [token],
  });
  const single = [
    { SpecialToken: { id: '<s>', type_id: 0 } },
    { Sequence: { id: 'A', type_id: 0 } },
    { SpecialToken: { id: '</s>', type_id: 0 } },
  ];
  const json = {
    ...tokenizer,
    added_tokens: tokenizer.added_tokens.map((token) => ({ ...token, id: ids.get(token.content) ?? -1 })),
    post_processor: { type: 'TemplateProcessing', single, pair: single, special_tokens: { '<s>': at('<s>'), '</s>': at('</s>') } },
    model: { ...tokenizer.model, vocab },
  };
  const write = (name: string, content: string): void => writeFileSync(join(folder, name), content);
  write('tokenizer.json', JSON.stringify(json));
  write(
    'tokenizer_config.json',
    JSON.stringify({
      tokenizer_class: 'XLMRobertaTokenizer',
      ...Object.fromEntries(
        [
          ['bos', '<s>'],
          ['cls', '<s>'],
          ['eos', '</s>'],
          ['sep', '</s>'],
          ['pad', '<pad>'],
          ['unk', '<unk>'],
          ['mask', '<mask>'],
        ].flatMap(([role, token]) => (special.has(token ?? '') ? [[`${role}_token`, token]] : [])),
      ),
      model_max_length: 512,
    }),
  );
  const config = parseConfig({
    model_type: 'bert',
    vocab_size: ENTRIES,
    hidden_size: 384,
    num_hidden_layers: 12,
    num_attention_heads: 12,
    intermediate_size: 1536,
    hidden_act: 'gelu',
    max_position_embeddings: 512,
    type_vocab_size: 2,
    initializer_range: 0.02,
    layer_norm_eps: 1e-12,
    pad_token_id: 0,
  });
  const model = freshModel(config, 1);
  const encoder = new Map([...model.tensors].filter(([name]) => encoderShapes(config).has(name)));
  for (const file of [configFile({ config, tensors: encoder }, []), weightsFile({ config, tensors: encoder }, 'fp32')]) {
    const parts: Uint8Array[] = [];
    for await (const piece of file.pieces) parts.push(piece);
    writeFileSync(join(folder, file.path), Buffer.concat(parts));
  }
}

interface UnigramJson {
  readonly added_tokens: readonly { readonly content: string }[];
  readonly model: { readonly vocab: readonly Piece[] };
}

function isUnigram(value: unknown): value is UnigramJson {
  return typeof value === 'object' && value !== null && 'added_tokens' in value && 'model' in value;
}

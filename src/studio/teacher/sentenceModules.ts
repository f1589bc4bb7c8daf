import { familyOf } from '../../models/families/registry.ts';
import type { ModelConfig } from '../../models/config.ts';
import { longestSequence } from '../../models/model.ts';
import {
  POOLERS,
  vectorWidth,
  type DenseActivation,
  type Pooler,
  type SentenceDense,
  type SentencePooling,
} from '../../models/sentencePooling.ts';
import { shownName, shownValue } from '../../tensor/shown.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { GivenFile } from '../api/files.ts';
import { openFolder, readJson, type CheckpointFolder } from './checkpointFolder.ts';

/** What a sentence-transformers folder says beside its encoder. */
export interface SentenceModules {
  readonly pooling: SentencePooling;
  /** Tokens that a sentence may have, the special ones too; what is beyond is cut. */
  readonly longest: number;
  /** Whether text is lowered before it is cut into tokens. */
  readonly lowercase: boolean;
  /** What is set before a text, by what the text is: `query`, `document` and others. */
  readonly prompts: ReadonlyMap<string, string>;
  /** Which of them is set before a text of no named kind. */
  readonly defaultPrompt: string | undefined;
}

/**
 * What an encoder's folder says, if it is sentence-transformers'.
 * @throws StudioError as {@link readSentenceModules}, and if the wish contradicts the folder
 */
export async function modulesGiven(
  subject: string,
  files: readonly GivenFile[],
  config: ModelConfig,
  { pooler }: { readonly pooler?: Pooler },
): Promise<SentenceModules | undefined> {
  const found = await readSentenceModules(subject, await openFolder(subject, files), config);
  if (found !== undefined && pooler !== undefined && found.pooling.poolers.join() !== pooler)
    throw new StudioError(
      'checkpoint',
      `${subject}: pooling — expected ${found.pooling.poolers.join(' and ')}, as its folder says, got ${pooler}. Leave the option out.`,
    );
  return found;
}

export function poolingInWords({ poolers, layers }: SentencePooling): string {
  return [poolers.join(' and '), ...layers.map((layer) => (layer === 'normalize' ? 'normalised' : `dense to ${layer.outputs}`))].join(', ');
}

/** An encoder whose folder says nothing of sentences: one pooler, whole sentences, no prompts. */
export function plainModules(config: ModelConfig, pooler: Pooler): SentenceModules {
  return {
    pooling: { poolers: [pooler], layers: [] },
    longest: longestSequence(config),
    lowercase: false,
    prompts: new Map(),
    defaultPrompt: undefined,
  };
}

/** The prompt that is set before a text, as its name or the folder's default says; empty if there is none. @throws StudioError if there is none of this name */
export function promptOf(name: string, { prompts, defaultPrompt }: SentenceModules, wanted: string | undefined): string {
  const chosen = wanted ?? defaultPrompt;
  if (chosen === undefined) return '';
  const prompt = prompts.get(chosen);
  if (prompt !== undefined) return prompt;
  const known = [...prompts.keys()].map(shownName).join(', ');
  throw new StudioError(
    'checkpoint',
    `${name}: prompt — expected ${known === '' ? 'none, as its folder names none' : `one of ${known}`}, got ${shownName(chosen)}.`,
  );
}

/** Settings of a pooler, as versions 1 to 5 write them; they are concatenated in this order. */
const OLD_POOLERS: readonly (readonly [setting: string, pooler: (typeof POOLERS)[number]])[] = [
  ['pooling_mode_cls_token', 'cls'],
  ['pooling_mode_max_tokens', 'max'],
  ['pooling_mode_mean_tokens', 'mean'],
  ['pooling_mode_mean_sqrt_len_tokens', 'mean_sqrt_len_tokens'],
  ['pooling_mode_weightedmean_tokens', 'weightedmean'],
  ['pooling_mode_lasttoken', 'lasttoken'],
];
const DENSE_ACTIVATIONS: ReadonlyMap<unknown, DenseActivation> = new Map([
  ['torch.nn.modules.linear.Identity', 'identity'],
  ['torch.nn.modules.activation.Tanh', 'tanh'],
  ['torch.nn.modules.activation.ReLU', 'relu'],
  ['torch.nn.modules.activation.Sigmoid', 'sigmoid'],
]);
/** Of versions 2 to 5, and of 6. */
const TYPES = /^sentence_transformers\.(?:models|base\.modules\.\w+|sentence_transformer\.modules\.\w+)\.(?<name>\w+)$/;
const UNDERSTOOD = 'Understood are Transformer, Pooling, Dense and Normalize, in this order.';

/**
 * Reads `modules.json` and what it names: poolers in their old and new form, dense layers, normalisation, prompts, the longest
 * sentence.
 *
 * @param subject what the user knows the checkpoint by @returns undefined if the folder is not sentence-transformers'
 * @throws StudioError naming the file and what is not understood: a vector must not silently be another one
 */
export async function readSentenceModules(
  subject: string,
  folder: CheckpointFolder,
  config: ModelConfig,
): Promise<SentenceModules | undefined> {
  const { files } = folder.paths;
  const list = [...files.keys()].filter((path) => /(^|\/)modules\.json$/.test(path)).toSorted((a, b) => a.length - b.length)[0];
  if (list === undefined) return undefined;
  const root = list.slice(0, -'modules.json'.length);
  const [first, ...others] = await modulesOf(subject, root, folder);
  if (first?.type !== 'Transformer')
    throw refused(subject, 'modules.json', 'an encoder (Transformer) first', shownName(first?.type ?? 'nothing'));
  let pooling: SentencePooling | undefined;
  for (const { type, path } of others) {
    if (type === 'Pooling' && pooling === undefined) pooling = { poolers: await poolersOf(subject, path, folder, config), layers: [] };
    else if (type === 'Normalize' && pooling !== undefined) pooling = { ...pooling, layers: [...pooling.layers, 'normalize'] };
    else if (type === 'Dense' && pooling !== undefined) {
      const dense = await denseLayer(subject, path, folder, vectorWidth(pooling, config.hiddenSize));
      pooling = { ...pooling, layers: [...pooling.layers, dense] };
    } else if (type !== 'Dropout') throw refused(subject, 'modules.json', 'Pooling, then Dense or Normalize', shownName(type));
  }
  if (pooling === undefined) throw refused(subject, 'modules.json', 'Pooling after the encoder', 'none');
  const [about, encoder, tokenizer] = await Promise.all([
    settingsOf(`${root}config_sentence_transformers.json`, folder),
    settingsOf(`${first.path}sentence_bert_config.json`, folder),
    settingsOf(`${first.path}tokenizer_config.json`, folder),
  ]);
  const prompts = promptsOf(subject, about.get('prompts'));
  const defaultPrompt = about.get('default_prompt_name');
  if (typeof defaultPrompt === 'string' && !prompts.has(defaultPrompt))
    throw refused(
      subject,
      'config_sentence_transformers.json, default_prompt_name',
      `one of ${listed(prompts.keys())}`,
      shownName(defaultPrompt),
      'Name one of them there.',
    );
  return {
    pooling,
    longest: longestOf(subject, config, encoder.get('max_seq_length'), tokenizer.get('model_max_length')),
    lowercase: encoder.get('do_lower_case') === true,
    prompts,
    defaultPrompt: typeof defaultPrompt === 'string' ? defaultPrompt : undefined,
  };
}

interface ModuleEntry {
  readonly type: string;
  /** Its folder, with a slash at the end. */
  readonly path: string;
}

async function modulesOf(subject: string, root: string, folder: CheckpointFolder): Promise<ModuleEntry[]> {
  const source = folder.paths.files.get(`${root}modules.json`);
  const json = source === undefined ? undefined : await readJson('modules.json', source);
  if (!Array.isArray(json) || json.length === 0) throw refused(subject, 'modules.json', 'a list of modules', shownValue(json));
  return json.map((entry: unknown, at) => {
    const settings = entriesOf(entry);
    const [type, path] = [settings.get('type'), settings.get('path') ?? ''];
    const name = typeof type === 'string' ? TYPES.exec(type)?.groups?.['name'] : undefined;
    if (name === undefined || typeof path !== 'string')
      throw refused(subject, `modules.json, module ${at}`, "one of sentence-transformers' own modules", shownValue(type));
    return { type: name, path: path === '' ? root : `${root}${path}/` };
  });
}

async function poolersOf(
  subject: string,
  path: string,
  folder: CheckpointFolder,
  { hiddenSize }: ModelConfig,
): Promise<SentencePooling['poolers']> {
  const where = shownName(`${path}config.json`);
  const settings = await neededSettings(subject, `${path}config.json`, folder);
  const width = settings.get('embedding_dimension') ?? settings.get('word_embedding_dimension');
  if (width !== hiddenSize)
    throw refused(subject, `${where}, embedding_dimension`, `${hiddenSize}, the encoder's width`, shownValue(width));
  if (settings.get('include_prompt') === false)
    throw refused(subject, `${where}, include_prompt`, 'true', 'false', 'Prompts that are left out of the pooling are not read.');
  const given = settings.get('pooling_mode');
  if (given === undefined) {
    const old = OLD_POOLERS.filter(([setting]) => settings.get(setting) === true).map(([, pooler]) => pooler);
    return old.length === 0 ? ['mean'] : old;
  }
  const names: readonly unknown[] = Array.isArray(given) ? given : [given];
  return names.map((name) => {
    const pooler = POOLERS.find((one) => one === name);
    if (pooler === undefined) throw refused(subject, `${where}, pooling_mode`, `some of ${POOLERS.join(', ')}`, shownValue(name));
    return pooler;
  });
}

/** @param width of what it reads */
async function denseLayer(subject: string, path: string, folder: CheckpointFolder, width: number): Promise<SentenceDense> {
  const where = shownName(`${path}config.json`);
  const settings = await neededSettings(subject, `${path}config.json`, folder);
  const [inputs, outputs] = [settings.get('in_features'), settings.get('out_features')];
  if (inputs !== width) throw refused(subject, `${where}, in_features`, `${width}, the width of what it reads`, shownValue(inputs));
  if (typeof outputs !== 'number' || !Number.isInteger(outputs) || outputs < 1 || outputs > 2 ** 17)
    throw refused(subject, `${where}, out_features`, 'a whole number from 1', shownValue(outputs));
  const activation = DENSE_ACTIVATIONS.get(settings.get('activation_function') ?? 'torch.nn.modules.activation.Tanh');
  if (activation === undefined)
    throw refused(
      subject,
      `${where}, activation_function`,
      `one of ${listed(DENSE_ACTIVATIONS.keys())}`,
      shownValue(settings.get('activation_function')),
    );
  for (const [setting, usual] of [
    ['use_residual', false],
    ['module_input_name', 'sentence_embedding'],
    ['module_output_name', 'sentence_embedding'],
  ] as const) {
    const value = settings.get(setting) ?? usual;
    if (value !== usual) throw refused(subject, `${where}, ${setting}`, String(usual), shownValue(value));
  }
  const file = [...folder.paths.weights].find(([name]) => name === `${path}model.safetensors` || name === `${path}pytorch_model.bin`)?.[1];
  if (file === undefined) throw refused(subject, shownName(path), "the layer's weights (model.safetensors or pytorch_model.bin)", 'none');
  const stored = await file.open(familyOf(undefined));
  const numbers = async (name: string, shape: readonly number[]): Promise<Float32Array> => {
    const tensor = stored.get(name);
    if (tensor === undefined || tensor.read === null || tensor.shape.join() !== shape.join())
      throw refused(
        subject,
        `${shownName(path)}, ${name}`,
        `numbers of shape [${shape.join(', ')}]`,
        tensor === undefined ? 'none' : `[${tensor.shape.join(', ')}]`,
      );
    return tensor.read();
  };
  return {
    inputs: width,
    outputs,
    weight: await numbers('linear.weight', [outputs, width]),
    bias: settings.get('bias') === false ? undefined : await numbers('linear.bias', [outputs]),
    activation,
  };
}

function promptsOf(subject: string, given: unknown): Map<string, string> {
  const prompts = new Map<string, string>();
  for (const [name, prompt] of entriesOf(given)) {
    if (typeof prompt !== 'string')
      throw refused(subject, `config_sentence_transformers.json, prompts, ${shownName(name)}`, 'a text', shownValue(prompt));
    prompts.set(name, prompt);
  }
  return prompts;
}

/** @param given a limit each, if a file says one */
function longestOf(subject: string, config: ModelConfig, given: unknown, tokenizers: unknown): number {
  const most = longestSequence(config);
  const wanted = given ?? tokenizers ?? most;
  // Tokenizers without a limit say a number beyond all.
  if (typeof wanted !== 'number' || !(wanted >= 3))
    throw refused(subject, 'sentence_bert_config.json, max_seq_length', `a whole number from 3 to ${most}`, shownValue(wanted));
  return Math.min(most, Math.floor(wanted));
}

async function neededSettings(subject: string, path: string, folder: CheckpointFolder): Promise<Map<string, unknown>> {
  if (!folder.paths.files.has(path)) throw refused(subject, shownName(path), 'the file that modules.json asks for', 'none');
  return settingsOf(path, folder);
}

/** Of a file that may be absent. */
async function settingsOf(path: string, { paths }: CheckpointFolder): Promise<Map<string, unknown>> {
  const source = paths.files.get(path);
  return source === undefined ? new Map() : entriesOf(await readJson(shownName(path), source));
}

function entriesOf(value: unknown): Map<string, unknown> {
  return new Map<string, unknown>(typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : []);
}

function listed(names: Iterable<unknown>): string {
  return [...names].map((name) => shownName(String(name))).join(', ') || 'none';
}

function refused(subject: string, where: string, expected: string, got: string, cure = UNDERSTOOD): StudioError {
  return new StudioError('checkpoint', `${subject}: ${where} — expected ${expected}, got ${got}. ${cure}`);
}

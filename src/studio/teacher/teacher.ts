import { blueprintOf } from '../../models/blueprint.ts';
import { parseConfig, type ModelConfig } from '../../models/config.ts';
import { familyOf } from '../../models/families/registry.ts';
import { encoderShapes, longestSequence, parameterShapes, type BertModel } from '../../models/model.ts';
import { mapTensors, type FoundTensor, type HeadState, type TensorCopy, type TensorMap } from '../../models/tensorMap.ts';
import type { StoredTensors } from '../../formats/storedTensor.ts';
import { readWhole } from '../../tensor/byteSource.ts';
import { sizeOf } from '../../tensor/shape.ts';
import { shownName } from '../../tensor/shown.ts';
import { StudioError } from '../../tensor/studioError.ts';
import { maskedWords } from '../../tasks/maskedWords.ts';
import type { Task } from '../../tasks/task.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { tokenizerFrom, withinTable, type TextTokenizer } from '../../text/tokenizer.ts';
import { mergeTokenizerFiles, type MergedTokenizer } from '../../text/tokenizerFiles.ts';
import type { HeadFit } from '../../training/fitHead.ts';
import { openFolder, openWeights, readJson } from './checkpointFolder.ts';
import { foldedAway, isModelConfig, knownFamily, otherForm, otherTokenizer, refuseOtherPrograms } from './otherForms.ts';
import type { GivenFile } from '../api/files.ts';
import type { StudioListener } from '../api/run.ts';
import type { TeacherReport } from '../api/teacher.ts';
import type { VocabularyCut } from '../api/text.ts';
import type { TeacherSentences } from './sentenceTeacher.ts';
import { licenceOf } from './teacherLicence.ts';
import { shapeOf } from './teacherShape.ts';

/** A checkpoint that has been read, checked, and can be trained on. */
export interface Teacher {
  readonly name: string;
  /** Without the head's parameters where `head` is `none`. */
  readonly model: BertModel;
  readonly head: HeadState;
  /** How well a head that was fitted on the text predicts. */
  readonly headFit?: HeadFit;
  /** What it is compressed for and judged by. */
  readonly task: Task;
  readonly tokenizer: TextTokenizer;
  /** The tokenizer's files as they came, for the student's folder. */
  readonly tokenizerFiles: ReadonlyMap<string, Uint8Array>;
  readonly report: TeacherReport;
  /** How its vocabulary was cut; missing if it is whole. */
  readonly cut?: VocabularyCut;
  /** As its `README.md` names it. */
  readonly licence?: string;
  /** Given if its task is vectors of sentences. */
  readonly sentences?: TeacherSentences;
}

const TOKENIZER_FILES = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'vocab.txt', 'added_tokens.json'] as const;
/** Byte-level BPE, read if neither `tokenizer.json` nor `vocab.txt` is there. */
const BYTE_LEVEL_FILES = ['vocab.json', 'merges.txt'] as const;
/** The largest vocabularies with their merges stay under this. */
const MOST_TOKENIZER = 64 * 2 ** 20;
const MOST_README = 2 ** 20;

/** How a reader of teachers is heard and ended. */
export interface TeacherReading {
  readonly listen: StudioListener;
  readonly signal: AbortSignal;
}

/** Milliseconds between two reports of progress; a teacher that is read sooner reports none. */
const REPORT_EVERY = 250;

/**
 * Reads a Hugging Face folder, a zip of one, or its loose files. Weights are read tensor by tensor, those alone that are used.
 * @param role what the checkpoint is to the user; messages begin with it
 * @throws StudioError naming the file or tensor that is missing or wrong
 */
export async function readTeacher(
  given: string,
  files: readonly GivenFile[],
  reading?: TeacherReading,
  role: 'teacher' | 'student' = 'teacher',
): Promise<Teacher> {
  const name = shownName(given);
  const subject = `${role} ${name}`;
  const folder = await openFolder(subject, files);
  const configName = folder.files.has('config.json') ? 'config.json' : 'bert_config.json';
  const configFile = folder.files.get(configName);
  if (configFile === undefined)
    throw (
      (folder.weights.size === 0 ? otherForm(subject, [...folder.adapters, ...folder.files.keys()]) : undefined) ??
      new StudioError(
        'checkpoint',
        `${subject}: expected config.json, got ${[...folder.files.keys(), ...folder.weights.keys()].map(shownName).slice(0, 20).join(', ') || 'no files'}. ${folder.innerZips[0] === undefined ? 'Give the whole Hugging Face folder.' : `Unpack ${shownName(folder.innerZips[0])} and give what is in it.`}`,
      )
    );
  const settings = await readJson(configName, configFile);
  if (!isModelConfig(settings))
    throw new StudioError(
      'checkpoint',
      `${subject}: ${configName} — expected a model's settings (hidden_size and others), got none. Take the config.json that lies beside the weights, as in a folder 0_Transformer or 0_BERT.`,
    );
  const config = parseConfig(knownFamily(settings));
  const stored = await openWeights(subject, folder, familyOf(config.family));
  const found = [...stored].map(([tensor, { read, ...about }]) => [tensor, { ...about, floating: read !== null }] as const);
  refuseOtherPrograms(subject, stored);
  const map = mapOrExplain(
    subject,
    config,
    new Map(found),
    [...folder.weights.values()].every(({ kind }) => kind === 'onnx'),
  );

  const tokenizerFiles = new Map<string, Uint8Array>();
  const take = async (names: readonly string[]): Promise<void> => {
    for (const file of names) {
      const source = folder.files.get(file);
      if (source !== undefined) tokenizerFiles.set(file, await readWhole(source, MOST_TOKENIZER, file));
    }
  };
  await take(TOKENIZER_FILES);
  if (!tokenizerFiles.has('tokenizer.json') && !tokenizerFiles.has('vocab.txt')) {
    throwIfAny(otherTokenizer(folder.files.keys()));
    await take(BYTE_LEVEL_FILES);
  }
  const merged = mergedTokenizer(tokenizerFiles, tokenizerClassOf(settings));
  const all = tokenizerFrom(merged);
  const tokenizer = withinTable(all, config.vocabSize);
  const larger =
    tokenizer === all
      ? []
      : [
          `The tokenizer has ${all.vocabularySize} tokens, the model's table of words ${config.vocabSize} rows. A text that holds one of the tokens beyond it is refused.`,
        ];

  const shapes = map.head === 'mlm' ? parameterShapes(config) : encoderShapes(config);
  let parameters = 0;
  for (const shape of shapes.values()) parameters += sizeOf(shape);
  const tensors = new Map<string, Tensor>();
  const tell = progressOf(4 * parameters, reading);
  // Several parameters may lie in one tensor, and follow each other.
  let read: { readonly name: string; readonly data: Float32Array } | undefined;
  for (const [wanted, shape] of shapes) {
    const { name: source, from } = map.sources.get(wanted) ?? { name: wanted, from: 0 };
    const all = read?.name === source ? read.data : await readNumbers(stored, source);
    read = { name: source, data: all };
    const size = sizeOf(shape);
    const data = all.length === size ? all : all.slice(from, from + size);
    tensors.set(wanted, { shape, data });
    await tell(data.byteLength);
  }
  const model: BertModel = { config, tensors };
  const beside = folder.adapters.map(
    (file) =>
      `${shownName(file)} is an adapter beside the model, and is not applied: the model alone is the teacher. To have it in, call merge_and_unload() in PEFT and save that.`,
  );
  const notes = [...map.notes, ...beside, ...merged.notes, ...larger, ...(await differingCopies(map.copies, stored, model))];
  const readme = folder.files.get('README.md');
  // A model card of more than a MiB has its header at the front all the same.
  const licence = licenceOf(
    readme === undefined ? undefined : new TextDecoder().decode(await readme.read(0, Math.min(readme.size, MOST_README))),
  );
  return {
    name,
    ...(licence === undefined ? {} : { licence }),
    model,
    head: map.head,
    task: maskedWords,
    tokenizer,
    tokenizerFiles,
    report: {
      name,
      shape: shapeOf(config),
      vocabularySize: config.vocabSize,
      maxPositions: longestSequence(config),
      tiedDecoder: config.tieWordEmbeddings,
      parameters,
      bytes: 4 * parameters,
      head: map.head,
      words: maskedWords.words,
      tensors: map.uses,
      notes,
      ...namesOf(map),
    },
  };
}

function mapOrExplain(subject: string, config: ModelConfig, found: ReadonlyMap<string, FoundTensor>, isOnnx: boolean): TensorMap {
  try {
    return mapTensors(config, found);
  } catch (error) {
    const positions = blueprintOf(config).find('positions')?.weight;
    throwIfAny(isOnnx && positions !== undefined && error instanceof StudioError ? foldedAway(subject, positions, error) : undefined);
    throw error;
  }
}

function throwIfAny(error: StudioError | undefined): void {
  if (error !== undefined) throw error;
}

function progressOf(total: number, reading: TeacherReading | undefined): (bytes: number) => Promise<void> {
  let done = 0;
  let told = performance.now();
  return async (bytes) => {
    done += bytes;
    if (reading === undefined || performance.now() - told < REPORT_EVERY) return;
    reading.listen({ kind: 'progress', stage: 'Reading the weights', done, total, unit: 'bytes' });
    // A turn of the event loop, so that a cancel can arrive.
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    if (reading.signal.aborted) throw new StudioError('cancelled', 'teacher: reading was cancelled. Nothing was changed.');
    told = performance.now();
  };
}

/** @throws StudioError if the teacher cannot predict words yet */
export function needHead({ name, head }: Teacher): void {
  if (head === 'none')
    throw new StudioError(
      'checkpoint',
      `teacher ${name}: expected a head for masked language modelling, got an encoder alone. Load a text: a head is fitted on it.`,
    );
}

/** @param rows of the model's table of words  @throws StudioError if the files do not make a tokenizer */
export function tokenizerOf(files: ReadonlyMap<string, Uint8Array>, rows: number): TextTokenizer {
  return withinTable(tokenizerFrom(mergedTokenizer(files)), rows);
}

/**
 * What a tokenizer's files say together.
 * @param modelClass as config.json names the tokenizer's class  @throws StudioError if they do not make one
 */
export function mergedTokenizer(files: ReadonlyMap<string, Uint8Array>, modelClass?: string): MergedTokenizer {
  const text = <K extends string>(key: K, file: (typeof TOKENIZER_FILES | typeof BYTE_LEVEL_FILES)[number]): Partial<Record<K, string>> => {
    const bytes = files.get(file);
    const found: Partial<Record<K, string>> = {};
    if (bytes !== undefined) found[key] = new TextDecoder().decode(bytes);
    return found;
  };
  return mergeTokenizerFiles({
    ...text('tokenizerJson', 'tokenizer.json'),
    ...text('tokenizerConfig', 'tokenizer_config.json'),
    ...text('vocabulary', 'vocab.txt'),
    ...text('tokenIds', 'vocab.json'),
    ...text('merges', 'merges.txt'),
    ...text('addedTokens', 'added_tokens.json'),
    ...text('specialTokensMap', 'special_tokens_map.json'),
    ...(modelClass === undefined ? {} : { modelClass }),
  });
}

function tokenizerClassOf(settings: unknown): string | undefined {
  const found: unknown = typeof settings === 'object' && settings !== null ? Reflect.get(settings, 'tokenizer_class') : undefined;
  return typeof found === 'string' ? found : undefined;
}

function namesOf({ uses }: TensorMap): { ignored: string[]; renamed: string[] } {
  return {
    ignored: uses.filter(({ use }) => use === 'ignored').map(({ name }) => name),
    renamed: uses.flatMap(({ name, as }) => (as === undefined || as === name ? [] : [`${name} -> ${as}`])),
  };
}

async function readNumbers(stored: StoredTensors, name: string): Promise<Float32Array> {
  const read = stored.get(name)?.read;
  // The map names nothing but tensors of numbers that are there.
  if (read === undefined || read === null) throw new Error(`teacher: ${name} has no numbers`);
  return read();
}

/** Copies that should equal what is used, and do not: the user is told which of the two counts. */
async function differingCopies(copies: readonly TensorCopy[], stored: StoredTensors, { tensors }: BertModel): Promise<string[]> {
  const notes: string[] = [];
  for (const { name, of } of copies) {
    const used = tensors.get(of)?.data;
    if (used === undefined) continue;
    const copy = await readNumbers(stored, name);
    if (copy.length !== used.length || copy.some((value, i) => value !== used[i]))
      notes.push(`${shownName(name)} differs from ${of}, which is used, as Hugging Face does.`);
  }
  return notes;
}

import type { BertConfig } from '../../models/config.ts';
import { taskNamed } from '../../tasks/registry.ts';
import type { ByteContent } from '../../tensor/byteSource.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { sentenceTokenizer } from '../teacher/sentenceTokens.ts';
import { sentencesFrom, storedSentences, type PlainSentences } from './sentencesFile.ts';
import { tokenizerOf, type Teacher } from '../teacher/teacher.ts';
import { under } from './checkpointFile.ts';
import { keptKind, kindFields, kindOfTeacher } from './modelKind.ts';
import { refusal, seal, unseal } from './sealedFile.ts';

const VERSION = 1;
const MODEL = 'model/';
const TOKENIZER = 'tokenizer/';
const SENTENCES = 'sentences/';

type Plain = Omit<Teacher, 'model' | 'task' | 'tokenizer' | 'tokenizerFiles' | 'sentences'> & {
  readonly sentences?: PlainSentences;
  /** Missing in files that were written before there was a choice. */
  readonly task?: string;
  readonly family?: string;
  readonly studio?: string;
  readonly config: BertConfig;
  /** Lengths in bytes by name, in their order. */
  readonly tokenizerFiles: readonly (readonly [string, number])[];
};

/** Four bytes a number, whatever number they make: files of tensors hold nothing else. */
function packed(bytes: Uint8Array): Tensor {
  const data = new Float32Array(Math.ceil(bytes.length / 4));
  new Uint8Array(data.buffer).set(bytes);
  return { shape: [data.length], data };
}

/** A teacher as it was read, so that it can be had again without the files that it came in. */
export function encodeTeacher(teacher: Teacher): Promise<Iterable<Uint8Array>> {
  const { name, head, headFit, report, cut, licence, model, tokenizerFiles } = teacher;
  const sentences = teacher.sentences === undefined ? undefined : storedSentences(teacher.sentences);
  const plain: Plain = {
    name,
    head,
    ...kindFields(kindOfTeacher(teacher)),
    ...(headFit === undefined ? {} : { headFit }),
    report,
    ...(cut === undefined ? {} : { cut }),
    ...(licence === undefined ? {} : { licence }),
    config: model.config,
    ...(sentences === undefined ? {} : { sentences: sentences.plain }),
    tokenizerFiles: [...tokenizerFiles].map(([file, { length }]) => [file, length]),
  };
  const tensors = new Map<string, Tensor>();
  for (const [name, tensor] of model.tensors) tensors.set(MODEL + name, tensor);
  for (const [name, tensor] of sentences?.tensors ?? []) tensors.set(SENTENCES + name, tensor);
  for (const [name, bytes] of tokenizerFiles) tensors.set(TOKENIZER + name, packed(bytes));
  return seal('WIDTCHR', VERSION, plain, tensors);
}

/** The digest has vouched for every byte that encodeTeacher wrote, so the names of its parts are enough. */
function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && 'config' in value && 'tokenizerFiles' in value && 'report' in value;
}

/** @throws StudioError if the file is of a newer version, cut short, or not what was written */
export async function decodeTeacher(name: string, bytes: ByteContent): Promise<Teacher> {
  const { plain, tensors } = await unseal(name, 'WIDTCHR', VERSION, bytes);
  if (!isPlain(plain)) throw refusal(name, 'a teacher', 'none');
  const { config, tokenizerFiles: lengths, task: _task, family: _family, studio: _studio, sentences: kept, ...rest } = plain;
  const sentences = kept === undefined ? undefined : sentencesFrom(name, kept, under(SENTENCES, tensors));
  const tokenizerFiles = new Map<string, Uint8Array>();
  for (const [file, length] of lengths) {
    const data = tensors.get(TOKENIZER + file)?.data;
    if (data === undefined || length > data.byteLength) throw refusal(name, `the tokenizer's ${file}`, 'none');
    tokenizerFiles.set(file, new Uint8Array(data.buffer, data.byteOffset, length));
  }
  const tokenizer = tokenizerOf(tokenizerFiles, config.vocabSize);
  const known = taskNamed(name, keptKind(name, plain).task);
  return {
    ...rest,
    task: known,
    // The words are this build's: those of the file may be older, or missing.
    report: { ...rest.report, words: known.words },
    model: { config, tensors: under(MODEL, tensors) },
    tokenizer: sentences === undefined ? tokenizer : sentenceTokenizer(tokenizer, sentences.modules, sentences.prompt),
    tokenizerFiles,
    ...(sentences === undefined ? {} : { sentences }),
  };
}

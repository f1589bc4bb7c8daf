import { parseConfig } from '../bert/config.ts';
import { assembleModel, countParameters, type BertModel } from '../bert/model.ts';
import { StudioError } from '../tensor/studioError.ts';
import { createTokenizer, type TextTokenizer } from '../text/tokenizer.ts';
import { checkpointFiles, readWeights } from './checkpointFolder.ts';
import type { GivenFile, TeacherReport } from './studioApi.ts';

/** A checkpoint that has been read, checked, and can be trained on. */
export interface Teacher {
  readonly name: string;
  readonly model: BertModel;
  readonly tokenizer: TextTokenizer;
  /** The tokenizer's files as they came, for the student's folder. */
  readonly tokenizerFiles: ReadonlyMap<string, Uint8Array>;
  readonly report: TeacherReport;
}

const TOKENIZER_FILES = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'vocab.txt'] as const;

/** Reads a Hugging Face folder. @throws StudioError naming the file or tensor that is missing or wrong */
export function readTeacher(name: string, files: readonly GivenFile[]): Teacher {
  const byName = checkpointFiles(files);
  const text = (file: string): string | undefined => {
    const bytes = byName.get(file);
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  };
  const need = (file: string): Uint8Array => {
    const bytes = byName.get(file);
    if (bytes === undefined)
      throw new StudioError(
        'checkpoint',
        `teacher ${name}: expected ${file}, got ${[...byName.keys()].join(', ') || 'no files'}. Give the whole Hugging Face folder.`,
      );
    return bytes;
  };
  const config = parseConfig(parseJson('config.json', new TextDecoder().decode(need('config.json'))));
  const weights = readWeights(name, byName);
  const { model, report } = assembleModel(config, weights.tensors);
  const texts = { tokenizerJson: text('tokenizer.json'), tokenizerConfig: text('tokenizer_config.json'), vocabulary: text('vocab.txt') };
  const tokenizer = createTokenizer({
    ...(texts.tokenizerJson === undefined ? {} : { tokenizerJson: texts.tokenizerJson }),
    ...(texts.tokenizerConfig === undefined ? {} : { tokenizerConfig: texts.tokenizerConfig }),
    ...(texts.vocabulary === undefined ? {} : { vocabulary: texts.vocabulary }),
  });
  if (tokenizer.vocabularySize > config.vocabSize)
    throw new StudioError(
      'checkpoint',
      `teacher ${name}: the tokenizer has ${tokenizer.vocabularySize} tokens, config.json's vocab_size is ${config.vocabSize}. Tokenizer and weights are from different models.`,
    );
  const tokenizerFiles = new Map(
    TOKENIZER_FILES.flatMap((file) => {
      const bytes = byName.get(file);
      return bytes === undefined ? [] : [[file, bytes] as const];
    }),
  );
  const parameters = countParameters(config);
  return {
    name,
    model,
    tokenizer,
    tokenizerFiles,
    report: {
      name,
      shape: {
        layers: config.layers,
        hiddenSize: config.hiddenSize,
        heads: config.heads,
        headSize: config.hiddenSize / config.heads,
        intermediateSize: config.intermediateSize,
      },
      vocabularySize: config.vocabSize,
      maxPositions: config.maxPositions,
      parameters,
      bytes: 4 * parameters,
      ignored: [...report.ignored, ...weights.integers],
      renamed: report.renamed,
    },
  };
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new StudioError('checkpoint', `${file}: expected JSON. The file is damaged; take the original.`);
  }
}

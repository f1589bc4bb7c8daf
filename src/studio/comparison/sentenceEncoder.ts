import { sentenceVectors } from '../../analysis/sentenceVectors.ts';
import type { SentenceVectors } from '../../tasks/sentenceScores.ts';
import type { Engine } from '../../engines/engine.ts';
import { vectorWidth, type SentencePooling } from '../../models/sentencePooling.ts';
import type { StudioListener } from '../api/run.ts';
import type { EncoderReport, GivenEncoder, SentenceWish } from '../api/sentences.ts';
import { sentenceTokenizer, sentenceTokens } from '../teacher/sentenceTokens.ts';
import { modulesGiven, plainModules, poolingInWords, promptOf, type SentenceModules } from '../teacher/sentenceModules.ts';
import { readTeacher, type Teacher } from '../teacher/teacher.ts';

/** A checkpoint that makes vectors of sentences. */
export interface SentenceEncoder {
  readonly checkpoint: Teacher;
  readonly modules: SentenceModules;
  readonly notes: readonly string[];
}

/**
 * Reads an encoder, and how it pools: as its folder says, else as `like` does, else as the user wishes.
 * @param like the encoder whose student this is
 * @throws StudioError if it is no checkpoint, its pooling is not understood, or the wish contradicts it
 */
export async function readSentenceEncoder(
  role: 'teacher' | 'student',
  { name, files }: GivenEncoder,
  wish: SentenceWish,
  like?: SentenceEncoder,
): Promise<SentenceEncoder> {
  const checkpoint = await readTeacher(name, files, undefined, role);
  const subject = `${role} ${checkpoint.name}`;
  const { config } = checkpoint.model;
  const found = await modulesGiven(subject, files, config, wish);
  if (found !== undefined) return { checkpoint, modules: found, notes: [] };
  const plain = plainModules(config, wish.pooler ?? 'mean');
  if (like !== undefined) {
    const { modules } = like;
    const pooling: SentencePooling = {
      ...modules.pooling,
      layers: modules.pooling.layers.filter((layer) => layer === 'normalize'),
    };
    const left = pooling.layers.length < modules.pooling.layers.length ? " without its dense layer, which reads the teacher's width" : '';
    return {
      checkpoint,
      modules: { ...modules, pooling, longest: Math.min(modules.longest, plain.longest) },
      notes: [`${checkpoint.name} does not say how it pools: as its teacher does${left}.`],
    };
  }
  const assumed =
    wish.pooler === undefined ? ['Its folder has no modules.json: the mean of its tokens is taken. --pooling chooses another.'] : [];
  return { checkpoint, modules: plain, notes: assumed };
}

/** Vectors of sentences, and how they were made. @throws StudioError if the encoder has no such prompt, or there is no sentence */
export async function embed(
  engine: Engine,
  { checkpoint, modules, notes }: SentenceEncoder,
  sentences: readonly string[],
  wish: SentenceWish,
  listen: StudioListener,
): Promise<{ readonly vectors: SentenceVectors; readonly report: EncoderReport }> {
  const { name, model, tokenizer } = checkpoint;
  const prompt = promptOf(name, modules, wish.prompt);
  const { ids, cut } = sentenceTokens(sentenceTokenizer(tokenizer, modules, prompt), modules.longest, sentences);
  const vectors = await sentenceVectors(engine, model, modules.pooling, ids, (done) =>
    listen({ kind: 'progress', stage: `Vectors of ${name}`, done, total: sentences.length }),
  );
  return {
    vectors,
    report: {
      name,
      width: vectorWidth(modules.pooling, model.config.hiddenSize),
      pooling: poolingInWords(modules.pooling),
      notes: [
        ...notes,
        ...(prompt === '' ? [] : [`${JSON.stringify(prompt)} is set before every sentence.`]),
        ...(cut === 0 ? [] : [`${cut} of ${sentences.length} sentences are longer than its ${modules.longest} tokens and were cut.`]),
      ],
    },
  };
}

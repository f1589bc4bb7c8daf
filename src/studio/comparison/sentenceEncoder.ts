import { sentenceVectors, type SentenceVectors } from '../../analysis/sentenceVectors.ts';
import type { Engine } from '../../engines/engine.ts';
import { longestSequence } from '../../models/model.ts';
import { MEAN_POOLING, vectorWidth, type SentencePooling } from '../../models/sentencePooling.ts';
import { shownName } from '../../tensor/shown.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { StudioListener } from '../api/run.ts';
import type { EncoderReport, GivenEncoder, SentenceWish } from '../api/sentences.ts';
import { openFolder } from '../teacher/checkpointFolder.ts';
import { readSentenceModules, type SentenceModules } from '../teacher/sentenceModules.ts';
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
  const found = await readSentenceModules(subject, await openFolder(subject, files), config);
  if (found !== undefined) {
    if (wish.pooler !== undefined && found.pooling.poolers.join() !== wish.pooler)
      throw new StudioError(
        'checkpoint',
        `${subject}: pooling — expected ${found.pooling.poolers.join(' and ')}, as its folder says, got ${wish.pooler}. Leave the option out.`,
      );
    return { checkpoint, modules: found, notes: [] };
  }
  const plain: SentenceModules = {
    pooling: MEAN_POOLING,
    longest: longestSequence(config),
    lowercase: false,
    prompts: new Map(),
    defaultPrompt: undefined,
  };
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
  const pooler = wish.pooler ?? 'mean';
  const assumed =
    wish.pooler === undefined ? ['Its folder has no modules.json: the mean of its tokens is taken. --pooling chooses another.'] : [];
  return { checkpoint, modules: { ...plain, pooling: { poolers: [pooler], layers: [] } }, notes: assumed };
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
  const { classify, separate } = tokenizer.special;
  let cut = 0;
  const ids = sentences.map((sentence) => {
    const text = prompt + sentence;
    const found = tokenizer.encode(modules.lowercase ? text.toLowerCase() : text);
    if (found.length > modules.longest - 2) cut += 1;
    return Int32Array.from([classify, ...found.slice(0, modules.longest - 2), separate]);
  });
  const vectors = await sentenceVectors(engine, model, modules.pooling, ids, (done) =>
    listen({ kind: 'progress', stage: `Vectors of ${name}`, done, total: sentences.length }),
  );
  return {
    vectors,
    report: {
      name,
      width: vectorWidth(modules.pooling, model.config.hiddenSize),
      pooling: inWords(modules.pooling),
      notes: [
        ...notes,
        ...(prompt === '' ? [] : [`${JSON.stringify(prompt)} is set before every sentence.`]),
        ...(cut === 0 ? [] : [`${cut} of ${sentences.length} sentences are longer than its ${modules.longest} tokens and were cut.`]),
      ],
    },
  };
}

function promptOf(name: string, { prompts, defaultPrompt }: SentenceModules, wanted: string | undefined): string {
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

function inWords({ poolers, layers }: SentencePooling): string {
  return [poolers.join(' and '), ...layers.map((layer) => (layer === 'normalize' ? 'normalised' : `dense to ${layer.outputs}`))].join(', ');
}

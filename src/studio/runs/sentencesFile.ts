import type { DenseActivation, Pooler, SentencePooling } from '../../models/sentencePooling.ts';
import type { NamedTensors, Tensor } from '../../tensor/tensor.ts';
import type { TeacherSentences } from '../teacher/sentenceTeacher.ts';
import { refusal } from './sealedFile.ts';

/** A layer behind pooling without its numbers. */
interface PlainDense {
  readonly inputs: number;
  readonly outputs: number;
  readonly activation: DenseActivation;
  readonly bias: boolean;
}

/** How a teacher makes vectors of sentences, without the numbers of its layers. */
export interface PlainSentences {
  readonly prompt: string;
  readonly poolers: readonly Pooler[];
  readonly layers: readonly (PlainDense | 'normalize')[];
  readonly longest: number;
  readonly lowercase: boolean;
  readonly prompts: readonly (readonly [string, string])[];
  readonly defaultPrompt?: string;
}

/** What a stored teacher says of its sentences, and the numbers of its layers by name. Its vectors of a text are not among them. */
export function storedSentences({ modules, prompt }: TeacherSentences): { readonly plain: PlainSentences; readonly tensors: NamedTensors } {
  const tensors = new Map<string, Tensor>();
  const layers = modules.pooling.layers.map((layer, at): PlainDense | 'normalize' => {
    if (layer === 'normalize') return layer;
    const { inputs, outputs, activation, weight, bias } = layer;
    tensors.set(`${at}.weight`, { shape: [outputs, inputs], data: weight });
    if (bias !== undefined) tensors.set(`${at}.bias`, { shape: [outputs], data: bias });
    return { inputs, outputs, activation, bias: bias !== undefined };
  });
  const { pooling, longest, lowercase, prompts, defaultPrompt } = modules;
  return {
    plain: {
      prompt,
      poolers: pooling.poolers,
      layers,
      longest,
      lowercase,
      prompts: [...prompts],
      ...(defaultPrompt === undefined ? {} : { defaultPrompt }),
    },
    tensors,
  };
}

/** @param file its name, for the message  @throws StudioError if numbers are missing */
export function sentencesFrom(file: string, plain: PlainSentences, tensors: NamedTensors): TeacherSentences {
  const numbers = (name: string): Float32Array => {
    const found = tensors.get(name);
    if (found === undefined) throw refusal(file, `numbers of a layer behind pooling (${name})`, 'none');
    return found.data;
  };
  const { prompt, poolers, layers, longest, lowercase, prompts, defaultPrompt } = plain;
  const pooling: SentencePooling = {
    poolers,
    layers: layers.map((layer, at) => {
      if (layer === 'normalize') return layer;
      const { inputs, outputs, activation, bias } = layer;
      return { inputs, outputs, activation, weight: numbers(`${at}.weight`), bias: bias ? numbers(`${at}.bias`) : undefined };
    }),
  };
  return { prompt, modules: { pooling, longest, lowercase, prompts: new Map(prompts), defaultPrompt } };
}

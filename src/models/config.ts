import { familyOf, supportedFamily } from './families/registry.ts';
import type { Pooler } from './sentencePooling.ts';
import { Settings, type HiddenActivation } from './settings.ts';

/** What a model for sentence vectors has behind its encoder. */
export interface SentenceHead {
  /** How the vectors of a sentence's tokens become one; several are concatenated. None of them is `max`. */
  readonly poolers: readonly Pooler[];
  /** Width of the vectors that a linear layer without bias makes of the pooled ones; without it, pooled vectors are the answer. */
  readonly dense?: number;
  /** Whether vectors are scaled to length 1 at the end. */
  readonly normalised: boolean;
}

/** A `config.json`, checked, in words that all families share. */
export interface ModelConfig {
  /** `Family.id`; absent = `bert`, as in the files of before there were others, whose fingerprints stay what they are. */
  readonly family?: string;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  /** Width of the tables, and of what the decoder reads, if it is another than `hiddenSize`: a projection leads from one to the other. */
  readonly embedding?: number;
  readonly layers: number;
  readonly heads: number;
  readonly intermediateSize: number;
  readonly hiddenAct: HiddenActivation;
  /** Rows of the position table; the longest sequence if there is none. */
  readonly maxPositions: number;
  /** Rows of the table of segments; 0 if there is none. */
  readonly typeVocabSize: number;
  readonly layerNormEps: number;
  readonly padTokenId: number;
  readonly tieWordEmbeddings: boolean;
  readonly initializerRange: number;
  readonly hiddenDropout: number;
  readonly attentionDropout: number;
  /** Given if the model is for sentence vectors, and so has no head for masked words. */
  readonly sentence?: SentenceHead;
  /** Given if queries and keys are turned by their positions, in place of a table of them. */
  readonly rotary?: Rotary;
}

/** Rotary positions, and layers of which some see the tokens around each alone. */
export interface Rotary {
  /** Whether a layer is local, an entry a layer. */
  readonly local: readonly boolean[];
  /** Tokens that a token of a local layer sees to either side. */
  readonly window: number;
  /** Bases of the angles in either kind of layer, `rope_theta`. */
  readonly bases: { readonly local: number; readonly global: number };
}

/**
 * Reads a parsed `config.json`; what is absent takes its family's default.
 * @throws StudioError for a family that is not supported, what its forward pass does not do, or a value of the wrong kind
 */
export function parseConfig(json: unknown): ModelConfig {
  const settings = new Settings(json);
  return supportedFamily(settings.get('model_type')).readConfig(settings);
}

/** The `config.json` that `from_pretrained` reads. @param headless whether the model is an encoder alone */
export function configToJson(config: ModelConfig, headless = false): Record<string, unknown> {
  return familyOf(config.family).writeConfig(config, headless);
}

/** The name from when there was one family. */
export type BertConfig = ModelConfig;

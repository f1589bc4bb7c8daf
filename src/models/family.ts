import type { ModelConfig } from './config.ts';
import type { Settings } from './settings.ts';
import type { FamilyRole } from './blueprint.ts';

/** Names of a module's parameters in checkpoints. */
export interface ParameterNames {
  readonly weight: string;
  /** Absent for tables, and for what has none. */
  readonly bias?: string;
}

/** A tensor of checkpoints in which several parameters lie one behind the other, row by row. */
export interface PackedTensor {
  readonly name: string;
  readonly parts: readonly string[];
}

/** Why a tensor of a checkpoint is left out. */
export interface LeftOut {
  readonly why: string;
  /** A sentence for the user. */
  readonly note?: string;
  /** The parameter that it should equal, if it is a copy of one. */
  readonly of?: string;
}

/** What a family's ONNX files call their inputs, as its tokenizers do. Without `segments`, all tokens are of the first one. */
export interface OnnxInputs {
  readonly ids: string;
  readonly mask: string;
  readonly segments?: string;
}

/** Steps of the forward pass that are no modules, by which nodes of an ONNX file are named. */
export type Step = 'mask' | 'embeddings' | 'attention' | 'attentionSum' | 'activation' | 'outputSum' | 'transformActivation';

/**
 * One family of models: what its checkpoints say, and in what its encoder departs from the common one. Everything that
 * is known of a family by name is in the one file that makes this object.
 */
export interface Family {
  /** As in a `config.json`'s `model_type` and in stored files. */
  readonly id: string;
  /** For readers, as in `a BERT`. */
  readonly label: string;
  /** Whether norms stand before attention and FFN, outside of the residual stream, and one behind the last layer. */
  readonly normsFirst?: true;
  /** Row of the position table for the first token. @param pad the id of padding, by which some count */
  readonly positionOffset: (pad: number) => number;
  /**
   * Undefined for a module that it does not have: norms, tables of segments or positions, a gate of the FFN.
   * @param layer from 0; without meaning outside of the layers
   */
  readonly parameters: (role: FamilyRole, layer: number) => ParameterNames | undefined;
  /** Reads a `config.json` of this family. @throws StudioError for what the forward pass does not do */
  readonly readConfig: (settings: Settings) => ModelConfig;
  /** The settings that `from_pretrained` reads. @param headless whether the model is an encoder alone */
  readonly writeConfig: (config: ModelConfig, headless: boolean) => Record<string, unknown>;
  /**
   * The family's own name for every tensor of a checkpoint, whatever a wrapper or an older version called it.
   * @throws StudioError if they are another family's
   */
  readonly ownNames: (config: ModelConfig, names: readonly string[]) => ReadonlyMap<string, string>;
  /**
   * Why a tensor that is no parameter may be left out.
   * @param name the family's own   @throws StudioError if the model would give other numbers without it
   */
  readonly leftOut: (name: string, config: ModelConfig) => LeftOut;
  /** Tensors that a checkpoint holds a second time, under another name: that name, and the parameter's. */
  readonly copies: (config: ModelConfig) => ReadonlyMap<string, string>;
  /** Tensors that checkpoints hold in place of several parameters; none if left out. */
  readonly packed?: (config: ModelConfig) => readonly PackedTensor[];
  readonly onnxInputs: OnnxInputs;
  /** The setting of a `config.json` that says whether decoder and words are one table. */
  readonly tieSetting: string;
  /** Where a module's or a step's nodes stand in an ONNX file: a path that begins with a slash, unique in the model. */
  readonly place: (step: FamilyRole | Step, layer: number) => string;
  /**
   * The name of a product's weight in an ONNX file, which may keep only that of the bias behind it; undefined if none tells.
   * @param names of the weight itself   @param biases of what is added to the product
   */
  readonly weightName: (names: readonly string[], biases: readonly string[]) => string | undefined;
}

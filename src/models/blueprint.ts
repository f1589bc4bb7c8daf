import type { Shape } from '../tensor/shape.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { ModelConfig, SentenceHead } from './config.ts';
import { familyOf } from './families/registry.ts';
import type { Family, ParameterNames } from './family.ts';

export type TableRole = 'words' | 'positions' | 'segments';
export type LayerLinearRole = 'query' | 'key' | 'value' | 'attentionOutput' | 'expansion' | 'gate' | 'contraction';
/** Behind attention and FFN, or before them ({@link Family.normsFirst}). */
export type LayerNormRole = 'attentionNorm' | 'outputNorm';
export type LayerRole = LayerLinearRole | LayerNormRole;
export type HeadRole = 'transform' | 'transformNorm' | 'decoder';

/** What a module does that families have names for. */
export type FamilyRole = TableRole | 'embeddingNorm' | 'embeddingProjection' | LayerRole | 'finalNorm' | HeadRole;
/** What a module does, whatever a family calls it. */
export type Role = FamilyRole | 'sentenceDense';

/** Spaces that a student may have fewer dimensions of (docs/method.md section 2). */
export type ModelSpace = 'residual' | 'embedding' | 'queryKey' | 'valueOutput' | 'ffn' | 'mlm';
/** What a table has rows for, and a decoder writes: nothing of it goes. */
export type RowSpace = 'vocabulary' | 'position' | 'segment';
/** Pooled vectors of sentences, as wide as the stream for each pooler, and the vectors that are answered. */
export type VectorSpace = 'pooled' | 'vector';

/** One linear layer, table or norm of a model. */
export interface Module {
  readonly role: Role;
  readonly kind: 'linear' | 'table' | 'norm';
  /** From 0, or null outside of the layers. */
  readonly layer: number | null;
  readonly part: 'embeddings' | 'layer' | 'end' | 'head';
  readonly writes: ModelSpace | RowSpace | VectorSpace;
  /** Norms read what they write. */
  readonly reads: ModelSpace | RowSpace | VectorSpace;
  /** Names of its parameters in the family's checkpoints; tables have no bias, nor has the layer behind pooling, nor others of some families. */
  readonly weight: string;
  readonly bias: string | undefined;
  /** Which module it is, the same in every family. */
  readonly key: string;
}

type Plan = readonly [role: Role, kind: Module['kind'], writes: Module['writes'], reads: Module['reads']];

const EMBEDDINGS: readonly Plan[] = [
  ['words', 'table', 'residual', 'vocabulary'],
  ['positions', 'table', 'residual', 'position'],
  ['segments', 'table', 'residual', 'segment'],
  ['embeddingNorm', 'norm', 'residual', 'residual'],
];
/** Tables of another width than the residual stream, and what leads there. */
const PROJECTED: readonly Plan[] = [
  ['words', 'table', 'embedding', 'vocabulary'],
  ['positions', 'table', 'embedding', 'position'],
  ['segments', 'table', 'embedding', 'segment'],
  ['embeddingNorm', 'norm', 'embedding', 'embedding'],
  ['embeddingProjection', 'linear', 'residual', 'embedding'],
];
const LAYER: readonly Plan[] = [
  ['query', 'linear', 'queryKey', 'residual'],
  ['key', 'linear', 'queryKey', 'residual'],
  ['value', 'linear', 'valueOutput', 'residual'],
  ['attentionOutput', 'linear', 'residual', 'valueOutput'],
  ['attentionNorm', 'norm', 'residual', 'residual'],
  ['expansion', 'linear', 'ffn', 'residual'],
  ['gate', 'linear', 'ffn', 'residual'],
  ['contraction', 'linear', 'residual', 'ffn'],
  ['outputNorm', 'norm', 'residual', 'residual'],
];
/** The same, in the order in which they run, of a family whose norms stand first. */
const NORMS_FIRST: readonly Plan[] = [
  ['attentionNorm', 'norm', 'residual', 'residual'],
  ...LAYER.filter(([role]) => ['query', 'key', 'value', 'attentionOutput'].includes(role)),
  ['outputNorm', 'norm', 'residual', 'residual'],
  ['expansion', 'linear', 'ffn', 'residual'],
  ['gate', 'linear', 'ffn', 'residual'],
  ['contraction', 'linear', 'residual', 'ffn'],
];
const END: readonly Plan[] = [['finalNorm', 'norm', 'residual', 'residual']];
const HEAD: readonly Plan[] = [
  ['transform', 'linear', 'mlm', 'residual'],
  ['transformNorm', 'norm', 'mlm', 'mlm'],
  ['decoder', 'linear', 'vocabulary', 'mlm'],
];
/** In the place of the head, if vectors of sentences go through a layer of their own. */
const SENTENCE: readonly Plan[] = [['sentenceDense', 'linear', 'vector', 'pooled']];
/** No family has it: sentence-transformers keeps it in a folder beside the encoder. */
const SENTENCE_DENSE: ParameterNames = { weight: 'sentence.dense.weight' };

/** What has to be known of a model to list its modules. */
export interface BlueprintShape {
  /** `ModelConfig.family`. */
  readonly family?: string | undefined;
  readonly layers: number;
  /** The id of padding, which a blueprint whose positions are asked for must know. */
  readonly padTokenId?: number;
  /** Given if a projection leads from the tables to the residual stream; their width. */
  readonly embedding?: number | undefined;
  /** Given if the model is for sentence vectors. */
  readonly sentence?: SentenceHead | undefined;
}

/** Every module of a model, once, in the order of its checkpoint: what is asked of a model is a filter over this list. */
export class Blueprint {
  readonly layers: number;
  /** {@link Family.normsFirst}. */
  readonly normsFirst: boolean;
  readonly modules: readonly Module[];
  readonly #positionOffset: number | undefined;
  readonly #byKey: ReadonlyMap<string, Module>;
  #byParameter: ReadonlyMap<string, Module> | undefined;

  constructor(family: Family, { layers, padTokenId, embedding, sentence }: BlueprintShape) {
    const modules: Module[] = [];
    const add = (part: Module['part'], layer: number | null, plans: readonly Plan[]): void => {
      for (const [role, kind, writes, reads] of plans) {
        const names = role === 'sentenceDense' ? SENTENCE_DENSE : family.parameters(role, layer ?? 0);
        if (names === undefined) continue;
        const { weight, bias } = names;
        modules.push({ role, kind, layer, part, writes, reads, weight, bias, key: keyOf(role, layer) });
      }
    };
    add('embeddings', null, embedding === undefined ? EMBEDDINGS : PROJECTED);
    for (let layer = 0; layer < layers; layer++) add('layer', layer, family.normsFirst === true ? NORMS_FIRST : LAYER);
    if (family.normsFirst === true) add('end', null, END);
    if (sentence === undefined) add('head', null, HEAD);
    else if (sentence.dense !== undefined) add('head', null, SENTENCE);
    this.layers = layers;
    this.normsFirst = family.normsFirst === true;
    this.modules = modules;
    this.#positionOffset = padTokenId === undefined ? undefined : family.positionOffset(padTokenId);
    this.#byKey = new Map(modules.map((module) => [module.key, module]));
  }

  /** Added to 0 .. T-1 for the rows of the position table. @throws StudioError if it was not made from a whole configuration */
  get positionOffset(): number {
    if (this.#positionOffset === undefined)
      throw new StudioError('graph', 'model: positions — expected a blueprint of a whole configuration, got one of sizes alone.');
    return this.#positionOffset;
  }

  /** Undefined if the family has no such module. */
  find(role: Role, layer: number | null = null): Module | undefined {
    return this.#byKey.get(keyOf(role, layer));
  }

  /** @throws StudioError if the family has no such module, or the model no such layer */
  module(role: Role, layer: number | null = null): Module {
    const found = this.find(role, layer);
    if (found === undefined) throw new StudioError('graph', `model: there is no module ${keyOf(role, layer)}.`);
    return found;
  }

  /** The space that the tables write, and the decoder reads the dimensions of. */
  get tableSpace(): 'residual' | 'embedding' {
    return this.find('embeddingProjection') === undefined ? 'residual' : 'embedding';
  }

  /** The modules of one layer. */
  layer(layer: number): readonly Module[] {
    return this.modules.filter((module) => module.layer === layer);
  }

  get tables(): readonly Module[] {
    return this.modules.filter(({ kind }) => kind === 'table');
  }

  get norms(): readonly Module[] {
    return this.modules.filter(({ kind }) => kind === 'norm');
  }

  /** The module that a parameter belongs to. */
  owner(parameter: string): Module | undefined {
    this.#byParameter ??= new Map(this.modules.flatMap((module) => parameterNames(module).map((name) => [name, module] as const)));
    return this.#byParameter.get(parameter);
  }

  /** Whether a parameter is a bias, a gain or a shift: none of them decays. */
  isVector(parameter: string): boolean {
    const module = this.owner(parameter);
    return module !== undefined && (module.kind === 'norm' || module.bias === parameter);
  }
}

function keyOf(role: Role, layer: number | null): string {
  return layer === null ? role : `${role} ${layer}`;
}

/** Weight and bias of a module. */
export function parameterNames({ weight, bias }: Pick<Module, 'weight' | 'bias'>): string[] {
  return bias === undefined ? [weight] : [weight, bias];
}

/** Parameters of two modules of one role, pair by pair: what goes from a teacher's layer into a student's. */
export function parameterPairs(from: Module, to: Module): (readonly [from: string, to: string])[] {
  const names = parameterNames(to);
  return parameterNames(from).map((name, i) => [name, names[i] ?? name] as const);
}

/** The bias of a module that always has one. @throws StudioError for another */
export function biasOf({ bias, key }: Module): string {
  if (bias === undefined) throw new StudioError('graph', `model: ${key} has no bias.`);
  return bias;
}

const blueprints = new WeakMap<Family, Map<string, Blueprint>>();

/** The blueprint of a model, the same object for the same family, layers, padding and kind of tables: it is asked for at every turn. */
export function blueprintOf(shape: BlueprintShape): Blueprint {
  const family = familyOf(shape.family);
  const known = blueprints.get(family) ?? new Map<string, Blueprint>();
  blueprints.set(family, known);
  const { sentence } = shape;
  const head = sentence === undefined ? 'words' : String(sentence.dense !== undefined);
  const key = `${shape.layers} ${shape.padTokenId} ${shape.embedding !== undefined} ${head}`;
  const blueprint = known.get(key) ?? new Blueprint(family, shape);
  known.set(key, blueprint);
  return blueprint;
}

/** Dimensions of every space, heads side by side. */
export function spaceWidths(config: ModelConfig): Readonly<Record<Module['writes'], number>> {
  return {
    residual: config.hiddenSize,
    embedding: config.embedding ?? config.hiddenSize,
    queryKey: config.hiddenSize,
    valueOutput: config.hiddenSize,
    ffn: config.intermediateSize,
    mlm: config.embedding ?? config.hiddenSize,
    vocabulary: config.vocabSize,
    position: config.maxPositions,
    segment: config.typeVocabSize,
    pooled: config.hiddenSize * (config.sentence?.poolers.length ?? 1),
    vector: config.sentence?.dense ?? config.hiddenSize * (config.sentence?.poolers.length ?? 1),
  };
}

/** Shapes of a module's parameters: tables [rows, d], linear layers [out, in] with a bias [out], norms two vectors; what has no bias one less. */
export function moduleShapes(module: Module, widths: Readonly<Record<Module['writes'], number>>): (readonly [string, Shape])[] {
  const [writes, reads] = [widths[module.writes], widths[module.reads]];
  if (module.kind === 'table') return [[module.weight, [reads, writes]]];
  const bias = module.bias === undefined ? [] : [[module.bias, [writes]] as const];
  if (module.kind === 'norm') return [[module.weight, [writes]], ...bias];
  const weight = [module.weight, [writes, reads]] as const;
  // Hugging Face lists a decoder's bias before its weight, which may be tied and so not there.
  return module.role === 'decoder' ? [...bias, weight] : [weight, ...bias];
}

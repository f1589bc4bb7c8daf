// The toy of docs/adding-a-family.md: a family in one file of its own, which shares no word with BERT's checkpoints.
import type { FamilyRole } from '../../src/models/blueprint.ts';
import type { ModelConfig } from '../../src/models/config.ts';
import type { Family, ParameterNames, Step } from '../../src/models/family.ts';
import { MOST } from '../../src/models/settings.ts';
import { StudioError } from '../../src/tensor/studioError.ts';

const WORDS = 'lexicon.rows';

/** The parts of a block, and of what stands around them. */
const PARTS: Readonly<Partial<Record<FamilyRole, string>>> = {
  query: 'ask',
  key: 'match',
  value: 'carry',
  attentionOutput: 'collect',
  attentionNorm: 'settle',
  expansion: 'widen',
  contraction: 'narrow',
  outputNorm: 'close',
  transform: 'guess.mix',
  decoder: 'guess.pick',
};

const LACKS: ReadonlySet<FamilyRole> = new Set<FamilyRole>(['segments', 'embeddingNorm', 'transformNorm', 'gate']);

function parameters(role: FamilyRole, layer: number): ParameterNames | undefined {
  if (LACKS.has(role)) return undefined;
  if (role === 'words') return { weight: WORDS };
  if (role === 'positions') return { weight: 'seats.rows' };
  const part = PARTS[role] ?? role;
  if (role === 'attentionNorm' || role === 'outputNorm') return { weight: `b${layer}.${part}.gain`, bias: `b${layer}.${part}.move` };
  const module = part.startsWith('guess') ? part : `b${layer}.${part}`;
  return { weight: `${module}.grid`, bias: `${module}.plus` };
}

export const toy: Family = {
  id: 'toy',
  label: 'toy',
  positionOffset: () => 2,
  parameters,
  readConfig: (settings) => ({
    family: 'toy',
    vocabSize: settings.whole('lexicon', 61, MOST.rows),
    hiddenSize: settings.whole('wide', 32, MOST.width),
    layers: settings.whole('blocks', 3, MOST.layers),
    heads: settings.whole('eyes', 4, MOST.width),
    intermediateSize: settings.whole('inside', 48, MOST.width),
    hiddenAct: settings.activation('bend', 'relu'),
    maxPositions: settings.whole('seats', 42, MOST.rows),
    typeVocabSize: 0,
    layerNormEps: settings.real('tiny', 1e-5),
    padTokenId: 0,
    tieWordEmbeddings: settings.get('one_lexicon') === true,
    initializerRange: settings.real('spread', 0.2),
    hiddenDropout: 0,
    attentionDropout: 0,
  }),
  writeConfig: (config: ModelConfig, headless) => ({
    model_type: 'toy',
    guesses: !headless,
    lexicon: config.vocabSize,
    wide: config.hiddenSize,
    blocks: config.layers,
    eyes: config.heads,
    inside: config.intermediateSize,
    bend: config.hiddenAct,
    seats: config.maxPositions,
    tiny: config.layerNormEps,
    one_lexicon: config.tieWordEmbeddings,
    spread: config.initializerRange,
  }),
  ownNames: (_, names) => {
    if (!names.includes(WORDS)) throw new StudioError('checkpoint', `teacher: expected ${WORDS} of a toy, got none. Give a toy.`);
    return new Map(names.map((name) => [name, name]));
  },
  leftOut: () => ({ why: 'not a part of a toy' }),
  copies: () => new Map(),
  onnxInputs: { ids: 'said', mask: 'there' },
  tieSetting: 'one_lexicon',
  place: (step: FamilyRole | Step, layer: number) => `/toy/b${layer}/${step}`,
  weightName: (names, biases) =>
    names.find((name) => /\.(?:grid|rows)$/.test(name)) ?? biases.find((name) => name.endsWith('.plus'))?.replace(/plus$/, 'grid'),
};

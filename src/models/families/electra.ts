import type { ModelConfig } from '../config.ts';
import type { Family } from '../family.ts';
import { MOST, type Settings } from '../settings.ts';
import { both, fullNames, leftOutBy, placeBy, TASK_HEADS, weightNameBy, type CheckpointNames } from './checkpointNames.ts';
import { refusedSetting } from './unsupported.ts';
import { usualNames } from './usualNames.ts';
import { readUsual, writeUsual } from './usualSettings.ts';

const WORDS = 'electra.embeddings.word_embeddings.weight';
const DECODER = 'generator_lm_head.weight';
const BIAS = 'generator_lm_head.bias';

const parameters = usualNames('electra', {
  transform: both('generator_predictions.dense'),
  transformNorm: both('generator_predictions.LayerNorm'),
  decoder: { weight: DECODER, bias: BIAS },
});

function readConfig(settings: Settings): ModelConfig {
  const config = readUsual(settings, { vocabulary: 30522, hidden: 256, heads: 4, inner: 1024, pad: 0 });
  const embedding = settings.whole('embedding_size', 128, MOST.width);
  if (config.hiddenAct !== 'gelu')
    throw refusedSetting('hidden_act', '"gelu"', `"${config.hiddenAct}"`, 'The head of an ELECTRA has GELU whatever its layers have');
  return { ...config, family: 'electra', ...(embedding === config.hiddenSize ? {} : { embedding }) };
}

const NAMES: CheckpointNames = {
  family: 'an ELECTRA',
  root: 'electra.',
  parts: /^(?:embeddings|embeddings_project|encoder)\./,
  head: ['generator_'],
  words: WORDS,
  decoder: DECODER,
  bias: BIAS,
  layer: /^electra\.encoder\.layer\.(?<layer>\d+)\./,
  leftOut: [
    ['electra.embeddings.position_ids', 'counts the positions; made anew'],
    ['electra.embeddings.token_type_ids', 'a buffer of zeros; made anew'],
    [
      'discriminator_predictions.',
      'head that tells replaced words: not carried over',
      'The head of the discriminator, which tells replaced words, is not carried over: the encoder alone is the teacher.',
    ],
    ...TASK_HEADS,
  ],
};

/** Discriminators and generators alike: an encoder, and the head of `ElectraForMaskedLM`. */
export const electra: Family = {
  id: 'electra',
  label: 'ELECTRA',
  positionOffset: () => 0,
  parameters,
  readConfig,
  writeConfig: (config, headless) => ({
    ...writeUsual(headless ? 'ElectraModel' : 'ElectraForMaskedLM', 'electra', config),
    embedding_size: config.embedding ?? config.hiddenSize,
  }),
  ownNames: (config, names) => fullNames(NAMES, config, names),
  leftOut: (name, config) => leftOutBy(NAMES, name, config),
  copies: () => new Map(),
  onnxInputs: { ids: 'input_ids', mask: 'attention_mask', segments: 'token_type_ids' },
  tieSetting: 'tie_word_embeddings',
  place: placeBy(parameters, (layer) => {
    const inLayer = `/electra/encoder/layer.${layer}`;
    return {
      mask: '/electra',
      embeddings: '/electra/embeddings',
      attention: `${inLayer}/attention/self`,
      attentionSum: `${inLayer}/attention/output`,
      activation: `${inLayer}/intermediate/activation`,
      outputSum: `${inLayer}/output`,
      transformActivation: '/generator_predictions/activation',
    };
  }),
  weightName: weightNameBy(new Map()),
};

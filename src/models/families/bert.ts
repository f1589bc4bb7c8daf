import type { Family } from '../family.ts';
import { both, fullNames, leftOutBy, placeBy, TASK_HEADS, weightNameBy, type CheckpointNames } from './checkpointNames.ts';
import { usualNames } from './usualNames.ts';
import { readUsual, writeUsual } from './usualSettings.ts';

/** The encoder's parts outside of the layers, and the head's; without `.weight` and `.bias` where a module has both. */
const WORDS = 'bert.embeddings.word_embeddings.weight';
const HEAD = 'cls.predictions';
const HEAD_BIAS = `${HEAD}.bias`;
const DECODER = `${HEAD}.decoder.weight`;
const DECODER_BIAS = `${HEAD}.decoder.bias`;

const parameters = usualNames('bert', {
  transform: both(`${HEAD}.transform.dense`),
  transformNorm: both(`${HEAD}.transform.LayerNorm`),
  decoder: { weight: DECODER, bias: HEAD_BIAS },
});

const place = placeBy(parameters, (layer) => {
  const inLayer = `/bert/encoder/layer.${layer}`;
  return {
    mask: '/bert',
    embeddings: '/bert/embeddings',
    attention: `${inLayer}/attention/self`,
    attentionSum: `${inLayer}/attention/output`,
    activation: `${inLayer}/intermediate/activation`,
    outputSum: `${inLayer}/output`,
    transformActivation: '/cls/predictions/transform/activation',
  };
});

const NAMES: CheckpointNames = {
  family: 'a BERT',
  root: 'bert.',
  parts: /^(?:embeddings|encoder|pooler)\./,
  head: [`${HEAD}.`],
  words: WORDS,
  decoder: DECODER,
  bias: HEAD_BIAS,
  biasCopy: DECODER_BIAS,
  layer: /^bert\.encoder\.layer\.(?<layer>\d+)\./,
  leftOut: [
    ['bert.embeddings.position_ids', 'counts the positions; made anew'],
    ['bert.embeddings.token_type_ids', 'a buffer of zeros; made anew'],
    ['bert.pooler.', 'pooler: masked language modelling does not use it'],
    ['cls.seq_relationship.', 'next-sentence head: masked language modelling does not use it'],
    ...TASK_HEADS,
  ],
};

export const bert: Family = {
  id: 'bert',
  label: 'BERT',
  positionOffset: () => 0,
  parameters,
  readConfig: (settings) => readUsual(settings, { vocabulary: 30522, hidden: 768, heads: 12, inner: 3072, pad: 0 }),
  writeConfig: (config, headless) => writeUsual(headless ? 'BertModel' : 'BertForMaskedLM', 'bert', config),
  ownNames: (config, names) => fullNames(NAMES, config, names),
  leftOut: (name, config) => leftOutBy(NAMES, name, config),
  // Without it transformers 5 loads zeros for an untied decoder's bias.
  copies: ({ tieWordEmbeddings }) => new Map(tieWordEmbeddings ? [] : [[DECODER_BIAS, HEAD_BIAS]]),
  onnxInputs: { ids: 'input_ids', mask: 'attention_mask', segments: 'token_type_ids' },
  tieSetting: 'tie_word_embeddings',
  place,
  weightName: weightNameBy(new Map([[HEAD_BIAS, DECODER]])),
};

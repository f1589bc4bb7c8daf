import type { Role } from '../blueprint.ts';
import type { Family, ParameterNames } from '../family.ts';
import { both, fullNames, leftOutBy, placeBy, TASK_HEADS, weightNameBy, type CheckpointNames } from './checkpointNames.ts';
import { readUsual, writeUsual } from './usualSettings.ts';

/** The encoder's parts outside of the layers, and the head's; without `.weight` and `.bias` where a module has both. */
const WORDS = 'bert.embeddings.word_embeddings.weight';
const HEAD = 'cls.predictions';
const HEAD_BIAS = `${HEAD}.bias`;
const DECODER = `${HEAD}.decoder.weight`;
const DECODER_BIAS = `${HEAD}.decoder.bias`;

function parameters(role: Role, layer: number): ParameterNames {
  const inLayer = (module: string): ParameterNames => both(`bert.encoder.layer.${layer}.${module}`);
  switch (role) {
    case 'words':
      return { weight: WORDS };
    case 'positions':
      return { weight: 'bert.embeddings.position_embeddings.weight' };
    case 'segments':
      return { weight: 'bert.embeddings.token_type_embeddings.weight' };
    case 'embeddingNorm':
      return both('bert.embeddings.LayerNorm');
    case 'embeddingProjection':
      // It has none: its tables are as wide as its layers.
      return both('bert.embeddings_project');
    case 'query':
    case 'key':
    case 'value':
      return inLayer(`attention.self.${role}`);
    case 'attentionOutput':
      return inLayer('attention.output.dense');
    case 'attentionNorm':
      return inLayer('attention.output.LayerNorm');
    case 'expansion':
      return inLayer('intermediate.dense');
    case 'contraction':
      return inLayer('output.dense');
    case 'outputNorm':
      return inLayer('output.LayerNorm');
    case 'transform':
      return both(`${HEAD}.transform.dense`);
    case 'transformNorm':
      return both(`${HEAD}.transform.LayerNorm`);
    case 'decoder':
      return { weight: DECODER, bias: HEAD_BIAS };
  }
}

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
  absent: [],
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

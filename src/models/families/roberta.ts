import type { ModelConfig } from '../config.ts';
import type { Family } from '../family.ts';
import type { Settings } from '../settings.ts';
import { both, fullNames, leftOutBy, placeBy, TASK_HEADS, weightNameBy, type CheckpointNames } from './checkpointNames.ts';
import { refusedSetting } from './unsupported.ts';
import { usualNames } from './usualNames.ts';
import { readUsual, writeUsual } from './usualSettings.ts';

const WORDS = 'roberta.embeddings.word_embeddings.weight';
const DECODER = 'lm_head.decoder.weight';
const BIAS = 'lm_head.bias';
const BIAS_COPY = 'lm_head.decoder.bias';

const parameters = usualNames('roberta', {
  transform: both('lm_head.dense'),
  transformNorm: both('lm_head.layer_norm'),
  decoder: { weight: DECODER, bias: BIAS },
});

const place = placeBy(parameters, (layer) => {
  const inLayer = `/roberta/encoder/layer.${layer}`;
  return {
    mask: '/roberta',
    embeddings: '/roberta/embeddings',
    attention: `${inLayer}/attention/self`,
    attentionSum: `${inLayer}/attention/output`,
    activation: `${inLayer}/intermediate/activation`,
    outputSum: `${inLayer}/output`,
    transformActivation: '/lm_head/activation',
  };
});

/** @param id `model_type`   @param vocabulary tokens that its configuration class means if none are said */
function readConfig(settings: Settings, id: string, vocabulary: number): ModelConfig {
  const config = readUsual(settings, { vocabulary, hidden: 768, heads: 12, inner: 3072, pad: 1 });
  if (config.hiddenAct !== 'gelu')
    throw refusedSetting('hidden_act', '"gelu"', `"${config.hiddenAct}"`, 'The head of a RoBERTa has GELU whatever its layers have');
  return { ...config, family: id };
}

/** RoBERTa and the families that are RoBERTas under other names. @param classes how Hugging Face's class names begin */
function relative(id: string, label: string, classes: string, vocabulary: number): Family {
  const names: CheckpointNames = {
    family: `a ${label}`,
    root: 'roberta.',
    parts: /^(?:embeddings|encoder|pooler)\./,
    head: ['lm_head.'],
    words: WORDS,
    decoder: DECODER,
    bias: BIAS,
    biasCopy: BIAS_COPY,
    layer: /^roberta\.encoder\.layer\.(?<layer>\d+)\./,
    leftOut: [
      ['roberta.embeddings.position_ids', 'counts the positions; made anew'],
      ['roberta.embeddings.token_type_ids', 'a buffer of zeros; made anew'],
      ['roberta.pooler.', 'pooler: masked language modelling does not use it'],
      ...TASK_HEADS,
    ],
  };
  return {
    id,
    label,
    // Positions are counted from the row behind the padding's (fairseq's make_positions).
    positionOffset: (pad) => pad + 1,
    parameters,
    readConfig: (settings) => readConfig(settings, id, vocabulary),
    writeConfig: (config, headless) => writeUsual(`${classes}${headless ? 'Model' : 'ForMaskedLM'}`, id, config),
    ownNames: (config, given) => fullNames(names, config, given),
    leftOut: (name, config) => leftOutBy(names, name, config),
    // Without it transformers 5 loads zeros for an untied decoder's bias.
    copies: ({ tieWordEmbeddings }) => new Map(tieWordEmbeddings ? [] : [[BIAS_COPY, BIAS]]),
    // Its tokenizers make no segments: all tokens are of the first one.
    onnxInputs: { ids: 'input_ids', mask: 'attention_mask' },
    tieSetting: 'tie_word_embeddings',
    place,
    weightName: weightNameBy(new Map([[BIAS, DECODER]])),
  };
}

export const roberta = relative('roberta', 'RoBERTa', 'Roberta', 50265);
export const xlmRoberta = relative('xlm-roberta', 'XLM-RoBERTa', 'XLMRoberta', 30522);
export const camembert = relative('camembert', 'CamemBERT', 'Camembert', 30522);

import { jsonFile } from '../../export/checkpointFiles.ts';
import type { OnnxDense, OnnxSentence } from '../../export/onnxPooling.ts';
import { safetensorsPieces } from '../../formats/safetensorsPieces.ts';
import type { ZipFile } from '../../formats/zipStream.ts';
import { isLinear, POOLERS, vectorWidth, type DenseActivation, type Pooler } from '../../models/sentencePooling.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { SentenceModules } from '../teacher/sentenceModules.ts';

/** What ONNX files say of pooling. @throws StudioError for what they cannot say */
export function onnxSentenceOf({ pooling }: SentenceModules): OnnxSentence {
  const [first, second, ...more] = pooling.layers;
  const dense = first === undefined || first === 'normalize' ? undefined : first;
  const rest = [...(dense === undefined && first !== undefined ? [first] : []), ...(second === undefined ? [] : [second]), ...more];
  const poolers = pooling.poolers.filter(isLinear);
  const isPlain = dense === undefined || (dense.activation === 'identity' && dense.bias === undefined);
  if (!isPlain || poolers.length < pooling.poolers.length || rest.length > 1 || (rest.length === 1 && rest[0] !== 'normalize'))
    throw new StudioError(
      'export',
      'export: expected poolers that are sums of tokens, one layer without bias or activation, and a normalisation at the end, got others. Use sentence-transformers to convert it.',
    );
  return {
    poolers,
    dense: dense === undefined ? undefined : { weight: dense.weight, outputs: dense.outputs },
    normalised: rest.length === 1,
  };
}

/** The layer behind pooling, to be laid behind every token. @throws StudioError if that is not the same */
export function tokenDense(modules: SentenceModules): OnnxDense {
  const { poolers, dense } = onnxSentenceOf(modules);
  const [pooler] = poolers;
  // Weights that add up to 1, so that the order does not matter to a layer without bias; any sum of tokens has that.
  if (poolers.length !== 1 || (pooler !== 'cls' && pooler !== 'mean'))
    throw new StudioError(
      'export',
      `export: dense — expected cls or mean, which tools that pool by themselves know, got ${poolers.join(' and ')}. Write the layer as a module of its own.`,
    );
  if (dense === undefined)
    throw new StudioError('export', 'export: dense — expected a layer behind pooling, got none. Leave the option out.');
  return dense;
}

const TYPE = 'sentence_transformers.models';
const ACTIVATIONS: Readonly<Record<DenseActivation, string>> = {
  identity: 'torch.nn.modules.linear.Identity',
  tanh: 'torch.nn.modules.activation.Tanh',
  relu: 'torch.nn.modules.activation.ReLU',
  sigmoid: 'torch.nn.modules.activation.Sigmoid',
};
/** Settings of version 1 to 5, which 6 reads as well. */
const MODES: Readonly<Record<Pooler, string>> = {
  cls: 'pooling_mode_cls_token',
  max: 'pooling_mode_max_tokens',
  mean: 'pooling_mode_mean_tokens',
  mean_sqrt_len_tokens: 'pooling_mode_mean_sqrt_len_tokens',
  weightedmean: 'pooling_mode_weightedmean_tokens',
  lasttoken: 'pooling_mode_lasttoken',
};

/** The files by which sentence-transformers, and what reads its folders, know how vectors are made. @param hiddenSize of the encoder */
export function sentenceFiles({ pooling, longest, lowercase, prompts, defaultPrompt }: SentenceModules, hiddenSize: number): ZipFile[] {
  const modules: { readonly name: string; readonly type: string; readonly path: string }[] = [];
  const files: ZipFile[] = [];
  const add = (kind: string): string => {
    const path = kind === 'Transformer' ? '' : `${modules.length}_${kind}`;
    modules.push({ name: String(modules.length), type: `${TYPE}.${kind}`, path });
    return path;
  };
  add('Transformer');
  const inOrder = POOLERS.filter((pooler) => pooling.poolers.includes(pooler));
  files.push(
    jsonFile(`${add('Pooling')}/config.json`, {
      // The old form has one order of them, and the new one is read by version 6 alone.
      ...(inOrder.join() === pooling.poolers.join()
        ? {
            word_embedding_dimension: hiddenSize,
            ...Object.fromEntries(POOLERS.map((pooler) => [MODES[pooler], pooling.poolers.includes(pooler)])),
          }
        : { embedding_dimension: hiddenSize, pooling_mode: pooling.poolers }),
      include_prompt: true,
    }),
  );
  let width = vectorWidth({ ...pooling, layers: [] }, hiddenSize);
  for (const layer of pooling.layers) {
    if (layer === 'normalize') {
      add('Normalize');
      continue;
    }
    const path = add('Dense');
    const { inputs, outputs, weight, bias, activation } = layer;
    files.push(
      jsonFile(`${path}/config.json`, {
        in_features: width,
        out_features: outputs,
        bias: bias !== undefined,
        activation_function: ACTIVATIONS[activation],
      }),
      {
        path: `${path}/model.safetensors`,
        pieces: safetensorsPieces(
          new Map([
            ['linear.weight', { shape: [outputs, inputs], data: weight }],
            ...(bias === undefined ? [] : [['linear.bias', { shape: [outputs], data: bias }] as const]),
          ]),
          { format: 'pt' },
        ),
      },
    );
    width = outputs;
  }
  return [
    jsonFile(
      'modules.json',
      modules.map(({ name, type, path }, idx) => ({ idx, name, path, type })),
    ),
    ...files,
    jsonFile('sentence_bert_config.json', { max_seq_length: longest, do_lower_case: lowercase }),
    jsonFile('config_sentence_transformers.json', {
      prompts: Object.fromEntries(prompts),
      default_prompt_name: defaultPrompt ?? null,
      similarity_fn_name: 'cosine',
    }),
  ];
}

import { Random } from '../tensor/random.ts';
import { sizeOf } from '../tensor/shape.ts';
import type { BertConfig } from './config.ts';
import { parameterShapes, type BertModel } from './model.ts';

/** A BERT with random weights as Hugging Face makes them: normal(0, initializerRange), biases 0, LayerNorm gains 1. */
export function freshModel(config: BertConfig, seed: number): BertModel {
  const random = new Random(seed);
  const tensors = new Map(
    [...parameterShapes(config)].map(([name, shape]) => {
      const data = new Float32Array(sizeOf(shape));
      if (name.endsWith('LayerNorm.weight')) data.fill(1);
      else if (!name.endsWith('bias')) for (let i = 0; i < data.length; i++) data[i] = config.initializerRange * random.normal();
      return [name, { shape, data }] as const;
    }),
  );
  return { config, tensors };
}

import { Random } from '../tensor/random.ts';
import { sizeOf } from '../tensor/shape.ts';
import { blueprintOf } from './blueprint.ts';
import type { ModelConfig } from './config.ts';
import { parameterShapes, type BertModel } from './model.ts';

/** A model with random weights as Hugging Face makes them: normal(0, initializerRange), biases and shifts 0, gains 1. */
export function freshModel(config: ModelConfig, seed: number): BertModel {
  const random = new Random(seed);
  const blueprint = blueprintOf(config);
  const tensors = new Map(
    [...parameterShapes(config)].map(([name, shape]) => {
      const data = new Float32Array(sizeOf(shape));
      const owner = blueprint.owner(name);
      if (owner?.kind === 'norm' && owner.weight === name) data.fill(1);
      else if (!blueprint.isVector(name)) for (let i = 0; i < data.length; i++) data[i] = config.initializerRange * random.normal();
      return [name, { shape, data }] as const;
    }),
  );
  return { config, tensors };
}

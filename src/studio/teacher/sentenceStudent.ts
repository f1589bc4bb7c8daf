import { blueprintOf } from '../../models/blueprint.ts';
import { encoderShapes, longestSequence, type BertModel } from '../../models/model.ts';
import type { SentenceDense } from '../../models/sentencePooling.ts';
import { matrix, singularValues } from '../../tensor/matrix.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { VectorForm } from '../api/exporting.ts';
import type { SentenceModules } from './sentenceModules.ts';

/** A student as sentence-transformers sees it: an encoder alone, and what follows it. */
export interface SentenceStudent {
  readonly encoder: BertModel;
  readonly modules: SentenceModules;
}

/** @param teacher what its folder said of sentences */
export function sentenceStudent(student: BertModel, teacher: SentenceModules, form: VectorForm): SentenceStudent {
  const { config } = student;
  const name = blueprintOf(config).find('sentenceDense')?.weight;
  const tensor = name === undefined ? undefined : student.tensors.get(name);
  if (tensor === undefined || config.sentence === undefined)
    throw new StudioError('export', 'export: expected a student for sentence vectors, got one without the layer behind pooling.');
  const { dense: _, ...head } = config.sentence;
  const [outputs = 0, inputs = 0] = tensor.shape;
  const whole: SentenceDense = { inputs, outputs, weight: tensor.data, bias: undefined, activation: 'identity' };
  const layer = form === 'same' ? whole : ownDense(whole);
  const shapes = encoderShapes(config);
  return {
    encoder: {
      config: { ...config, sentence: head },
      tensors: new Map([...student.tensors].filter(([each]) => shapes.has(each))),
    },
    modules: {
      ...teacher,
      longest: Math.min(teacher.longest, longestSequence(config)),
      pooling: { poolers: head.poolers, layers: [layer, ...(head.normalised ? (['normalize'] as const) : [])] },
    },
  };
}

/**
 * A layer A [n, n] in the place of D [w, n] with the same cosines: A = S V^T of D = U S V^T, so that A^T A = D^T D. Without one that is
 * wider than it is high nothing is gained, and it stays.
 */
function ownDense(dense: SentenceDense): SentenceDense {
  const { inputs, outputs, weight } = dense;
  if (outputs <= inputs) return dense;
  const { d, v } = singularValues(matrix(outputs, inputs, weight));
  const own = new Float32Array(inputs * inputs);
  for (let row = 0; row < inputs; row++)
    for (let column = 0; column < inputs; column++) own[row * inputs + column] = (d[row] ?? 0) * (v.data[column * inputs + row] ?? 0);
  return { ...dense, outputs: inputs, weight: own };
}

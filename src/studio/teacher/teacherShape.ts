import type { ModelConfig } from '../../models/config.ts';
import type { TeacherShape } from '../api/recipe.ts';

export function shapeOf({ layers, hiddenSize, heads, intermediateSize, rotary }: ModelConfig): TeacherShape {
  const sizes = { layers, hiddenSize, heads, headSize: hiddenSize / heads, intermediateSize };
  return rotary === undefined ? sizes : { ...sizes, wholeHeads: true };
}

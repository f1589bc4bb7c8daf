import type { HeadRole } from '../blueprint.ts';
import type { Family, ParameterNames } from '../family.ts';
import { both } from './checkpointNames.ts';

/**
 * A module's parameters by the names that BERT has, and the families made after it have below another root.
 * @param root as in `bert`   @param head the names of its head, which every family has of its own
 */
export function usualNames(root: string, head: Readonly<Record<HeadRole, ParameterNames>>): Family['parameters'] {
  return (role, layer) => {
    const inLayer = (module: string): ParameterNames => both(`${root}.encoder.layer.${layer}.${module}`);
    switch (role) {
      case 'words':
        return { weight: `${root}.embeddings.word_embeddings.weight` };
      case 'positions':
        return { weight: `${root}.embeddings.position_embeddings.weight` };
      case 'segments':
        return { weight: `${root}.embeddings.token_type_embeddings.weight` };
      case 'embeddingNorm':
        return both(`${root}.embeddings.LayerNorm`);
      case 'embeddingProjection':
        // Only if the tables are of another width than the layers.
        return both(`${root}.embeddings_project`);
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
      case 'transformNorm':
      case 'decoder':
        return head[role];
      case 'gate':
      case 'finalNorm':
        return undefined;
    }
  };
}

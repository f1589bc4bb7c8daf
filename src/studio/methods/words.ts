import { sentenceEmbedding } from '../../tasks/sentenceEmbedding.ts';
import type { Task } from '../../tasks/task.ts';
import type { Recipe } from '../api/recipe.ts';
import { factorisesTables, taskSettings } from '../recipe/recipe.ts';

const STARTS: Readonly<Record<Recipe['start'], string>> = {
  selection: "a selection of the teacher's weights",
  calibrated: "a closed-form start from the teacher's activations",
};

/** Where the student of a baseline started. */
export function chosenStart({ start }: Recipe): string {
  return STARTS[start];
}

/**
 * A run on the student's own weights in sentences.
 * @param from where it started   @param loss what is added to the task's loss, in words
 */
export function ownWeightsInWords(recipe: Recipe, task: Task, from: string, loss = ''): string {
  const { mode, steps, batch, sequence, polishLearningRate } = recipe;
  return [
    `The student started from ${from}.`,
    steps === 0
      ? `Nothing was trained (mode \`${mode}\`).`
      : `Then ${steps} steps of ${batch} x ${sequence} tokens trained its own weights (mode \`${mode}\`, peak learning rate ${polishLearningRate}${loss}).`,
    settingsInWords(recipe, task),
  ].join(' ');
}

export function fromLogits(part: number, temperature: number): string {
  return `${percent(part)} of the loss from the teacher's logits at temperature ${temperature}`;
}

/** The settings that all methods but the published one share, in a sentence. */
export function settingsInWords(recipe: Recipe, task: Task): string {
  const { steps, documents, masking, wholeWords, warmup, warmupSteps, decay, accumulation, clipNorm, weightDecay, beta2, tableRank, seed } =
    recipe;
  if (steps === 0) return `Seed ${seed}.`;
  const { predicted } = taskSettings(recipe);
  const parts = accumulation > 1 ? `, each step in ${accumulation} micro-batches` : '';
  const apart = documents === 'apart' ? ' of documents that lie apart in their sequences' : '';
  const factors = factorisesTables(recipe)
    ? `, tables of words as two factors of rank ${tableRank} while the student's own weights were trained`
    : '';
  const seen = predicted > masking ? `, ${percent(predicted)} of the tokens predicted as the teacher does, masked or not` : '';
  const { sentences, likeness } = recipe;
  const learned =
    task === sentenceEmbedding
      ? `Each step learned the teacher's vectors of at most ${sentences} sentences, by their cosine${likeness > 0 ? ` and by the differences of cosines within the batch (weight ${likeness})` : ''}`
      : `Masked language modelling on ${percent(masking)} of the ${wholeWords ? 'words' : 'tokens'}${apart}${seen}`;
  return `${learned}, AdamW with weight decay ${weightDecay} and beta2 ${beta2}${factors}, warm-up over ${percent(warmup)} of the steps, at least ${warmupSteps}, and ${decay} decay, gradients clipped at norm ${clipNorm}${parts}, seed ${seed}.`;
}

export function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

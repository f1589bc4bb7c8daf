import type { Recipe } from './studioApi.ts';

const STARTS: Readonly<Record<Recipe['start'], string>> = {
  selection: "a selection of the teacher's weights",
  calibrated: "a closed-form start from the teacher's activations",
};

/** A recipe in sentences, for the model card. */
export function recipeInWords(recipe: Recipe): string {
  const { mode, steps, batch, sequence, compactorShare, seed } = recipe;
  const size = `${steps} steps of ${batch} x ${sequence} tokens`;
  const closedForm = `calibrated on ${recipe.calibrationTokens} tokens, ${recipe.calibration === 'sequential' ? 'layer by layer' : 'in one pass'}`;
  const settings = `Masked-language-model loss, AdamW, warm-up over ${percent(recipe.warmup)} of the steps, gradients clipped at norm ${recipe.clipNorm}, seed ${seed}.`;
  if (mode === 'calibrated') {
    const trained = Math.round(steps * compactorShare);
    const polished = steps - trained;
    const phases = [
      ...(trained > 0 ? [`${trained} steps trained compactors (peak learning rate ${recipe.compactorLearningRate})`] : []),
      ...(polished > 0 ? [`${polished} steps polished the student's own weights (peak learning rate ${recipe.polishLearningRate})`] : []),
    ];
    return `Compactors around every linear layer were ${closedForm}. Then ${size}: ${phases.join('; ') || 'none'}. ${settings}`;
  }
  if (mode === 'paper') {
    const { paper } = recipe;
    return `Square compactors around every linear layer began at the identity and were squeezed as published (mode \`paper\`): ${size}, compactors at a peak learning rate of ${paper.compactorLearningRate} and the teacher's own weights at ${paper.weightLearningRate}, penalty ${paper.penalty}. Dimensions that were near zero were then dropped. AdamW without bias correction, seed ${seed}.`;
  }
  const start = mode === 'scratch' ? 'random weights' : STARTS[recipe.start];
  const loss =
    mode === 'distil'
      ? ` ${percent(recipe.distillationShare)} of the loss came from the teacher's logits at temperature ${recipe.distillationTemperature}.`
      : '';
  return `From ${start}, ${size} trained the student's own weights (mode \`${mode}\`, peak learning rate ${recipe.polishLearningRate}).${loss} ${settings}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

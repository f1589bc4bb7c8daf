import type { Recipe } from '../api/recipe.ts';

const STARTS: Readonly<Record<Recipe['start'], string>> = {
  selection: "a selection of the teacher's weights",
  calibrated: "a closed-form start from the teacher's activations",
};

/** A recipe in sentences, for the model card. */
export function recipeInWords(recipe: Recipe): string {
  if (recipe.mode === 'paper') return published(recipe);
  if (recipe.mode === 'progressive') return `${squeezed(recipe)} ${settings(recipe)}`;
  return [...start(recipe), steps(recipe), settings(recipe)].join(' ');
}

function published({ steps: count, batch, sequence, paper, seed }: Recipe): string {
  return `Square compactors around every linear layer began at the identity and were squeezed as published (mode \`paper\`): ${count} steps of ${batch} x ${sequence} tokens, compactors at a peak learning rate of ${paper.compactorLearningRate} and the teacher's own weights at ${paper.weightLearningRate}, penalty ${paper.penalty}. Dimensions that were near zero were then dropped. AdamW without bias correction, seed ${seed}.`;
}

function squeezed({ steps: count, batch, sequence, rampShare, calibrationTokens, polishLearningRate }: Recipe): string {
  return `The teacher, in a basis ordered on ${calibrationTokens} tokens, was narrowed by gates that closed over the first ${percent(rampShare)} of ${count} steps of ${batch} x ${sequence} tokens (mode \`progressive\`, its own weights at a peak learning rate of ${polishLearningRate}).`;
}

function start({ mode, start: from, student, depth, calibrationTokens, calibration }: Recipe): string[] {
  if (mode !== 'calibrated') return [`The student started from ${mode === 'scratch' ? 'random weights' : STARTS[from]}.`];
  const how = calibration === 'sequential' ? 'layer by layer against the student so far' : "in one pass over the teacher's activations";
  return [
    `Compactors around every linear layer were solved in closed form on ${calibrationTokens} tokens, ${how}.`,
    ...(depth === 'mixture' ? [`The ${student.layers} layers inherit from learned mixtures of the teacher's.`] : []),
  ];
}

function steps(recipe: Recipe): string {
  const { mode, batch, sequence, compactorShare, teacherLearningRate, guidance, distillationTemperature } = recipe;
  const size = `${recipe.steps} steps of ${batch} x ${sequence} tokens`;
  if (mode !== 'calibrated') {
    const loss =
      mode === 'distil'
        ? `, ${fromLogits(recipe.distillationShare, recipe.distillationTemperature)}${recipe.distillationHidden > 0 ? `, hidden states with weight ${recipe.distillationHidden}` : ''}`
        : '';
    return `Then ${size} trained its own weights (mode \`${mode}\`, peak learning rate ${recipe.polishLearningRate}${loss}).`;
  }
  const trained = Math.round(recipe.steps * compactorShare);
  const polished = recipe.steps - trained;
  const below = teacherLearningRate > 0 ? `, the teacher's weights below them at ${teacherLearningRate}` : '';
  const parts = [
    ...(trained > 0 ? [`${trained} trained the compactors (peak learning rate ${recipe.compactorLearningRate}${below})`] : []),
    ...(polished > 0 ? [`${polished} polished the student's own weights (peak learning rate ${recipe.polishLearningRate})`] : []),
  ];
  const loss = guidance > 0 ? `, ${fromLogits(guidance, distillationTemperature)}` : '';
  return parts.length === 0 ? 'Nothing was trained.' : `Of ${size}, ${parts.join(' and ')}${loss}.`;
}

function fromLogits(part: number, temperature: number): string {
  return `${percent(part)} of the loss from the teacher's logits at temperature ${temperature}`;
}

function settings({ masking, wholeWords, warmup, decay, accumulation, clipNorm, weightDecay, seed }: Recipe): string {
  const parts = accumulation > 1 ? `, each step in ${accumulation} micro-batches` : '';
  return `Masked language modelling on ${percent(masking)} of the ${wholeWords ? 'words' : 'tokens'}, AdamW with weight decay ${weightDecay}, warm-up over ${percent(warmup)} of the steps and ${decay} decay, gradients clipped at norm ${clipNorm}${parts}, seed ${seed}.`;
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

import type { ModelShape, Recipe } from '../../studio/api/recipe.ts';
import { choose, recipeFromHash, recipeToHash, withStudent } from '../recipeChoices.ts';
import type { ChoiceName } from '../recipeFields.ts';
import { toFault } from '../faults.ts';
import { isGoing, useRun } from '../runStore.ts';
import { useSetup } from '../setupStore.ts';
import { withinVocabulary } from '../vocabularyChoice.ts';
import type { Desk } from './desk.ts';
import { isCutFor, loadText } from './textReading.ts';

export interface RecipeActions {
  change(part: Partial<Recipe>): void;
  changeStudent(student: ModelShape): void;
  choose(name: ChoiceName, word: string): void;
  /** The widest student whose fp32 weights fit, with the recipe's layers and heads. */
  fit(bytes: number): Promise<void>;
}

const PLAN_AFTER_MS = 80;
/** A vocabulary is cut by the text, which is read again: that waits until the slider rests. */
const CUT_AFTER_MS = 600;
/** Laying the training graphs takes longer than the plan, so it waits until the sliders rest. */
const COST_AFTER_MS = 400;

/** Asks what the recipe would cost; answers to an older recipe are dropped. */
export async function replan(desk: Desk): Promise<void> {
  const { recipe } = useSetup.getState();
  if (recipe === undefined) return;
  const plan = await desk.api.plan(recipe);
  if (useSetup.getState().recipe === recipe) useSetup.setState({ plan });
}

export async function recost(desk: Desk): Promise<void> {
  const { recipe } = useSetup.getState();
  if (recipe === undefined) return;
  const costs = await desk.api.stepCosts(recipe);
  if (useSetup.getState().recipe === recipe) useSetup.setState({ costs });
}

/** Reads the text again for the vocabulary that the recipe asks for, so that its costs and what it does to the text can be shown. */
async function cutAgain(desk: Desk): Promise<void> {
  const { recipe, text } = useSetup.getState();
  // A run has the session to itself, and the next one reads the text when it starts.
  if (recipe === undefined || text === undefined || isCutFor(text, recipe) || isGoing(useRun.getState().status)) return;
  try {
    await loadText(desk);
  } catch (error) {
    // The slider has moved on, or who cancelled knows.
    if (toFault(error).code !== 'cancelled') throw error;
  }
  await replan(desk);
  await recost(desk);
}

/**
 * Makes a whole recipe the one at hand, address and costs included; the browser's Back brings the one before it.
 * @param fromAddress the address names it already
 */
export async function takeRecipe(desk: Desk, recipe: Recipe, fromAddress = false): Promise<void> {
  const before = useSetup.getState().recipe;
  useSetup.setState({ recipe, costs: undefined });
  const hash = `#${recipeToHash(recipe)}`;
  if (fromAddress || before === undefined) history.replaceState(null, '', hash);
  else if (hash !== `#${recipeToHash(before)}`) {
    // Sliders that have just moved may not be in the address yet.
    history.replaceState(null, '', `#${recipeToHash(before)}`);
    history.pushState(null, '', hash);
  }
  await replan(desk);
  await recost(desk);
}

/** A shared link opened where the studio is already open changes the address alone: its recipe is taken over all the same. */
export function followAddress(desk: Desk): void {
  window.addEventListener('hashchange', () => {
    const { recipe, teacher, byShape } = useSetup.getState();
    if (recipe === undefined || teacher === undefined || byShape === undefined || !location.hash.includes('=')) return;
    const named = withinVocabulary(recipeFromHash(location.hash, recipe, teacher, byShape), teacher);
    void desk.guarded(() => takeRecipe(desk, named, true));
  });
}

export function recipeActions(desk: Desk): RecipeActions {
  let planTimer: ReturnType<typeof setTimeout> | undefined;
  let costTimer: ReturnType<typeof setTimeout> | undefined;
  let cutTimer: ReturnType<typeof setTimeout> | undefined;
  const change = (part: Partial<Recipe>): void => {
    const { recipe } = useSetup.getState();
    if (recipe === undefined) return;
    const changed = { ...recipe, ...part };
    useSetup.setState({ recipe: changed, costs: undefined });
    clearTimeout(planTimer);
    clearTimeout(costTimer);
    planTimer = setTimeout(() => {
      // Another recipe was taken whole meanwhile.
      if (useSetup.getState().recipe !== changed) return;
      history.replaceState(null, '', `#${recipeToHash(changed)}`);
      void desk.guarded(() => replan(desk));
    }, PLAN_AFTER_MS);
    costTimer = setTimeout(() => void desk.guarded(() => recost(desk)), COST_AFTER_MS);
    if ('vocabulary' in part || 'vocabularyText' in part) {
      clearTimeout(cutTimer);
      cutTimer = setTimeout(() => void desk.guarded(() => cutAgain(desk)), CUT_AFTER_MS);
    }
  };
  const changeStudent = (student: ModelShape): void => {
    const { recipe, teacher, byShape } = useSetup.getState();
    if (recipe !== undefined && teacher !== undefined && byShape !== undefined)
      change(withStudent(recipe, student, teacher.shape, byShape));
  };
  return {
    change,
    changeStudent,
    choose(name, word) {
      const { recipe, teacher, byShape } = useSetup.getState();
      if (recipe !== undefined && teacher !== undefined && byShape !== undefined)
        change(choose(recipe, name, word, teacher.shape, byShape));
    },
    async fit(bytes) {
      const { recipe } = useSetup.getState();
      if (recipe === undefined) return;
      const { layers, heads } = recipe.student;
      await desk.guarded(async () => changeStudent(await desk.api.student({ maxBytes: bytes, layers, heads }, recipe.tied)));
    },
  };
}

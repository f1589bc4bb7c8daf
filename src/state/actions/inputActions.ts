import { demoFiles, readAll, sortFiles, underFolder, type UnreadFile } from '../givenFiles.ts';
import { recipeFromHash } from '../recipeChoices.ts';
import { useSetup } from '../setupStore.ts';
import type { Desk } from './desk.ts';
import { recost, replan } from './recipeActions.ts';

export interface InputActions {
  /** Sorts files into a teacher and text, and reads them. */
  open(files: readonly UnreadFile[]): Promise<void>;
}

export async function loadTeacher(desk: Desk, name: string, files: readonly UnreadFile[]): Promise<void> {
  useSetup.setState({ reading: `Reading ${name}` });
  const teacher = await desk.api.loadTeacher(name, await readAll(files));
  const recipe = recipeFromHash(location.hash, await desk.api.defaults(), teacher.shape, teacher.maxPositions);
  useSetup.setState({ teacher, recipe, presets: await desk.api.presets(), text: undefined, plan: undefined, costs: undefined });
  desk.dropResult();
  await replan(desk);
}

export async function loadText(desk: Desk): Promise<void> {
  const { recipe } = useSetup.getState();
  const { text } = desk;
  if (text === undefined || recipe === undefined) return;
  useSetup.setState({ reading: 'Reading the text' });
  useSetup.setState({
    text: await desk.api.loadText(text.name, await readAll(text.files), { sequence: recipe.sequence, seed: recipe.seed }),
  });
}

export async function loadDemo(desk: Desk): Promise<void> {
  useSetup.setState({ reading: 'Fetching the demo' });
  const demo = await demoFiles(desk.base);
  await loadTeacher(desk, 'demo-teacher', demo.teacher);
  desk.text = { name: 'Demo prose', files: demo.prose };
}

export function inputActions(desk: Desk): InputActions {
  return {
    async open(files) {
      await desk.guarded(async () => {
        const { teacher, text } = sortFiles(files);
        if (teacher.length === 0 && text.length === 0)
          throw new Error(
            'drop: these files — expected a BERT (config.json, weights, vocabulary) or text (.txt, .jsonl, .csv, .tsv, .parquet), got neither. Drop the model folder or text files.',
          );
        if (teacher.length > 0) {
          const folder = underFolder(teacher, 'teacher');
          await loadTeacher(desk, folder.name, folder.files);
        }
        if (text.length > 0) desk.text = underFolder(text, 'Your text');
        await loadText(desk);
        await recost(desk);
      });
    },
  };
}

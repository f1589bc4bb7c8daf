import type { StudioListener } from '../../studio/api/run.ts';
import type { Recipe } from '../../studio/api/recipe.ts';
import type { DocumentsForm, TextReport, TextWish } from '../../studio/api/text.ts';
import { useSetup } from '../setupStore.ts';
import { whileReading } from '../whileReading.ts';
import type { Desk } from './desk.ts';

/** How far a text is read. */
export function shareTold(say: (words: string) => void): StudioListener {
  return (event) => {
    if (event.kind === 'progress') say(`Reading the text, ${Math.round((100 * event.done) / Math.max(1, event.total))} %`);
  };
}

/** A text that came back with its run is packed, and cannot be read again otherwise. @param cure besides giving its files */
export function packedAlready(desk: Desk, { name, sequence }: TextReport, wanted: string, cure = ''): Error {
  const files = desk.recalledFrom.length === 0 ? 'its files' : desk.recalledFrom.join(', ');
  return new Error(
    `text: ${name} — expected its files, to ${wanted}, got it as its run kept it, packed to ${sequence} tokens. Drop ${files} on this page${cure}.`,
  );
}

/** How the documents of a text lie; builds that did not say joined them. */
function formOf({ packing }: TextReport): DocumentsForm {
  return packing?.documents ?? 'joined';
}

/** Whether a text is packed as a recipe asks for. */
export function isPackedFor(text: TextReport, recipe: PackingOfRecipe): boolean {
  const { sequence, documents } = recipe;
  return (
    isCutFor(text, recipe) &&
    text.sequence === sequence &&
    (documents === 'auto' ? text.packing?.wish === 'auto' : formOf(text) === documents)
  );
}

/** The parts of a recipe that a text is read for. */
type PackingOfRecipe = Pick<Recipe, 'sequence' | 'documents' | 'vocabulary' | 'vocabularyText'>;

/** Whether a text is of the vocabulary that a recipe asks for. */
export function isCutFor({ cut }: TextReport, { vocabulary, vocabularyText }: Pick<Recipe, 'vocabulary' | 'vocabularyText'>): boolean {
  return (cut?.vocabulary ?? 0) === vocabulary && (cut?.vocabularyText ?? false) === vocabularyText;
}

/** What the session is asked for when it reads a text for a recipe. */
export function wishOf({ sequence, seed, documents, vocabulary, vocabularyText }: Recipe): Omit<TextWish, 'column'> {
  return { sequence, seed, documents, cut: { vocabulary, vocabularyText } };
}

/** @throws Error where the text came back with its run and the recipe asks for another length */
export async function loadText(desk: Desk): Promise<void> {
  const { recipe, text: shown } = useSetup.getState();
  const { text } = desk;
  if (recipe === undefined) return;
  if (text === undefined) {
    if (shown === undefined || isPackedFor(shown, recipe)) return;
    if (!isCutFor(shown, recipe)) throw packedAlready(desk, shown, 'cut its vocabulary otherwise', ', or leave the vocabulary as it was');
    // It was chosen, or measured, when its run began.
    if (shown.sequence === recipe.sequence && recipe.documents === 'auto') return;
    if (shown.sequence === recipe.sequence)
      throw packedAlready(desk, shown, 'pack its documents otherwise', `, or choose that documents are ${formOf(shown)}`);
    throw packedAlready(desk, shown, `pack it to ${recipe.sequence}`, `, or set the sequence length to ${shown.sequence}`);
  }
  const wish = { ...wishOf(recipe), ...(text.column === undefined ? {} : { column: text.column }) };
  useSetup.setState({ readingText: true });
  try {
    await whileReading('Reading the text', async (say) => {
      useSetup.setState({ text: await desk.api.loadText(text.name, text.files, wish, shareTold(say)) });
    });
  } finally {
    useSetup.setState({ readingText: false });
  }
}

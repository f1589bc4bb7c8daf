import { isCutFor } from '../../state/actions/textReading.ts';
import { SETTINGS } from '../../state/recipeFields.ts';
import { isGoing, useRun } from '../../state/runStore.ts';
import { useSetup, type TextReport } from '../../state/setupStore.ts';
import { vocabularyRange, vocabularyShown, vocabularySizes, withVocabulary, withVocabularyText } from '../../state/vocabularyChoice.ts';
import { sizeInWords } from '../../tensor/bytes.ts';
import { useActions } from '../actionsContext.ts';
import { percent, whole } from '../numbers.ts';
import { SizeSlider } from './SizeSlider.tsx';

/** How many of the teacher's words the student keeps, what that costs, and what it does to the text. */
export function VocabularyControl(): React.JSX.Element | null {
  const actions = useActions();
  const teacher = useSetup((state) => state.teacher);
  const recipe = useSetup((state) => state.recipe);
  const text = useSetup((state) => state.text);
  const plan = useSetup((state) => state.plan);
  if (teacher === undefined || recipe === undefined) return null;
  const range = vocabularyRange(teacher, text?.cut, recipe);
  const beyond = recipe.vocabularyText;
  return (
    <fieldset className="vocabulary" data-testid="vocabulary">
      <legend className="sr">Vocabulary</legend>
      <SizeSlider
        name={beyond ? 'More words' : 'Vocabulary'}
        id="vocabulary"
        values={vocabularySizes(range)}
        value={vocabularyShown(teacher, recipe)}
        least={range.least}
        {...(beyond ? {} : { teacherValue: range.most })}
        onChange={(value) => actions.change(withVocabulary(recipe, value, range))}
      />
      <label className="inline switch">
        <input
          type="checkbox"
          data-testid="vocabularyText"
          checked={beyond}
          onChange={(event) => actions.change(withVocabularyText(event.currentTarget.checked, text?.cut))}
        />
        {SETTINGS.vocabularyText.label}
      </label>
      <p className="note" data-testid="vocabulary-share">
        {plan === undefined
          ? ''
          : `${sizeInWords(4 * plan.vocabularyParameters)} of ${sizeInWords(plan.bytesFp32)} are vocabulary (${percent(plan.vocabularyParameters / plan.parameters)}). `}
        {whole(range.least)} to {whole(range.most)} {beyond ? 'words beyond the text’s' : 'words'} are possible.
      </p>
      <CutOfText
        text={text}
        isCut={text !== undefined && isCutFor(text, recipe)}
        words={teacher.vocabularySize}
        isOver={teacher.words.overVocabulary === true}
      />
    </fieldset>
  );
}

interface CutOfTextProps {
  readonly text: TextReport | undefined;
  /** The text was read for the vocabulary that the recipe asks for. */
  readonly isCut: boolean;
  /** Of the teacher. */
  readonly words: number;
  /** Its loss is over them. */
  readonly isOver: boolean;
}

/** What the vocabulary does to the user's text. */
function CutOfText({ text, isCut, words, isOver }: CutOfTextProps): React.JSX.Element {
  const going = useRun((state) => isGoing(state.status));
  return (
    <p className="note" data-testid="vocabulary-text">
      {text === undefined
        ? 'The words that your text uses most stay.'
        : isCut
          ? `${told(text)}${isOver ? ` Losses are taken over ${whole(text.cut?.after ?? words)} words.` : ''}`
          : going
            ? 'Cut when the next run starts.'
            : 'Your text is read again for this vocabulary.'}
    </p>
  );
}

function told({ words, tokens, unknownShare, cut }: TextReport): string {
  const by = cut?.by;
  if (words === undefined || words === 0) return '';
  const now = `${(tokens / words).toFixed(2)} tokens a word`;
  if (by === undefined) return `Your text: ${now}, ${percent(unknownShare)} unknown.`;
  return `Your text: ${(by.tokens / by.words).toFixed(2)} → ${now}, ${percent(by.unknownShare)} → ${percent(unknownShare)} unknown; ${percent(by.covered)} of it stays as it was.`;
}

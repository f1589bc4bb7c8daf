import {
  CHOICE_NAMES,
  matters,
  NUMBER_NAMES,
  PAPER_NAMES,
  PAPER_SETTINGS,
  SETTINGS,
  showsPublished,
  SWITCH_NAMES,
  withNumber,
  withPaperNumber,
  type ChoiceName,
  type NumberName,
} from '../../state/recipeFields.ts';
import { useSetup, type Recipe } from '../../state/setupStore.ts';
import { useActions } from '../actionsContext.ts';
import { Icon } from '../Icon.tsx';
import { whole } from '../numbers.ts';
import { NumberField } from './NumberField.tsx';

/** How long and how fast to train. Values are brought into their legal range. */
export function TrainingOptions(): React.JSX.Element | null {
  const recipe = useSetup((state) => state.recipe);
  const task = useSetup((state) => state.teacher?.task);
  if (recipe === undefined) return null;
  const shown = <Name extends ChoiceName | NumberName>(names: readonly Name[], first: boolean): readonly Name[] =>
    names.filter((name) => !('apart' in SETTINGS[name]) && 'first' in SETTINGS[name] === first && matters(name, recipe, task));
  return (
    <details className="block options" open>
      <summary>
        <h3>Training</h3>
        <span className="note">
          {recipe.steps === 0 ? 'none' : `${whole(recipe.steps)} steps of ${recipe.batch} × ${recipe.sequence} tokens`}
        </span>
        <Icon name="down" />
      </summary>
      <div className="opt-grid">
        <Choices names={shown(CHOICE_NAMES, true)} recipe={recipe} />
        <Numbers names={shown(NUMBER_NAMES, true)} recipe={recipe} />
      </div>
      <details className="more">
        <summary>
          <span>More options</span>
          <Icon name="down" />
        </summary>
        <div className="opt-grid">
          <Choices names={shown(CHOICE_NAMES, false)} recipe={recipe} />
          <Numbers names={shown(NUMBER_NAMES, false)} recipe={recipe} />
        </div>
        {showsPublished(recipe) ? <PaperNumbers recipe={recipe} /> : null}
        <Switches recipe={recipe} />
      </details>
    </details>
  );
}

interface FieldsProps<Name> {
  readonly names: readonly Name[];
  readonly recipe: Recipe;
}

function Choices({ names, recipe }: FieldsProps<ChoiceName>): React.JSX.Element[] {
  const actions = useActions();
  return names.map((name) => (
    <label key={name}>
      {SETTINGS[name].label}
      <select data-testid={name} value={recipe[name]} onChange={(event) => actions.choose(name, event.currentTarget.value)}>
        {Object.entries(SETTINGS[name].words).map(([word, says]) => (
          <option key={word} value={word}>
            {says}
          </option>
        ))}
      </select>
    </label>
  ));
}

function Numbers({ names, recipe }: FieldsProps<NumberName>): React.JSX.Element[] {
  const actions = useActions();
  const positions = useSetup((state) => state.teacher?.maxPositions ?? 0);
  return names.map((name) => (
    <div key={name}>
      <span aria-hidden="true">{SETTINGS[name].label}</span>
      <NumberField
        label={SETTINGS[name].label}
        testId={`field-${name}`}
        value={recipe[name]}
        onChange={(typed) => actions.change(withNumber(recipe, name, typed, positions))}
      />
    </div>
  ));
}

/** What the paper publishes, to be departed from knowingly. */
function PaperNumbers({ recipe }: { readonly recipe: Recipe }): React.JSX.Element {
  const actions = useActions();
  return (
    <div className="opt-grid">
      {PAPER_NAMES.map((name) => (
        <div key={name}>
          <span aria-hidden="true">{PAPER_SETTINGS[name].label}</span>
          <NumberField
            label={PAPER_SETTINGS[name].label}
            testId={`field-paper-${name}`}
            value={recipe.paper[name]}
            onChange={(typed) => actions.change(withPaperNumber(recipe, name, typed))}
          />
        </div>
      ))}
    </div>
  );
}

function Switches({ recipe }: { readonly recipe: Recipe }): React.JSX.Element[] {
  const actions = useActions();
  const task = useSetup((state) => state.teacher?.task);
  return SWITCH_NAMES.filter((name) => !('apart' in SETTINGS[name]) && matters(name, recipe, task)).map((name) => (
    <label key={name} className="inline switch">
      <input
        type="checkbox"
        data-testid={name}
        checked={recipe[name]}
        onChange={(event) => actions.change({ [name]: event.currentTarget.checked })}
      />
      {SETTINGS[name].label}
    </label>
  ));
}

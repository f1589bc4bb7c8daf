import { CALIBRATIONS, MODES } from '../../state/recipeChoices.ts';
import { useSetup, type Recipe } from '../../state/setupStore.ts';
import { useActions } from '../actionsContext.ts';
import { Icon } from '../Icon.tsx';
import { NumberField } from './NumberField.tsx';

const MODE_WORDS = {
  calibrated: 'Inherit (WID)',
  paper: 'Inherit, as published',
  progressive: 'Squeeze step by step',
  prune: 'Prune only',
  distil: 'Distil logits',
  scratch: 'From scratch',
} as const;
const CALIBRATION_WORDS = { sequential: 'Layer by layer', 'one-pass': 'One pass, faster' } as const;

type Field = 'steps' | 'batch' | 'sequence' | 'evaluateEvery' | 'compactorLearningRate' | 'polishLearningRate' | 'seed';

interface FieldRule {
  readonly name: string;
  readonly least: number;
  readonly most: (maxPositions: number) => number;
  readonly whole: boolean;
}

const RULES: Readonly<Record<Field, FieldRule>> = {
  steps: { name: 'Steps', least: 1, most: () => 1_000_000, whole: true },
  batch: { name: 'Batch', least: 1, most: () => 256, whole: true },
  sequence: { name: 'Length', least: 8, most: (positions) => positions, whole: true },
  evaluateEvery: { name: 'Judge every', least: 1, most: () => 1_000_000, whole: true },
  compactorLearningRate: { name: 'Compactor rate', least: 1e-7, most: () => 0.1, whole: false },
  polishLearningRate: { name: 'Polish rate', least: 1e-7, most: () => 0.1, whole: false },
  seed: { name: 'Seed', least: 1, most: () => 2 ** 31 - 1, whole: true },
};
const FIELDS: readonly Field[] = ['steps', 'batch', 'sequence', 'evaluateEvery', 'compactorLearningRate', 'polishLearningRate', 'seed'];

/** How long and how fast to train. Values are brought into their legal range. */
export function TrainingOptions(): React.JSX.Element | null {
  const actions = useActions();
  const recipe = useSetup((state) => state.recipe);
  const positions = useSetup((state) => state.teacher?.maxPositions ?? 0);
  if (recipe === undefined) return null;
  const set = (field: Field, typed: number): void => {
    const { least, most, whole } = RULES[field];
    const bounded = Math.min(most(positions), Math.max(least, typed));
    actions.change({ [field]: whole ? Math.round(bounded) : bounded } satisfies Partial<Recipe>);
  };
  return (
    <details className="block options" open>
      <summary>
        <h3>Training</h3>
        <span className="note">
          {recipe.steps} steps of {recipe.batch} × {recipe.sequence} tokens
        </span>
        <Icon name="down" />
      </summary>
      <div className="opt-grid">
        <label>
          Method
          <select
            data-testid="mode"
            value={recipe.mode}
            onChange={(event) => {
              const mode = MODES.find((name) => name === event.currentTarget.value);
              if (mode !== undefined) actions.change({ mode });
            }}
          >
            {MODES.map((mode) => (
              <option key={mode} value={mode}>
                {MODE_WORDS[mode]}
              </option>
            ))}
          </select>
        </label>
        <label>
          Closed-form start
          <select
            data-testid="calibration"
            value={recipe.calibration}
            onChange={(event) => {
              const calibration = CALIBRATIONS.find((name) => name === event.currentTarget.value);
              if (calibration !== undefined) actions.change({ calibration });
            }}
          >
            {CALIBRATIONS.map((calibration) => (
              <option key={calibration} value={calibration}>
                {CALIBRATION_WORDS[calibration]}
              </option>
            ))}
          </select>
        </label>
        {FIELDS.map((field) => (
          <div key={field}>
            <span aria-hidden="true">{RULES[field].name}</span>
            <NumberField
              label={RULES[field].name}
              testId={`field-${field}`}
              value={recipe[field]}
              onChange={(typed) => set(field, typed)}
            />
          </div>
        ))}
      </div>
    </details>
  );
}

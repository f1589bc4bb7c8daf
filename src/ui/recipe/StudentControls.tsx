import { legalValues, nearest, withSize, type ShapeControl } from '../../state/recipeChoices.ts';
import { useSetup } from '../../state/setupStore.ts';
import { useActions } from '../actionsContext.ts';
import { FitTo } from './FitTo.tsx';
import { SizeSlider } from './SizeSlider.tsx';
import { VocabularyControl } from './VocabularyControl.tsx';

const CONTROLS: readonly { readonly control: ShapeControl; readonly name: string }[] = [
  { control: 'hiddenSize', name: 'Width' },
  { control: 'layers', name: 'Layers' },
  { control: 'heads', name: 'Heads' },
  { control: 'headSize', name: 'Head size' },
  { control: 'intermediateSize', name: 'FFN' },
];

const PRESET_WORDS = { wid55: 'WID55', wid11: 'WID11', half: 'Half', quarter: 'Quarter' } as const;

/** Presets and one slider a space; only students that Hugging Face's BERT can express. */
export function StudentControls(): React.JSX.Element | null {
  const actions = useActions();
  const teacher = useSetup((state) => state.teacher?.shape);
  const teacherName = useSetup((state) => state.teacher?.name);
  const student = useSetup((state) => state.recipe?.student);
  const presets = useSetup((state) => state.presets);
  const plan = useSetup((state) => state.plan);
  if (teacher === undefined || student === undefined) return null;
  return (
    <section className="block" aria-labelledby="h-student">
      <div className="block-head">
        <h3 id="h-student">Student</h3>
        <span className="note">{plan === undefined ? '' : `${(plan.teacherParameters / plan.parameters).toFixed(1)}× smaller`}</span>
      </div>
      <fieldset className="presets">
        <legend className="sr">Presets</legend>
        {presets.map(({ name, shape }) => {
          const chosen = CONTROLS.every(({ control }) => shape[control] === student[control]);
          return (
            <button key={name} type="button" className="preset" aria-pressed={chosen} onClick={() => actions.changeStudent(shape)}>
              {PRESET_WORDS[name]}
              <small>{shape.hiddenSize} wide</small>
            </button>
          );
        })}
      </fieldset>
      {CONTROLS.map(({ control, name }) => {
        const values = legalValues(control, teacher, student);
        return (
          <SizeSlider
            key={control}
            name={name}
            id={control}
            values={values}
            value={student[control]}
            teacherValue={nearest(values, teacher[control])}
            onChange={(value) => actions.changeStudent(withSize(teacher, student, control, value))}
          />
        );
      })}
      <VocabularyControl />
      <FitTo key={teacherName} />
    </section>
  );
}

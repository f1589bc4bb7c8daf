import { nearest } from '../../state/recipeChoices.ts';
import { NumberField } from './NumberField.tsx';

interface SizeSliderProps {
  readonly name: string;
  readonly id: string;
  /** Legal values, rising. */
  readonly values: readonly number[];
  readonly value: number;
  /** None if the teacher has no such size. */
  readonly teacherValue?: number;
  /** The smallest number to type; 1 if left out. */
  readonly least?: number;
  readonly onChange: (value: number) => void;
}

/** A slider over legal values, with the teacher's value as a bold tick and a field to type in. */
export function SizeSlider({ name, id, values, value, teacherValue, least = 1, onChange }: SizeSliderProps): React.JSX.Element {
  const last = values.length - 1;
  const index = values.indexOf(nearest(values, value));
  const place = (i: number): string => `${last === 0 ? 100 : (100 * i) / last}%`;
  return (
    <div className="slide">
      <label htmlFor={id}>{name}</label>
      <div className="track">
        <input
          id={id}
          type="range"
          data-testid={`slider-${id}`}
          min={0}
          max={last}
          step={1}
          value={index}
          disabled={last === 0}
          aria-valuetext={teacherValue === undefined ? String(value) : `${value}, teacher ${teacherValue}`}
          style={{ ['--p' as string]: place(index) }}
          onChange={(event) => onChange(values[Number(event.currentTarget.value)] ?? value)}
        />
        <div className="ticks" aria-hidden="true">
          {values.map((tick, i) => (
            <i key={tick} className={tick === teacherValue ? 'teacher' : ''} style={{ left: place(i) }} />
          ))}
        </div>
      </div>
      <NumberField
        label={`${name}, typed`}
        testId={`field-${id}`}
        value={value}
        onChange={(typed) => {
          if (typed >= Math.min(1, least)) onChange(typed);
        }}
      />
    </div>
  );
}

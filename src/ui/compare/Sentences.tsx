import { useState } from 'react';
import type { SentenceComparison } from '../../state/actions/judgeActions.ts';
import { useRun, type RunResult } from '../../state/runStore.ts';
import { useActions } from '../actionsContext.ts';
import { rampColour, readRamp } from '../figure/ramps.ts';

const EXAMPLE = [
  'A ship enters the harbour at night.',
  'A boat comes into the port in the dark.',
  'The baker sells bread in the morning.',
  'Fresh bread is sold early in the day.',
  'Nobody knows when the train will leave.',
].join('\n');

/** Pixels of one map and of the scatter. */
const SIDE = 180;
/** A difference of cosines that gets the strongest colour. */
const STRONG = 0.4;

interface SentencesProps {
  /** Whether there is a finished run to ask. */
  readonly ready: boolean;
}

/** Sentences of the user's by the vectors of teacher and student: maps of their cosines, a scatter, and who is next to whom. */
export function Sentences({ ready }: SentencesProps): React.JSX.Element {
  const actions = useActions();
  const asking = useRun((state) => state.asking);
  const result = useRun((state) => state.result);
  const [text, setText] = useState(EXAMPLE);
  const [chosen, setChosen] = useState(0);
  const [answer, setAnswer] = useState<{ readonly result: RunResult | undefined; readonly found: SentenceComparison | undefined }>();
  // Another run's student makes what was asked of the last one untrue.
  const found = answer?.result === result ? answer?.found : undefined;
  const ask = async (): Promise<void> => {
    setAnswer({ result, found: await actions.similarities(text) });
    setChosen(0);
  };
  return (
    <div className="block" data-testid="sentences-panel">
      <div className="block-head">
        <h3>Sentences</h3>
        <span className="note">{found === undefined ? '' : `rank correlation of cosines ${found.correlation.toFixed(3)}`}</span>
      </div>
      <form
        className="ask"
        onSubmit={(event) => {
          event.preventDefault();
          void ask();
        }}
      >
        <label className="sentence">
          <span className="sr">Sentences, one a line</span>
          <textarea data-testid="sentences" rows={5} value={text} onChange={(event) => setText(event.currentTarget.value)} />
        </label>
        <button type="submit" className="btn" data-testid="compare-sentences" disabled={!ready || asking || text.trim() === ''}>
          {asking ? 'Comparing' : 'Compare'}
        </button>
      </form>
      {found === undefined ? (
        <p className="note">
          {ready
            ? 'Shows how alike these sentences are to the teacher and to the student.'
            : 'When the run ends: how alike your sentences are to both models.'}
        </p>
      ) : (
        <Found found={found} chosen={chosen} onChoose={setChosen} />
      )}
    </div>
  );
}

interface FoundProps {
  readonly found: SentenceComparison;
  readonly chosen: number;
  readonly onChoose: (sentence: number) => void;
}

function Found({ found, chosen, onChoose }: FoundProps): React.JSX.Element {
  const { sentences, given, teacher, student, cut } = found;
  const apart = student.map((row, i) => row.map((value, j) => value - (teacher[i]?.[j] ?? 0)));
  return (
    <div data-testid="similarities">
      {given > sentences.length ? (
        <p className="note">
          {given} sentences were given; these are {sentences.length} of them, evenly spaced.
        </p>
      ) : null}
      {cut > 0 ? <p className="note">{cut} are longer than the teacher reads, and were cut.</p> : null}
      <div className="likeness">
        <Heat title="teacher" map={teacher} ramp="seq" share={(value) => value} chosen={chosen} onChoose={onChoose} />
        <Heat title="student" map={student} ramp="seq" share={(value) => value} chosen={chosen} onChoose={onChoose} />
        <Heat
          title="student less teacher"
          map={apart}
          ramp="div"
          share={(value) => 0.5 + value / (2 * STRONG)}
          chosen={chosen}
          onChoose={onChoose}
        />
        <Scatter teacher={teacher} student={student} />
      </div>
      <label className="inline">
        Nearest to
        <select data-testid="nearest-to" value={chosen} onChange={(event) => onChoose(Number(event.currentTarget.value))}>
          {sentences.map((sentence, i) => (
            <option key={sentence} value={i}>
              {sentence}
            </option>
          ))}
        </select>
      </label>
      <Neighbours found={found} chosen={chosen} />
    </div>
  );
}

interface HeatProps {
  readonly title: string;
  readonly map: readonly (readonly number[])[];
  readonly ramp: 'seq' | 'div';
  /** Place of a value in the ramp, 0 to 1. */
  readonly share: (value: number) => number;
  readonly chosen: number;
  readonly onChoose: (sentence: number) => void;
}

function Heat({ title, map, ramp, share, chosen, onChoose }: HeatProps): React.JSX.Element {
  const colours = readRamp(ramp);
  const cell = SIDE / Math.max(1, map.length);
  return (
    <figure>
      <svg width={SIDE} height={SIDE} role="img" aria-label={`Cosines of every two sentences: ${title}`}>
        {map.map((row, i) =>
          row.map((value, j) => (
            <rect
              key={`${i} ${j + 0}`}
              x={j * cell}
              y={i * cell}
              width={cell}
              height={cell}
              fill={rampColour(colours, share(value))}
              onClick={() => onChoose(i)}
            >
              <title>{`${i + 1} and ${j + 1}: ${value.toFixed(3)}`}</title>
            </rect>
          )),
        )}
        <rect className="chosen" x={0} y={chosen * cell} width={SIDE} height={cell} />
      </svg>
      <figcaption className="note">{title}</figcaption>
    </figure>
  );
}

/** A point a pair: the teacher's cosine across, the student's up. */
function Scatter({ teacher, student }: Pick<SentenceComparison, 'teacher' | 'student'>): React.JSX.Element {
  const points = teacher.flatMap((row, i) =>
    row.slice(i + 1).map((x, k) => ({ x, y: student[i]?.[i + 1 + k] ?? 0, key: `${i} ${k + 0}` })),
  );
  const values = points.flatMap(({ x, y }) => [x, y]);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  // Room for the points at the ends.
  const at = (value: number): number => 4 + ((value - least) / Math.max(1e-6, most - least)) * (SIDE - 8);
  return (
    <figure>
      <svg width={SIDE} height={SIDE} role="img" aria-label={`Cosines of ${points.length} pairs: the teacher's across, the student's up`}>
        <path d={`M0 ${SIDE}L${SIDE} 0`} className="even" />
        {points.map(({ x, y, key }) => (
          <circle key={key} cx={at(x)} cy={SIDE - at(y)} r={2.5} className="pair" />
        ))}
      </svg>
      <figcaption className="note">
        teacher across, student up, {least.toFixed(2)} to {most.toFixed(2)}
      </figcaption>
    </figure>
  );
}

const LISTED = 5;

/** The sentences nearest to one, by both models; what stands in one list alone is marked. */
function Neighbours({ found: { sentences, teacher, student }, chosen }: Omit<FoundProps, 'onChoose'>): React.JSX.Element {
  const nearest = (map: readonly (readonly number[])[]): { readonly i: number; readonly value: number }[] =>
    (map[chosen] ?? [])
      .map((value, i) => ({ i, value }))
      .filter(({ i }) => i !== chosen)
      .toSorted((a, b) => b.value - a.value)
      .slice(0, LISTED);
  const lists = { teacher: nearest(teacher), student: nearest(student) };
  const list = (model: 'teacher' | 'student'): React.JSX.Element => {
    const others = lists[model === 'teacher' ? 'student' : 'teacher'];
    return (
      <div>
        <h4>{model}</h4>
        <ol data-testid={`neighbours-${model}`}>
          {lists[model].map(({ i, value }, place) => (
            <li key={sentences[i]} className={others[place]?.i === i ? '' : 'moved'}>
              {sentences[i]} <span>{value.toFixed(2)}</span>
            </li>
          ))}
        </ol>
      </div>
    );
  };
  return (
    <div className="neighbours">
      {list('teacher')}
      {list('student')}
    </div>
  );
}

import { sizeInWords } from '../../tensor/bytes.ts';
import { isGoing, useRun } from '../../state/runStore.ts';
import { useSetup, type TeacherReport } from '../../state/setupStore.ts';
import { FilePicker, TEACHER_FILES } from '../drop/FilePicker.tsx';
import { HubForm } from '../drop/HubForm.tsx';
import { Icon } from '../Icon.tsx';
import { millions, percent, whole } from '../numbers.ts';
import { TensorTable } from './TensorTable.tsx';

/** What arrived as a teacher. */
export function TeacherCard(): React.JSX.Element | null {
  const teacher = useSetup((state) => state.teacher);
  const going = useRun((state) => isGoing(state.status));
  if (teacher === undefined) return null;
  const { shape } = teacher;
  return (
    <section className="block" aria-labelledby="h-teacher">
      <div className="block-head">
        <h3 id="h-teacher">Teacher</h3>
        {going ? null : (
          <FilePicker className="link" accept={TEACHER_FILES} testId="replace-teacher">
            Replace
          </FilePicker>
        )}
      </div>
      <div className="card">
        <p className="row2">
          <strong>{teacher.name}</strong>
          <span className="num">{sizeInWords(teacher.bytes)}</span>
        </p>
        <p className="sub">
          {shape.layers} layers · {shape.hiddenSize} wide · {shape.heads} heads · FFN {whole(shape.intermediateSize)}
        </p>
        <p className="sub">
          {millions(teacher.parameters)} parameters
          {teacher.vocabularyParameters === undefined
            ? ' · '
            : `, ${percent(teacher.vocabularyParameters / teacher.parameters)} of them for `}
          {whole(teacher.vocabularySize)} words
        </p>
        {teacher.notes.map((note) => (
          <p key={note} className="note warn">
            {note}
          </p>
        ))}
        <Report teacher={teacher} />
      </div>
      {going ? null : (
        <details className="more">
          <summary>
            <span>Another from Hugging Face</span>
            <Icon name="down" />
          </summary>
          <HubForm />
        </details>
      )}
    </section>
  );
}

function Report({ teacher }: { readonly teacher: TeacherReport }): React.JSX.Element {
  const count = (use: string): number => teacher.tensors.filter((tensor) => tensor.use === use).length;
  const words = [`${count('used')} tensors used`];
  if (teacher.renamed.length > 0) words.push(`${teacher.renamed.length} renamed`);
  for (const use of ['ignored', 'missing']) if (count(use) > 0) words.push(`${count(use)} ${use}`);
  return (
    <details className="report">
      <summary data-testid="tensor-report">
        {words.join(' · ')}
        <Icon name="down" />
      </summary>
      <TensorTable tensors={teacher.tensors} />
    </details>
  );
}

import { isGoing, useRun } from '../../state/runStore.ts';
import { useSetup } from '../../state/setupStore.ts';
import { FilePicker, TEACHER_FILES } from '../drop/FilePicker.tsx';
import { Icon } from '../Icon.tsx';
import { megabytes, millions, whole } from '../numbers.ts';

/** What arrived as a teacher. */
export function TeacherCard(): React.JSX.Element | null {
  const teacher = useSetup((state) => state.teacher);
  const going = useRun((state) => isGoing(state.status));
  if (teacher === undefined) return null;
  const { shape, renamed, ignored } = teacher;
  return (
    <section className="block" aria-labelledby="h-teacher">
      <div className="block-head">
        <h3 id="h-teacher">Teacher</h3>
        {going ? null : (
          <FilePicker className="link" accept={TEACHER_FILES}>
            Replace
          </FilePicker>
        )}
      </div>
      <div className="card">
        <p className="row2">
          <strong>{teacher.name}</strong>
          <span className="num">{megabytes(teacher.bytes)}</span>
        </p>
        <p className="sub">
          {shape.layers} layers · {shape.hiddenSize} wide · {shape.heads} heads · FFN {whole(shape.intermediateSize)}
        </p>
        <p className="sub">
          {millions(teacher.parameters)} parameters · {whole(teacher.vocabularySize)} words
        </p>
        {renamed.length + ignored.length === 0 ? null : (
          <details className="report">
            <summary>
              {renamed.length} renamed · {ignored.length} ignored
              <Icon name="down" />
            </summary>
            <dl>
              {renamed.length === 0 ? null : <Names title="Renamed" names={renamed} />}
              {ignored.length === 0 ? null : <Names title="Ignored" names={ignored} />}
            </dl>
          </details>
        )}
      </div>
    </section>
  );
}

function Names({ title, names }: { readonly title: string; readonly names: readonly string[] }): React.JSX.Element {
  return (
    <div>
      <dt>{title}</dt>
      {names.map((name) => (
        <dd key={name}>
          <code>{name}</code>
        </dd>
      ))}
    </div>
  );
}

import type { TeacherReport } from '../../state/setupStore.ts';

/** Every tensor of the checkpoint: what it is used as, or why it is not. */
export function TensorTable({ tensors }: Pick<TeacherReport, 'tensors'>): React.JSX.Element {
  return (
    // A region that scrolls must be reachable by keyboard.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <section className="tensors" aria-label="Tensors of the checkpoint" tabIndex={0}>
      <ul>
        {tensors.map(({ name, shape, dtype, use, as, why }) => (
          <li key={`${use} ${name}`}>
            <code>{name}</code>
            <span className="note">
              {use === 'missing' ? '' : `${dtype} [${shape.join(', ')}] `}
              {use === 'used' ? null : <b>{use}</b>}
              {use === 'used' && as !== undefined && as !== name ? (
                <>
                  used as <code>{as}</code>
                </>
              ) : null}
              {why === undefined ? '' : ` ${why}`}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

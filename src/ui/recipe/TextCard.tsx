import { isGoing, useRun } from '../../state/runStore.ts';
import { useSetup } from '../../state/setupStore.ts';
import { FilePicker, TEXT_FILES } from '../drop/FilePicker.tsx';
import { percent, whole } from '../numbers.ts';

/** What arrived as text. */
export function TextCard(): React.JSX.Element {
  const text = useSetup((state) => state.text);
  const reading = useSetup((state) => state.reading);
  const going = useRun((state) => isGoing(state.status));
  return (
    <section className="block" aria-labelledby="h-text">
      <div className="block-head">
        <h3 id="h-text">Text</h3>
        {going ? null : (
          <FilePicker className="link" accept={TEXT_FILES} testId="text-input">
            {text === undefined ? 'Choose files' : 'Replace'}
          </FilePicker>
        )}
      </div>
      {text === undefined ? (
        <p className="note">{reading ?? 'None yet. Drop .txt files anywhere on this page.'}</p>
      ) : (
        <>
          <dl className="facts">
            <Fact name="Files" value={whole(text.documents)} />
            <Fact name="Tokens" value={whole(text.tokens)} />
            <Fact name="Unknown" value={percent(text.unknownShare)} />
            <Fact name="Held out" value={whole(text.heldOutSequences * text.sequence)} />
          </dl>
          <p className="note">
            {text.name}, packed into sequences of {text.sequence} tokens
          </p>
        </>
      )}
    </section>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: string }): React.JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

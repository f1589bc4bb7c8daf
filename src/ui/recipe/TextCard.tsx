import { isGoing, useRun } from '../../state/runStore.ts';
import { useSetup, type TextReport } from '../../state/setupStore.ts';
import { useActions } from '../actionsContext.ts';
import { FilePicker, TEXT_FILES } from '../drop/FilePicker.tsx';
import { compact, percent, whole } from '../numbers.ts';
import { LengthBars } from './LengthBars.tsx';

/** What arrived as text. */
export function TextCard(): React.JSX.Element {
  const actions = useActions();
  const text = useSetup((state) => state.text);
  const reading = useSetup((state) => state.reading);
  const cancellable = useSetup((state) => state.readingText);
  const going = useRun((state) => isGoing(state.status));
  return (
    <section className="block" aria-labelledby="h-text">
      <div className="block-head">
        <h3 id="h-text">Text</h3>
        {going || reading !== undefined ? null : (
          <FilePicker className="link" accept={TEXT_FILES} testId="text-input">
            {text === undefined ? 'Choose files' : 'Replace'}
          </FilePicker>
        )}
      </div>
      {reading === undefined ? null : (
        <p className="note row2">
          <output>{reading}</output>
          {cancellable ? (
            <button type="button" className="link plain" onClick={() => void actions.cancelText()}>
              Cancel
            </button>
          ) : null}
        </p>
      )}
      {text === undefined && reading === undefined ? (
        <p className="note">None yet. Drop .txt, .jsonl, .csv, .tsv or .parquet files anywhere on this page.</p>
      ) : null}
      {text === undefined ? null : <Report text={text} going={going} />}
    </section>
  );
}

function Report({ text, going }: { readonly text: TextReport; readonly going: boolean }): React.JSX.Element {
  const actions = useActions();
  return (
    <div data-testid="text-report">
      <dl className="facts">
        <Fact name="Texts" value={compact(text.documents)} />
        <Fact name="Tokens" value={compact(text.tokens)} />
        <Fact name="Unknown" value={percent(text.unknownShare)} />
        <Fact name="Held out" value={compact(text.heldOutSequences * text.sequence)} />
      </dl>
      {text.example.length === 0 ? null : <Example text={text} />}
      {text.columns === null ? null : (
        <label className="inline column">
          Column
          <select
            data-testid="column"
            value={text.columns.chosen}
            disabled={going}
            onChange={(event) => void actions.chooseColumn(event.currentTarget.value)}
          >
            {text.columns.names.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      )}
      <LengthBars lengths={text.lengths} />
      {text.notices.map((notice) => (
        <p key={notice} className="note warn">
          {notice}
        </p>
      ))}
      <Packing text={text} />
      <p className="note">
        {text.name}: {whole(text.files)} {text.files === 1 ? 'file' : 'files'}, packed into sequences of {text.sequence} tokens
      </p>
    </div>
  );
}

/** How documents lie in sequences, and why. */
function Packing({ text: { packing } }: { readonly text: TextReport }): React.JSX.Element | null {
  if (packing === undefined) return null;
  const { documents, measured } = packing;
  return (
    <p className="note" data-testid="packing">
      {documents === 'apart' ? 'Documents lie apart from each other' : 'Documents are joined to running text'}
      {measured === null
        ? ''
        : `: of ${whole(measured.answers)} masked tokens the teacher predicts ${percent(measured.apart)} right apart, ${percent(measured.joined)} joined`}
      {'. “Documents” under Training changes it.'}
    </p>
  );
}

/** Tokens of the example: enough for a sentence. */
const SHOWN = 18;

function Example({ text }: { readonly text: TextReport }): React.JSX.Element {
  const shown = text.example.filter(({ token }) => token !== '[CLS]').slice(0, SHOWN);
  const answers = shown.flatMap(({ answer }) => answer ?? []);
  return (
    <p className="example" data-testid="example">
      {shown.map(({ token, answer }, i) => {
        const words = token.startsWith('##') ? token.slice(2) : `${i === 0 ? '' : ' '}${token}`;
        return answer === undefined ? words : <mark key={`${token} ${i + 1}`}>{words}</mark>;
      })}
      {' … '}
      {answers.length === 0 ? null : <span className="note">Masked: {answers.join(', ')}</span>}
    </p>
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

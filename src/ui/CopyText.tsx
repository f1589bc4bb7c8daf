import { useState } from 'react';

interface Given {
  readonly text: string;
  readonly name: string;
  readonly button: string;
  readonly testId: string;
  /** Whether the text is seen before it is copied. It is seen at the latest if the clipboard is refused, to be copied by hand. */
  readonly shown: boolean;
}

/** A text to report something with, and a button that copies it. */
export function CopyText({ text, name, button, testId, shown }: Given): React.JSX.Element {
  const [said, setSaid] = useState<'' | 'copied' | 'refused'>('');
  const copy = async (): Promise<void> => {
    try {
      // Pages that came over plain HTTP have no clipboard at all.
      await navigator.clipboard.writeText(text);
      setSaid('copied');
    } catch {
      setSaid('refused');
    }
  };
  return (
    <>
      {shown || said === 'refused' ? <textarea className="details" aria-label={name} readOnly rows={shown ? 12 : 5} value={text} /> : null}
      <div className="btns">
        <button type="button" className="btn" data-testid={testId} onClick={() => void copy()}>
          {button}
        </button>
        <output className="note">
          {said === 'copied'
            ? 'Copied.'
            : said === 'refused'
              ? `The browser refused the clipboard. Copy the ${name.toLowerCase()} above.`
              : ''}
        </output>
      </div>
    </>
  );
}

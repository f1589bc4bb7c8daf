import { useState } from 'react';

interface NumberFieldProps {
  readonly label: string;
  readonly testId: string;
  readonly value: number;
  readonly onChange: (value: number) => void;
}

/** A number that takes effect on Enter or on leaving; what is no number is put back. */
export function NumberField({ label, testId, value, onChange }: NumberFieldProps): React.JSX.Element {
  const [draft, setDraft] = useState<string>();
  const commit = (): void => {
    const typed = Number(draft);
    if (draft !== undefined && draft.trim() !== '' && Number.isFinite(typed) && typed !== value) onChange(typed);
    setDraft(undefined);
  };
  return (
    <input
      type="text"
      inputMode="decimal"
      aria-label={label}
      data-testid={testId}
      value={draft ?? String(value)}
      onChange={(event) => setDraft(event.currentTarget.value)}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key === 'Enter') commit();
        if (event.key === 'Escape') setDraft(undefined);
      }}
    />
  );
}

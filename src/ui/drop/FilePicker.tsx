import { useActions } from '../actionsContext.ts';
import { readInput } from './readDropped.ts';

interface FilePickerProps {
  readonly children: React.ReactNode;
  readonly className: string;
  readonly accept: string;
  readonly testId?: string;
}

/** A label that opens the system's file dialogue. */
export function FilePicker({ children, className, accept, testId }: FilePickerProps): React.JSX.Element {
  const actions = useActions();
  return (
    <label className={className}>
      <input
        type="file"
        className="sr"
        multiple
        accept={accept}
        data-testid={testId}
        onChange={(event) => {
          const input = event.currentTarget;
          if (input.files === null || input.files.length === 0) return;
          const files = readInput(input.files);
          // The same file may be chosen again.
          input.value = '';
          void actions.open(Promise.resolve(files));
        }}
      />
      {children}
    </label>
  );
}

export const TEACHER_FILES = '.safetensors,.bin,.pt,.pth,.onnx,.data,.onnx_data,.json,.txt,.md,.zip';
export const TEXT_FILES = '.txt,.md,.json,.jsonl,.csv,.tsv,.parquet,.zip';

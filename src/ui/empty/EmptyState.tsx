import { useSetup } from '../../state/setupStore.ts';
import { useActions } from '../actionsContext.ts';
import { HubForm } from '../drop/HubForm.tsx';
import { FilePicker, TEACHER_FILES } from '../drop/FilePicker.tsx';
import { UnfinishedRuns } from '../run/UnfinishedRuns.tsx';
import { StorageNote } from '../runs/StorageNote.tsx';
import { Hero } from './Hero.tsx';

/** The invitation: one button to see everything, one to bring one's own model. */
export function EmptyState(): React.JSX.Element {
  const actions = useActions();
  const reading = useSetup((state) => state.reading);
  return (
    <section className="empty" aria-labelledby="empty-title">
      <div className="empty-in">
        <div className="invite">
          <h1 id="empty-title">
            Make a BERT smaller.
            <br />
            Keep what it learned.
          </h1>
          <p>
            Weight-Inherited Distillation folds a trained teacher&apos;s own weights into a narrower student, here in this tab. Nothing is
            uploaded.
          </p>
          <div className="actions">
            <button
              type="button"
              className="btn primary big"
              data-testid="try-demo"
              disabled={reading !== undefined}
              onClick={() => void actions.tryDemo()}
            >
              Try it with the demo
            </button>
            <FilePicker className="btn big file" accept={TEACHER_FILES} testId="teacher-input">
              Choose a BERT checkpoint
            </FilePicker>
          </div>
          <HubForm />
          <output className="note">
            {reading ?? 'The demo is a 5.4M-parameter teacher and short prose, 11 MB. Training starts at once.'}
          </output>
          <StorageNote />
        </div>
        <Hero />
      </div>
      <UnfinishedRuns />
      <p className="accepts">
        Accepts <code>model.safetensors</code>, <code>pytorch_model.bin</code> or <code>model.onnx</code> with <code>config.json</code> and
        a tokenizer, and text as .txt, .jsonl, .csv, .tsv or .parquet: files, folders or zips, dropped anywhere on this page.
      </p>
    </section>
  );
}

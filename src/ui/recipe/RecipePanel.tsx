import { sizeInWords } from '../../tensor/bytes.ts';
import { useState } from 'react';
import { forecast } from '../../state/forecast.ts';
import { isGoing, useRun } from '../../state/runStore.ts';
import { useSetup } from '../../state/setupStore.ts';
import { useActions } from '../actionsContext.ts';
import { saveFile } from '../figure/saveFile.ts';
import { duration, millions, whole } from '../numbers.ts';
import { CostTable } from './CostTable.tsx';
import { ScaleDrawing } from './ScaleDrawing.tsx';
import { StudentControls } from './StudentControls.tsx';
import { TeacherCard } from './TeacherCard.tsx';
import { TextCard } from './TextCard.tsx';
import { TrainingOptions } from './TrainingOptions.tsx';

/** Teacher, text, student and training, and the button that starts. */
export function RecipePanel(): React.JSX.Element {
  const [open, setOpen] = useState(false);
  const going = useRun((state) => isGoing(state.status));
  return (
    <section className={open ? 'col recipe open' : 'col recipe'} id="recipe" aria-labelledby="recipe-title">
      <div className="col-head">
        <h2 id="recipe-title">Recipe</h2>
        <button
          type="button"
          className="btn small recipe-fold"
          aria-expanded={open}
          aria-controls="recipe-body"
          onClick={() => setOpen(!open)}
        >
          {open ? 'Hide' : 'Show'}
        </button>
        <span className="note">{going ? 'Changes apply to the next run' : ''}</span>
      </div>
      <div className="recipe-body" id="recipe-body">
        <TeacherCard />
        <TextCard />
        <StudentControls />
        <ScaleDrawing />
        <CostTable />
        <TrainingOptions />
      </div>
      <StartFoot />
    </section>
  );
}

function StartFoot(): React.JSX.Element {
  const actions = useActions();
  const plan = useSetup((state) => state.plan);
  const ready = useSetup((state) => state.text !== undefined && state.reading === undefined);
  const steps = useSetup((state) => state.recipe?.steps);
  const costs = useSetup((state) => state.costs);
  const speed = useSetup((state) => state.speed);
  const time = costs === undefined || speed === undefined ? '' : `, about ${duration(forecast(costs, speed.flops).seconds)}`;
  const going = useRun((state) => isGoing(state.status));
  const exporting = useRun((state) => state.exporting);
  const again = useRun((state) => state.number > 0);
  const saveJob = async (): Promise<void> => {
    const job = await actions.saveJob();
    if (job !== undefined) saveFile(job.name, job.zip);
  };
  return (
    <div className="recipe-foot">
      <p className="note">
        {ready
          ? plan !== undefined && `${millions(plan.parameters)} parameters · ${sizeInWords(plan.bytesFp32)}`
          : 'Add text to train on: drop files anywhere.'}
      </p>
      <button
        type="button"
        className={going || again ? 'btn wide' : 'btn primary wide'}
        data-testid="start"
        disabled={going || exporting || !ready}
        onClick={() => void actions.start()}
      >
        {going
          ? 'Run in progress'
          : exporting
            ? 'Export in progress'
            : `${again ? 'Start another run' : 'Start'}, ${steps === 0 ? 'no training' : `${whole(steps ?? 0)} steps${time}`}`}
      </button>
      <button
        type="button"
        className="btn quiet wide"
        data-testid="save-job"
        title="A folder that PyTorch trains on one machine or many; drop the trained folder here"
        disabled={going || exporting || !ready}
        onClick={() => void saveJob()}
      >
        Save as a job for PyTorch
      </button>
    </div>
  );
}

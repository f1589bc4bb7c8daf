import { lazy, Suspense, useEffect, useState } from 'react';
import type { FillComparison, SeenHead } from '../../state/actions/judgeActions.ts';
import { useHistory, type RunSummary } from '../../state/historyStore.ts';
import { isGoing, useRun, type RunResult } from '../../state/runStore.ts';
import { useActions } from '../actionsContext.ts';
import { SENTENCES_TASK } from '../../state/recipeFields.ts';
import { useSetup } from '../../state/setupStore.ts';
import { FillMask } from './FillMask.tsx';
import { HeadGrid, type HeadPlace } from './HeadGrid.tsx';
import { useShownSimilarity } from './shownSimilarity.ts';

const loadHeadView = async (): Promise<{ default: typeof import('./HeadView.tsx').HeadView }> => ({
  default: (await import('./HeadView.tsx')).HeadView,
});
// Nothing needs it before the first run.
const HeadView = lazy(loadHeadView);
/** Only teachers of sentence vectors need it. */
const Sentences = lazy(async () => ({ default: (await import('./Sentences.tsx')).Sentences }));

const EXAMPLE = 'The ship reached the [MASK] before the storm broke.';

interface Answer {
  /** The run that was asked. */
  readonly result: RunResult | undefined;
  readonly maps: SeenHead | undefined;
  readonly fill: FillComparison | undefined;
}

const NO_ANSWER: Answer = { result: undefined, maps: undefined, fill: undefined };

/** Student beside teacher: similarity of every head, one head's attention on a sentence, and the words for a mask. */
export function Compare(): React.JSX.Element {
  const actions = useActions();
  const step = useShownSimilarity()?.step;
  const result = useRun((state) => state.result);
  const going = useRun((state) => isGoing(state.status));
  const asking = useRun((state) => state.asking);
  const stage = useRun((state) => state.askingStage);
  const ready = result !== undefined && !going;
  const started = useRun((state) => state.number > 0);
  useEffect(() => {
    // Fetched while the run trains, so that what is asked of it hours later needs no server. Whatever fails is tried again then.
    if (started) loadHeadView().catch(() => undefined);
  }, [started]);
  const embeds = useSetup((state) => state.teacher?.task === SENTENCES_TASK);
  const [sentence, setSentence] = useState(EXAMPLE);
  const [place, setPlace] = useState<HeadPlace>({ layer: 0, head: 0 });
  const [otherName, setOtherName] = useState('');
  const name = useRun((state) => state.name);
  const runs = useHistory((state) => state.runs);
  const ours = runs.find((run) => run.name === name);
  const others = runs.filter((run) => run.openable && run.name !== name && run.teacher === ours?.teacher);
  const other = others.find((run) => run.name === otherName);
  const [answer, setAnswer] = useState<Answer>();
  // Another run's student makes what was asked of the last one untrue.
  const { maps, fill } = answer?.result === result ? (answer ?? NO_ANSWER) : NO_ANSWER;
  const ask = async (at: HeadPlace, words: boolean, beside: RunSummary | null = other ?? null): Promise<void> => {
    const seen = await (ours === undefined || beside === null
      ? actions.attention(sentence, at.layer, at.head)
      : actions.attentionOfRuns(ours, beside, sentence, at.layer, at.head));
    const filled = words && !embeds && /\[mask\]/i.test(sentence) ? await actions.fillMask(sentence) : words ? undefined : fill;
    setAnswer({ result, maps: seen, fill: filled });
  };
  return (
    <section aria-labelledby="compare-title">
      <div className="col-head">
        <h2 id="compare-title">Compare</h2>
        <span className="note">{step === undefined ? '' : `student at step ${step}`}</span>
      </div>
      <div className="block">
        <HeadGrid
          chosen={place}
          onChoose={(at) => {
            setPlace(at);
            if (ready && maps !== undefined) void ask(at, false);
          }}
        />
      </div>
      {embeds ? (
        <Suspense fallback={null}>
          <Sentences ready={ready} />
        </Suspense>
      ) : null}
      <div className="block">
        <form
          className="ask"
          onSubmit={(event) => {
            event.preventDefault();
            void ask(place, true);
          }}
        >
          <label className="sentence">
            <span className="sr">Sentence</span>
            <input type="text" data-testid="sentence" value={sentence} onChange={(event) => setSentence(event.currentTarget.value)} />
          </label>
          <button type="submit" className="btn" data-testid="compare" disabled={!ready || asking || sentence.trim() === ''}>
            {asking ? 'Comparing' : 'Compare'}
          </button>
        </form>
        <output className="note" data-testid="asking-stage">
          {stage}
        </output>
        {ready && others.length > 0 ? (
          <label className="inline against">
            Attention beside
            <select
              data-testid="against"
              value={other?.name ?? ''}
              onChange={(event) => {
                const chosen = event.currentTarget.value;
                setOtherName(chosen);
                if (maps !== undefined) void ask(place, false, others.find((run) => run.name === chosen) ?? null);
              }}
            >
              <option value="">the teacher</option>
              {others.map((run) => (
                <option key={run.run}>{run.name}</option>
              ))}
            </select>
          </label>
        ) : null}
        {maps === undefined ? (
          <p className="note">
            {ready
              ? `Shows what the chosen head attends to in this sentence, in both models${embeds ? '' : ', and their words for [MASK]'}.`
              : `When the run ends: what a head attends to in your sentence${embeds ? '' : ', and both models’ words for [MASK]'}.`}
          </p>
        ) : (
          <Suspense fallback={<p className="note">Drawing the head</p>}>
            <HeadView maps={maps} place={place} />
          </Suspense>
        )}
        {fill === undefined ? null : <FillMask fill={fill} />}
      </div>
    </section>
  );
}

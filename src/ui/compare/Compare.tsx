import { useState } from 'react';
import type { AttentionComparison, FillComparison } from '../../state/actions/judgeActions.ts';
import { useJudged } from '../../state/judgedStore.ts';
import { isGoing, useRun } from '../../state/runStore.ts';
import { useActions } from '../actionsContext.ts';
import { AttentionMaps } from './AttentionMaps.tsx';
import { FillMask } from './FillMask.tsx';
import { HeadGrid, type HeadPlace } from './HeadGrid.tsx';

const EXAMPLE = 'The ship reached the [MASK] before the storm broke.';

/** Student beside teacher: similarity of every head, one head's attention on a sentence, and the words for a mask. */
export function Compare(): React.JSX.Element {
  const actions = useActions();
  const step = useJudged((state) => state.similarity?.step);
  const ready = useRun((state) => state.result !== undefined && !isGoing(state.status) && !state.exporting);
  const [sentence, setSentence] = useState(EXAMPLE);
  const [place, setPlace] = useState<HeadPlace>({ layer: 0, head: 0 });
  const [maps, setMaps] = useState<AttentionComparison>();
  const [fill, setFill] = useState<FillComparison>();
  const [asking, setAsking] = useState(false);
  const ask = async (at: HeadPlace, words: boolean): Promise<void> => {
    setAsking(true);
    setMaps(await actions.attention(sentence, at.layer, at.head));
    if (words && /\[mask\]/i.test(sentence)) setFill(await actions.fillMask(sentence));
    setAsking(false);
  };
  return (
    <section aria-labelledby="compare-title">
      <div className="col-head">
        <h2 id="compare-title">Compare</h2>
        <span className="note">{step === undefined ? '' : `student at step ${step}`}</span>
      </div>
      <div className="block">
        <div className="block-head">
          <h3>Attention similarity by layer and head</h3>
        </div>
        <HeadGrid
          chosen={place}
          onChoose={(at) => {
            setPlace(at);
            if (ready && maps !== undefined) void ask(at, false);
          }}
        />
      </div>
      {ready ? (
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
            <button type="submit" className="btn" data-testid="compare" disabled={asking || sentence.trim() === ''}>
              Compare
            </button>
          </form>
          {maps === undefined ? null : <AttentionMaps maps={maps} place={place} />}
          {fill === undefined ? null : <FillMask fill={fill} />}
        </div>
      ) : null}
    </section>
  );
}

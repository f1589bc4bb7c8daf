import { memo, useEffect, useRef, useState } from 'react';
import { useCurves } from '../../state/curvesStore.ts';
import { useJudged, type NormsAt, type SpaceNorms } from '../../state/judgedStore.ts';
import { paint, svgElements } from '../figure/pen.ts';
import { SaveMenu } from '../figure/SaveMenu.tsx';
import { svgDocument, token } from '../figure/svgDocument.ts';
import { useWidth } from '../figure/useWidth.ts';
import { whole } from '../numbers.ts';
import { useTheme } from '../theme.ts';
import { NormsTable } from './NormsTable.tsx';
import { drawBars, drawHistory, HISTORY_HEIGHT, ROW, spaceName } from './normsDrawing.ts';

/** What the compactors keep of every teacher dimension: each space now, and one of them over the run. */
export function NormsPanel(): React.JSX.Element | null {
  // A canvas keeps the colours that it was drawn with, so a new theme makes new ones.
  const theme = useTheme();
  const history = useJudged((state) => state.norms);
  const [chosen, setChosen] = useState(0);
  const last = history.at(-1);
  if (last === undefined) return null;
  const index = Math.min(chosen, last.spaces.length - 1);
  const space = last.spaces[index];
  return (
    <section className="block" aria-labelledby="h-norms" data-testid="norms">
      <div className="block-head wrap">
        <h3 id="h-norms">Compactor norms</h3>
        <span className="note grow">What is kept of each teacher dimension at step {whole(last.step)}</span>
        <SaveMenu
          what="compactor norms"
          file={`compactor-norms-step-${last.step}`}
          csv={() => [
            ['step', 'space', 'layer', 'bin', 'norm'],
            ...history.flatMap(({ step, spaces }) =>
              spaces.flatMap(({ space: kind, layer, norms }) =>
                norms.map((norm, bin) => [step, kind, layer === null ? '' : layer + 1, bin, norm]),
              ),
            ),
          ]}
          svg={() => barsSvg(last)}
        />
      </div>
      <fieldset className="norms">
        <legend className="sr">Space to follow over the run</legend>
        {last.spaces.map((row, i) => (
          <label key={spaceName(row)} className="norm-row">
            <input type="radio" name="space" className="sr" checked={i === index} onChange={() => setChosen(i)} />
            <span>{spaceName(row)}</span>
            <Bars key={theme} space={row} />
            <span className="num">{whole(row.size)}</span>
          </label>
        ))}
      </fieldset>
      {space === undefined ? null : (
        <figure aria-label={`${spaceName(space)} over the run`}>
          <figcaption className="ramp-row">
            <span>{spaceName(space)} over the run, dimensions from top to bottom</span>
            <span className="grow" />
            <span>0</span>
            <i className="ramp seq" />
            <span>largest norm</span>
          </figcaption>
          <History key={theme} history={history} index={index} />
          <NormsTable history={history} index={index} />
        </figure>
      )}
    </section>
  );
}

const Bars = memo(function Bars({ space }: { readonly space: SpaceNorms }): React.JSX.Element {
  const frame = useRef<HTMLSpanElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useWidth(frame);
  useEffect(() => {
    if (canvas.current !== null && width > 0)
      paint(canvas.current, width, ROW - 2, (pen) => drawBars(pen, space, { left: 0, top: 0, width }));
  }, [space, width]);
  return (
    <span ref={frame}>
      <canvas ref={canvas} style={{ width, height: ROW - 2 }} />
    </span>
  );
});

function History({ history, index }: { readonly history: readonly NormsAt[]; readonly index: number }): React.JSX.Element {
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useWidth(frame);
  const steps = useCurves((state) => state.steps);
  useEffect(() => {
    if (canvas.current !== null && width > 0)
      paint(canvas.current, width, HISTORY_HEIGHT, (pen) => drawHistory(pen, history, index, width, steps));
  }, [history, index, width, steps]);
  return (
    <div ref={frame}>
      <canvas ref={canvas} style={{ width, height: HISTORY_HEIGHT }} />
    </div>
  );
}

function barsSvg({ spaces }: NormsAt): string {
  const ink = token('--ink');
  const inside = svgElements((pen) =>
    spaces.forEach((space, i) => {
      pen.text(4, i * ROW + 16, spaceName(space), { colour: ink, size: 11 });
      drawBars(pen, space, { left: 110, top: i * ROW + 4, width: 520 });
    }),
  );
  return svgDocument(640, spaces.length * ROW + 12, inside);
}

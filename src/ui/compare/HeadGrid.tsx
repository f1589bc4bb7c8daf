import type { SimilarityReport } from '../../state/judgedStore.ts';
import { SaveMenu } from '../figure/SaveMenu.tsx';
import { svgElements } from '../figure/pen.ts';
import { rampColour, readRamp } from '../figure/ramps.ts';
import { svgDocument, token } from '../figure/svgDocument.ts';
import { useShownSimilarity } from './shownSimilarity.ts';

/** Steps of the colour ramp. */
const SHADES = 9;

export interface HeadPlace {
  readonly layer: number;
  readonly head: number;
}

interface HeadGridProps {
  readonly chosen: HeadPlace;
  readonly onChoose: (place: HeadPlace) => void;
}

/** Where a similarity lies between chance and identical, 0 to 1. */
function shareOf(value: number, chance: number): number {
  return Math.min(0.999, Math.max(0, (value - chance) / Math.max(1e-6, 1 - chance)));
}

/** Attention similarity of student and teacher by layer and head; a cell chooses the head. */
export function HeadGrid({ chosen, onChoose }: HeadGridProps): React.JSX.Element {
  const similarity = useShownSimilarity();
  return (
    <>
      <div className="block-head">
        <h3 id="h-heads">Attention similarity by layer and head</h3>
        {similarity === undefined ? null : (
          <SaveMenu
            what="attention similarity"
            file={`attention-similarity-step-${similarity.step}`}
            csv={() => [
              ['layer', 'head', 'teacher head', 'similarity'],
              ...similarity.value.layers.flatMap((heads, layer) =>
                heads.map((value, head) => [layer + 1, head + 1, (similarity.value.origins[layer]?.[head] ?? head) + 1, value]),
              ),
            ]}
            svg={() => gridSvg(similarity.value)}
          />
        )}
      </div>
      {similarity === undefined ? (
        <p className="note">Measured at every evaluation. At 1, a head attends exactly as the teacher’s head does.</p>
      ) : (
        <Grid report={similarity.value} chosen={chosen} onChoose={onChoose} />
      )}
    </>
  );
}

function Grid({ report, chosen, onChoose }: HeadGridProps & { readonly report: SimilarityReport }): React.JSX.Element {
  const { layers, mean, cosine, chance } = report;
  return (
    <>
      <div className="scroll-x">
        <table className="head-grid" data-testid="head-grid" aria-labelledby="h-heads">
          <thead>
            <tr>
              <th scope="col">
                <span className="sr">Layer</span>
              </th>
              {(layers[0] ?? []).map((_, head) => (
                <th key={`head ${head + 1}`} scope="col">
                  {(layers[0]?.length ?? 0) > 6 ? <span className="sr">head </span> : 'head '}
                  {head + 1}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {layers.map((heads, layer) => (
              <tr key={`layer ${layer + 1}`}>
                <th scope="row">L{layer + 1}</th>
                {heads.map((value, head) => (
                  <td key={`head ${head + 1}`} data-shade={Math.floor(shareOf(value, chance) * SHADES)}>
                    <label>
                      <input
                        type="radio"
                        name="head"
                        className="sr"
                        checked={chosen.layer === layer && chosen.head === head}
                        aria-label={`Layer ${layer + 1}, head ${head + 1}: ${value.toFixed(2)}`}
                        onChange={() => onChoose({ layer, head })}
                      />
                      {value.toFixed(2)}
                    </label>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="readout">
        Mean <b>{mean.toFixed(3)}</b>, cosine <b>{cosine.toFixed(3)}</b>; other heads of the same layer by chance <b>{chance.toFixed(3)}</b>
      </p>
      <p className="caveat">Attention patterns are evidence of inheritance, not an explanation of predictions.</p>
    </>
  );
}

const CELL = 44;

function gridSvg({ layers, chance }: SimilarityReport): string {
  const ramp = readRamp('seq');
  const ink = token('--ink');
  const text = [token('--seq-text-0'), token('--seq-text-1')];
  const inside = svgElements((pen) =>
    layers.forEach((heads, layer) => {
      pen.text(4, CELL * (layer + 1.1), `L${layer + 1}`, { colour: ink, size: 12 });
      heads.forEach((value, head) => {
        const share = shareOf(value, chance);
        const left = 32 + CELL * head;
        if (layer === 0) pen.text(left, 14, `head ${head + 1}`, { colour: ink, size: 10 });
        pen.rect(left, 24 + CELL * layer, CELL - 2, CELL - 2, rampColour(ramp, share));
        pen.text(left + 9, CELL * (layer + 1.1), value.toFixed(2), { colour: text[share * SHADES < 5 ? 0 : 1] ?? ink, size: 11 });
      });
    }),
  );
  return svgDocument(40 + CELL * (layers[0]?.length ?? 0), 32 + CELL * layers.length, inside);
}

import { useJudged } from '../../state/judgedStore.ts';

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

/** Attention similarity of student and teacher by layer and head, as measured in the run; a cell chooses the head. */
export function HeadGrid({ chosen, onChoose }: HeadGridProps): React.JSX.Element {
  const similarity = useJudged((state) => state.similarity);
  if (similarity === undefined)
    return (
      <p className="note">Measured when the student is judged. The closer to 1, the more a head attends as the teacher&apos;s does.</p>
    );
  const { layers, mean, cosine, chance } = similarity.value;
  return (
    <>
      <div className="scroll-x">
        <table className="head-grid" data-testid="head-grid">
          <caption className="sr">Attention similarity, a row a layer and a column a head</caption>
          <thead>
            <tr>
              <th scope="col">
                <span className="sr">Layer</span>
              </th>
              {(layers[0] ?? []).map((_, head) => (
                <th key={`head ${head + 1}`} scope="col">
                  head {head + 1}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {layers.map((heads, layer) => (
              <tr key={`layer ${layer + 1}`}>
                <th scope="row">L{layer + 1}</th>
                {heads.map((value, head) => {
                  const shade = Math.min(SHADES - 1, Math.max(0, Math.floor(((value - chance) / Math.max(1e-6, 1 - chance)) * SHADES)));
                  return (
                    <td key={`head ${head + 1}`} data-shade={shade}>
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
                  );
                })}
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

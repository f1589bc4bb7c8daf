import type { TextReport } from '../../state/setupStore.ts';
import { whole } from '../numbers.ts';

const WIDTH = 264;
const HEIGHT = 28;

/** How long the documents are, in tokens: a bar for every doubling. */
export function LengthBars({ lengths }: Pick<TextReport, 'lengths'>): React.JSX.Element | null {
  const first = lengths.findIndex(({ documents }) => documents > 0);
  const last = lengths.findLastIndex(({ documents }) => documents > 0);
  if (first < 0) return null;
  const shown = lengths.slice(first, last + 1);
  const most = Math.max(...shown.map(({ documents }) => documents));
  const each = WIDTH / Math.max(10, shown.length);
  const words = shown.map(({ from, to, documents }) => `${whole(from)} to ${whole(to - 1)} tokens: ${whole(documents)}`).join('; ');
  return (
    <figure className="lengths">
      <figcaption className="note">Tokens a document</figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT + 14}`} role="img" aria-label={`Documents by length. ${words}`}>
        {shown.map(({ from, to, documents }, i) => {
          const height = documents === 0 ? 0 : Math.max(1.5, (HEIGHT * documents) / most);
          return (
            <g key={from}>
              <title>{`${whole(from)} to ${whole(to - 1)} tokens: ${whole(documents)} ${documents === 1 ? 'document' : 'documents'}`}</title>
              <rect className="bar" x={i * each} y={HEIGHT - height} width={each - 2} height={height} />
              <text x={i * each} y={HEIGHT + 12}>
                {from >= 1000 ? `${Math.round(from / 1000)}k` : from}
              </text>
            </g>
          );
        })}
      </svg>
    </figure>
  );
}

import { useSetup, type ModelShape } from '../../state/setupStore.ts';

const WIDTH = 240;
const LAYER = 22;

/** Teacher (outline) and student (filled) to one scale: FFN above, heads below, a row a layer. */
export function ScaleDrawing(): React.JSX.Element | null {
  const teacher = useSetup((state) => state.teacher?.shape);
  const student = useSetup((state) => state.recipe?.student);
  const layerMap = useSetup((state) => state.plan?.layerMap);
  if (teacher === undefined || student === undefined) return null;
  const unit = WIDTH / Math.max(teacher.intermediateSize, teacher.hiddenSize);
  const shown = Math.min(teacher.layers, 12);
  const places = new Set(layerMap);
  // Of deep teachers the drawing shows every so many layers.
  const layerAt = (row: number): number => Math.floor(((shown - row) * teacher.layers) / shown) - 1;
  return (
    <section className="block" aria-labelledby="h-shape">
      <div className="block-head">
        <h3 id="h-shape">To scale</h3>
        <span className="key">
          <i className="k-t" />
          teacher <i className="k-s" />
          student
        </span>
      </div>
      <div className="drawing">
        <svg
          viewBox={`0 0 280 ${shown * LAYER + 14}`}
          role="img"
          aria-label={`Student ${student.hiddenSize} of ${teacher.hiddenSize} wide, ${student.layers} of ${teacher.layers} layers, FFN ${student.intermediateSize} of ${teacher.intermediateSize}`}
        >
          {Array.from({ length: shown }, (_, i) => (
            <g key={i} transform={`translate(30 ${i * LAYER})`}>
              <text x="-30" y="9">
                L{layerAt(i) + 1}
              </text>
              <Bar
                teacher={teacher.intermediateSize * unit}
                student={places.has(layerAt(i)) ? student.intermediateSize * unit : 0}
                y={1}
                height={8}
              />
              <Heads teacher={teacher} student={places.has(layerAt(i)) ? student : undefined} unit={unit} />
            </g>
          ))}
          <g transform={`translate(30 ${shown * LAYER})`}>
            <Bar teacher={teacher.hiddenSize * unit} student={student.hiddenSize * unit} y={3} height={8} />
            <text x="-30" y="11">
              width
            </text>
            <text x={WIDTH + 8} y="11" textAnchor="end">
              {`${teacher.hiddenSize} to ${student.hiddenSize}`}
            </text>
          </g>
        </svg>
      </div>
    </section>
  );
}

interface BarProps {
  readonly teacher: number;
  readonly student: number;
  readonly y: number;
  readonly height: number;
}

function Bar({ teacher, student, y, height }: BarProps): React.JSX.Element {
  return (
    <>
      <rect className="d-s" x={(WIDTH - student) / 2} y={y} width={student} height={height} />
      <rect className={student === 0 ? 'd-t gone' : 'd-t'} x={(WIDTH - teacher) / 2} y={y} width={teacher} height={height} />
    </>
  );
}

interface HeadsProps {
  readonly teacher: ModelShape;
  readonly student: ModelShape | undefined;
  readonly unit: number;
}

function Heads({ teacher, student, unit }: HeadsProps): React.JSX.Element {
  const side = teacher.headSize * unit;
  const from = (WIDTH - teacher.heads * side) / 2;
  return (
    <>
      {Array.from({ length: teacher.heads }, (_, head) => {
        const inside = student !== undefined && head < student.heads ? student.headSize * unit : 0;
        return (
          <g key={head} transform={`translate(${from + head * side} 11)`}>
            <rect className="d-s" x={(side - inside) / 2} y={0} width={inside} height={6} />
            <rect className={inside === 0 ? 'd-t gone' : 'd-t'} x={0.5} y={0} width={Math.max(1, side - 1)} height={6} />
          </g>
        );
      })}
    </>
  );
}

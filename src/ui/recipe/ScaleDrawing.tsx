import { useSetup, type ModelShape } from '../../state/setupStore.ts';

const WIDTH = 240;
const LAYER = 22;

/** Teacher (outline) and student (filled) to one scale: FFN above, heads below, a row a layer. */
export function ScaleDrawing(): React.JSX.Element | null {
  const teacher = useSetup((state) => state.teacher?.shape);
  const student = useSetup((state) => state.recipe?.student);
  if (teacher === undefined || student === undefined) return null;
  const unit = WIDTH / Math.max(teacher.intermediateSize, teacher.hiddenSize);
  const shown = Math.min(teacher.layers, 12);
  const kept = Math.round((student.layers * shown) / teacher.layers);
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
          viewBox={`0 0 280 ${shown * LAYER}`}
          role="img"
          aria-label={`Student ${student.hiddenSize} of ${teacher.hiddenSize} wide, ${student.layers} of ${teacher.layers} layers, FFN ${student.intermediateSize} of ${teacher.intermediateSize}`}
        >
          {Array.from({ length: shown }, (_, i) => (
            <g key={i} transform={`translate(30 ${i * LAYER})`}>
              <text x="-30" y="9">
                L{shown - i}
              </text>
              <Bar
                teacher={teacher.intermediateSize * unit}
                student={shown - i <= kept ? student.intermediateSize * unit : 0}
                y={1}
                height={8}
              />
              <Heads teacher={teacher} student={shown - i <= kept ? student : undefined} unit={unit} />
            </g>
          ))}
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

import { PLOT, useCrosshair } from './crosshair.ts';

interface CrosshairProps {
  readonly steps: number;
  readonly children: React.ReactNode;
}

/** One line through all charts: by pointer, or by arrow, Page, Home and End keys; Escape takes it away. */
export function Crosshair({ steps, children }: CrosshairProps): React.JSX.Element {
  const step = useCrosshair((state) => state.step);
  const put = (wanted: number): void => useCrosshair.setState({ step: Math.min(steps, Math.max(0, Math.round(wanted))) });
  const leave = (): void => useCrosshair.setState({ step: undefined });
  return (
    <div
      className="charts"
      data-testid="charts"
      onPointerMove={(event) => {
        const box = event.currentTarget.getBoundingClientRect();
        const share = (event.clientX - box.left - PLOT.left) / (box.width - PLOT.left - PLOT.right);
        if (share < -0.02 || share > 1.02) leave();
        else put(share * steps);
      }}
      onPointerLeave={leave}
    >
      <input
        type="range"
        className="sr"
        data-testid="crosshair"
        aria-label="Step under the crosshair of all charts"
        min={0}
        max={steps}
        step={Math.max(1, Math.round(steps / 100))}
        value={step ?? 0}
        aria-valuetext={step === undefined ? 'no step chosen' : `step ${step}`}
        onChange={(event) => put(Number(event.currentTarget.value))}
        onKeyDown={(event) => {
          if (event.key === 'Escape') leave();
        }}
      />
      {children}
      {step === undefined ? null : (
        <div
          className="xline"
          style={{ left: `calc(${PLOT.left}px + (100% - ${PLOT.left + PLOT.right}px) * ${step / Math.max(1, steps)})` }}
        />
      )}
    </div>
  );
}

import { Popover } from 'radix-ui';
import { isGoing, useRun } from '../state/runStore.ts';
import { useSetup, type EngineChoice, type EngineReport } from '../state/setupStore.ts';
import { useActions } from './actionsContext.ts';
import { Icon } from './Icon.tsx';
import { whole } from './numbers.ts';

const NAMES: Readonly<Record<string, string>> = { cpu: 'CPU', webgpu: 'WebGPU', reference: 'Reference' };
const CHOICES: readonly { readonly choice: EngineChoice; readonly name: string; readonly says: string }[] = [
  { choice: 'auto', name: 'Automatic', says: 'the faster one: a GPU by WebGPU, or the CPU' },
  { choice: 'webgpu', name: 'WebGPU', says: 'on this browser’s GPU adapter' },
  { choice: 'cpu', name: 'CPU', says: 'WebAssembly, SIMD and threads' },
  { choice: 'reference', name: 'Reference', says: 'float64 in plain TypeScript, very slow: for checking' },
];

const gflopsText = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} GFLOP/s`;

/** Which engine computes, how fast, and how to take another. */
export function EngineBadge(): React.JSX.Element {
  const engine = useSetup((state) => state.engine);
  const gflops = useSetup((state) => state.gflops);
  if (engine === undefined) return <span className="note">Starting the engine</span>;
  return (
    <Popover.Root>
      <Popover.Trigger className="btn quiet engine" data-testid="engine">
        <span className="sr">Engine: </span>
        <b>{NAMES[engine.name] ?? engine.name}</b>
        <span className="engine-more">
          {engine.name === 'webgpu'
            ? ` · ${engine.adapter?.name ?? 'GPU'}`
            : ` · ${engine.threads} ${engine.threads === 1 ? 'thread' : 'threads'}`}
          {gflops === undefined ? '' : ` · ${gflopsText(gflops)}`}
        </span>
        <Icon name="down" />
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content className="pop floating" align="end" sideOffset={4} collisionPadding={12} aria-label="Engine">
          <EngineCard engine={engine} gflops={gflops} />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

function EngineCard({ engine, gflops }: { readonly engine: EngineReport; readonly gflops: number | undefined }): React.JSX.Element {
  const actions = useActions();
  const chosen = useSetup((state) => state.engineChoice);
  const going = useRun((state) => isGoing(state.status));
  return (
    <>
      <h2>Engine</h2>
      <fieldset className="choices" disabled={going}>
        <legend className="sr">Compute engine</legend>
        {CHOICES.map(({ choice, name, says }) => (
          <label key={choice}>
            <input
              type="radio"
              name="engine"
              aria-label={`${name}, ${says}`}
              data-testid={`engine-${choice}`}
              checked={chosen === choice}
              onChange={() => void actions.switchEngine(choice)}
            />
            <span>
              <b>{name}</b>
              <small>{says}</small>
            </span>
          </label>
        ))}
      </fieldset>
      {going ? <p className="note">Stop the run to change its engine.</p> : null}
      <h3>In use</h3>
      <p>
        {engine.detail}
        {gflops === undefined ? '' : `, ${gflopsText(gflops)} for matrix multiplication`}
        {engine.adapter === undefined ? '' : `. Adapter: ${engine.adapter.name}${engine.adapter.software ? ', a software one' : ''}`}
      </p>
      {engine.speeds === undefined ? null : (
        <p>
          Measured: CPU {gflopsText(engine.speeds.cpu)}, WebGPU {gflopsText(engine.speeds.webgpu)}.
        </p>
      )}
      {engine.checked === undefined ? null : (
        <p>
          Its operations agree with the reference engine’s
          {engine.checked.remembered ? ', as compared before.' : `: compared in ${(engine.checked.milliseconds / 1000).toFixed(1)} s.`}
        </p>
      )}
      {engine.notWebGpu === undefined ? null : (
        <>
          <h3>Why not WebGPU?</h3>
          <p data-testid="not-webgpu">{engine.notWebGpu}</p>
          <GpuHelp />
        </>
      )}
      <p>
        <a className="link" href="?test=gpu" target="_blank" rel="noreferrer" data-testid="test-gpu">
          Test this GPU (in a new tab)
        </a>
      </p>
      <h3>Threads</h3>
      <p>
        {globalThis.crossOriginIsolated && typeof SharedArrayBuffer === 'undefined'
          ? 'This browser cannot share memory between workers, so the CPU engine uses one thread.'
          : globalThis.crossOriginIsolated
            ? `This machine has ${whole(navigator.hardwareConcurrency)} logical cores; the CPU engine uses them all.`
            : `This page is not cross-origin isolated, so the CPU engine uses one thread. ${
                isSecureContext ? 'Serve it with COOP and COEP headers.' : 'Open it by HTTPS, or on localhost.'
              }`}
      </p>
    </>
  );
}

/** Where this browser has its switch. What it is called is the only thing that its name is asked for. */
function GpuHelp(): React.JSX.Element | null {
  const { userAgent } = navigator;
  if (!isSecureContext) return <p>Browsers offer WebGPU only on HTTPS pages and on localhost.</p>;
  if (userAgent.includes('Firefox/'))
    return (
      <p>
        If Firefox has WebGPU switched off, <code>dom.webgpu.enabled</code> in <code>about:config</code> switches it on.
      </p>
    );
  if (userAgent.includes('Chrome/'))
    return (
      <p>
        On Linux the GPU is often switched off in the browser: <code>chrome://flags/#enable-unsafe-webgpu</code> switches it on.
      </p>
    );
  return null;
}

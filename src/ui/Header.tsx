import { Popover } from 'radix-ui';
import { useSetup } from '../state/setupStore.ts';
import { Icon } from './Icon.tsx';
import { applyTheme, useTheme } from './theme.ts';

export function Header(): React.JSX.Element {
  const theme = useTheme();
  const toggle = (): void => applyTheme(theme === 'dark' ? 'light' : 'dark');
  return (
    <header className="top">
      <div className="brand">
        <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
          <path d="M2.5 2.5h15v15h-15z" className="mark-t" />
          <path d="M2 10h8v8H2z" className="mark-s" />
          <path d="M10 10l7.5-7.5" className="mark-t" />
        </svg>
        <span>WID Studio</span>
      </div>
      <span className="grow" />
      <EngineBadge />
      <button type="button" className="btn quiet icon" aria-pressed={theme === 'dark'} aria-label="Dark theme" onClick={toggle}>
        <Icon name={theme === 'dark' ? 'sun' : 'moon'} />
      </button>
    </header>
  );
}

function EngineBadge(): React.JSX.Element {
  const engine = useSetup((state) => state.engine);
  if (engine === undefined) return <span className="note">Starting the engine</span>;
  return (
    <Popover.Root>
      <Popover.Trigger className="btn quiet engine" data-testid="engine">
        <span className="sr">Engine: </span>
        <b>{engine.name}</b>
        <span className="engine-more">{` · ${engine.threads} ${engine.threads === 1 ? 'thread' : 'threads'}`}</span>
        <Icon name="down" />
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content className="pop floating" align="end" sideOffset={4} collisionPadding={12} aria-label="Engine">
          <h2>Engine</h2>
          <p>{engine.detail}</p>
          <h3>Threads</h3>
          <p>
            {globalThis.crossOriginIsolated
              ? `${engine.threads} of this machine's ${navigator.hardwareConcurrency} logical cores compute.`
              : 'This page is not cross-origin isolated, so memory cannot be shared and one thread computes. Serve it with COOP and COEP headers.'}
          </p>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

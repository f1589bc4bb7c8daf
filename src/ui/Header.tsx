import { EngineBadge } from './EngineBadge.tsx';
import { Icon } from './Icon.tsx';
import { RunsMenu } from './runs/RunsMenu.tsx';
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
      <RunsMenu />
      <span className="grow" />
      <EngineBadge />
      <button type="button" className="btn quiet icon" aria-pressed={theme === 'dark'} aria-label="Dark theme" onClick={toggle}>
        <Icon name={theme === 'dark' ? 'sun' : 'moon'} />
      </button>
    </header>
  );
}

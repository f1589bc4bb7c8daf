import { Icon } from './Icon.tsx';
import { applyTheme, useTheme } from './theme.ts';

export function ThemeButton(): React.JSX.Element {
  const theme = useTheme();
  const toggle = (): void => applyTheme(theme === 'dark' ? 'light' : 'dark');
  return (
    <button type="button" className="btn quiet icon" aria-pressed={theme === 'dark'} aria-label="Dark theme" onClick={toggle}>
      <Icon name={theme === 'dark' ? 'sun' : 'moon'} />
    </button>
  );
}

import { Brand } from './Brand.tsx';
import { EngineBadge } from './EngineBadge.tsx';
import { RunsMenu } from './runs/RunsMenu.tsx';
import { ThemeButton } from './ThemeButton.tsx';

export function Header(): React.JSX.Element {
  return (
    <header className="top">
      <Brand />
      <RunsMenu />
      <span className="grow" />
      <EngineBadge />
      <ThemeButton />
    </header>
  );
}

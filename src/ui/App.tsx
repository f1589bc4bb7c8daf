import { useEffect } from 'react';
import { useRun } from '../state/runStore.ts';
import { useSetup } from '../state/setupStore.ts';
import { DropAnywhere } from './drop/DropAnywhere.tsx';
import { EmptyState } from './empty/EmptyState.tsx';
import { FaultToast } from './FaultToast.tsx';
import { Header } from './Header.tsx';
import { RecipePanel } from './recipe/RecipePanel.tsx';
import { RunPanel } from './run/RunPanel.tsx';
import { SectionBar } from './SectionBar.tsx';
import { SidePanel } from './SidePanel.tsx';

/** The one page: an invitation until there is a teacher, then recipe, run and results. */
export function App(): React.JSX.Element {
  const empty = useSetup((state) => state.teacher === undefined);
  const status = useRun((state) => state.status);
  useEffect(() => {
    document.body.dataset['state'] = empty ? 'empty' : status;
  }, [empty, status]);
  return (
    <>
      <a
        className="skip"
        href="#main"
        onClick={(event) => {
          // The address's fragment is the recipe.
          event.preventDefault();
          document.querySelector<HTMLElement>('#main')?.focus();
        }}
      >
        Skip to the run
      </a>
      <Header />
      <main id="main" tabIndex={-1}>
        {empty ? (
          <EmptyState />
        ) : (
          <div className="studio">
            <h1 className="sr">WID Studio</h1>
            <RecipePanel />
            <RunPanel />
            <SidePanel />
          </div>
        )}
      </main>
      {empty ? null : <SectionBar />}
      <DropAnywhere />
      <FaultToast />
    </>
  );
}

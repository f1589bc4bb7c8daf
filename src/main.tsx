import { wrap } from 'comlink';
import { lazy, StrictMode, Suspense } from 'react';
import { createRoot } from 'react-dom/client';
import { createActions } from './state/actions/actions.ts';
import { asksForGpuTest, gpuTester } from './state/gpuTest.ts';
import type { StudioApi } from './studio/studioApi.ts';
import { installTransfers } from './studio/transfers.ts';
import { ActionsContext } from './ui/actionsContext.ts';
import { App } from './ui/App.tsx';
import './ui/styles/tokens.css';
import './ui/styles/base.css';
import './ui/styles/controls.css';
import './ui/styles/header.css';
import './ui/styles/columns.css';
import './ui/styles/inputs.css';
import './ui/styles/student.css';
import './ui/styles/cost.css';
import './ui/styles/hub.css';
import './ui/styles/run.css';
import './ui/styles/charts.css';
import './ui/styles/norms.css';
import './ui/styles/compare.css';
import './ui/styles/export.css';
import './ui/styles/runs.css';
import './ui/styles/empty.css';
import './ui/styles/toast.css';
import './ui/styles/drop.css';
import './ui/styles/sections.css';
import './ui/styles/notes.css';
import './ui/styles/gpu.css';
import { applyTheme, followSystemTheme } from './ui/theme.ts';

applyTheme();
followSystemTheme();
installTransfers();
/** The worker's session. */
const api: StudioApi = wrap<StudioApi>(new Worker(new URL('../workers/studio.worker.ts', import.meta.url), { type: 'module' }));

/** For few: the studio's first load does without it. */
const GpuTestPage = lazy(async () => ({ default: (await import('./ui/gpu/GpuTestPage.tsx')).GpuTestPage }));

function page(): React.JSX.Element {
  if (asksForGpuTest())
    return (
      <Suspense>
        <GpuTestPage tester={gpuTester(api)} />
      </Suspense>
    );
  return (
    <ActionsContext value={createActions(api, new URL(import.meta.env.BASE_URL, location.href).href)}>
      <App />
    </ActionsContext>
  );
}

const root = document.querySelector('#root');
if (root !== null) createRoot(root).render(<StrictMode>{page()}</StrictMode>);

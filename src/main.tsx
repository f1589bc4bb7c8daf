import { proxy, transfer, wrap } from 'comlink';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createActions } from './state/actions/actions.ts';
import type { PageApi } from './state/actions/desk.ts';
import { installFaultTransfer } from './studio/faultTransfer.ts';
import type { StudioListener } from './studio/api/run.ts';
import type { StudioApi } from './studio/studioApi.ts';
import { ActionsContext } from './ui/actionsContext.ts';
import { App } from './ui/App.tsx';
import './ui/styles/tokens.css';
import './ui/styles/base.css';
import './ui/styles/recipe.css';
import './ui/styles/run.css';
import './ui/styles/side.css';
import './ui/styles/states.css';
import './ui/styles/page.css';
import './ui/styles/charts.css';
import './ui/styles/inputs.css';
import './ui/styles/compare.css';
import { applyTheme, followSystemTheme } from './ui/theme.ts';

applyTheme();
followSystemTheme();
installFaultTransfer();
const remote = wrap<StudioApi>(new Worker(new URL('../workers/studio.worker.ts', import.meta.url), { type: 'module' }));

const heard = (listen: StudioListener | undefined): StudioListener | undefined => (listen === undefined ? undefined : proxy(listen));

/** The worker's session, with the teacher's bytes handed over rather than copied, and listeners called across. */
const api: PageApi = {
  engine: (choice, threads, settings) => remote.engine(choice, threads, settings),
  engineSpeed: () => remote.engineSpeed(),
  sortFiles: (files) => remote.sortFiles(files),
  loadTeacher: (name, files, listen) => {
    const buffers = files.flatMap(({ bytes }) =>
      bytes instanceof Uint8Array && bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : [],
    );
    return remote.loadTeacher(name, transfer(files, buffers), heard(listen));
  },
  loadHubTeacher: (request, listen) => remote.loadHubTeacher(request, proxy(listen)),
  cancelTeacher: () => remote.cancelTeacher(),
  hubCacheSize: () => remote.hubCacheSize(),
  clearHubCache: () => remote.clearHubCache(),
  loadText: (name, files, wish, listen) => remote.loadText(name, files, wish, heard(listen)),
  cancelText: () => remote.cancelText(),
  defaults: (student) => remote.defaults(student),
  presets: () => remote.presets(),
  student: (wish, tied) => remote.student(wish, tied),
  plan: (recipe) => remote.plan(recipe),
  stepCosts: (recipe) => remote.stepCosts(recipe),
  start: (recipe, listen) => remote.start(recipe, proxy(listen)),
  pause: () => remote.pause(),
  step: () => remote.step(),
  resume: () => remote.resume(),
  stop: () => remote.stop(),
  attention: (sentence, layer, head, listen) => remote.attention(sentence, layer, head, heard(listen)),
  fillMask: (sentence, listen) => remote.fillMask(sentence, heard(listen)),
  unfinished: () => remote.unfinished(),
  resumeRun: (run, listen) => remote.resumeRun(run, proxy(listen)),
  deleteRun: (run) => remote.deleteRun(run),
  exportStudent: (name, listen, options) => remote.exportStudent(name, proxy(listen), options),
  cancelExport: () => remote.cancelExport(),
  exportTeacher: (name, listen, options) => remote.exportTeacher(name, proxy(listen), options),
  runs: () => remote.runs(),
  runEvents: (run) => remote.runEvents(run),
  compareRuns: (first, second, sentence, layer, head, listen) => remote.compareRuns(first, second, sentence, layer, head, heard(listen)),
  openRun: (run) => remote.openRun(run),
  recallInputs: (run) => remote.recallInputs(run),
  renameRun: (run, name) => remote.renameRun(run, name),
  restoreRun: (run) => remote.restoreRun(run),
  exportRun: (run) => remote.exportRun(run),
  importRun: (zip) => remote.importRun(zip),
  storage: (recipe) => remote.storage(recipe),
  whyNotKept: () => remote.whyNotKept(),
  keep: () => remote.keep(),
};

const root = document.querySelector('#root');
if (root !== null)
  createRoot(root).render(
    <StrictMode>
      <ActionsContext value={createActions(api, new URL(import.meta.env.BASE_URL, location.href).href)}>
        <App />
      </ActionsContext>
    </StrictMode>,
  );

// Registers offlineWorker.js. Where the host sends no headers the worker adds them, and the page needs one reload.
const { serviceWorker } = navigator;

/** Whether the page and its workers already have the headers, from the host or from the service worker. */
async function hasHeaders() {
  if (!globalThis.crossOriginIsolated) return false;
  if (serviceWorker.controller !== null) return true;
  const answer = await fetch(location.href, { method: 'HEAD' }).catch(() => undefined);
  return answer?.headers.has('Content-Security-Policy') === true;
}

async function register() {
  const complete = await hasHeaders();
  await serviceWorker.register('./offlineWorker.js');
  await serviceWorker.ready;
  if (complete || sessionStorage.getItem('reloadedForHeaders') !== null) return;
  // Once only: a browser that will not isolate the page must not reload for ever.
  sessionStorage.setItem('reloadedForHeaders', 'yes');
  location.reload();
}

if (serviceWorker !== undefined) register().catch((error) => console.warn('WID Studio will not work offline:', error));

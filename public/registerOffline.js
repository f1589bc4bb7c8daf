// Registers offlineWorker.js. Where the host sends no isolation headers the worker adds them, and the page needs one reload.
if ('serviceWorker' in navigator) {
  const isolated = globalThis.crossOriginIsolated;
  navigator.serviceWorker.register('./offlineWorker.js').then(
    async () => {
      await navigator.serviceWorker.ready;
      if (isolated || sessionStorage.getItem('reloadedForIsolation') !== null) return;
      // Once only: a browser that will not isolate the page must not reload for ever.
      sessionStorage.setItem('reloadedForIsolation', 'yes');
      location.reload();
    },
    (error) => console.warn('WID Studio will not work offline:', error),
  );
}

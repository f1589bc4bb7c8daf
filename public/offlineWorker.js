// Keeps the studio working without a network after the first load, and isolated and under its policy on hosts that send no headers.
// It touches this site's own files alone: a checkpoint fetched from elsewhere is the session's to keep.
const CACHE = 'wid-studio';
const BUILT = '/assets/';
/** The page's Content-Security-Policy, put in by the build. A worker goes by the headers of its own file. */
const POLICY = '%POLICY%';

/** The response with the headers that shared memory, and with it CPU threads, needs, and with the policy beside a host's own. */
function withHeaders(response) {
  // A redirect is the browser's to follow, and cannot be made anew.
  if (response.type === 'opaqueredirect') return response;
  const headers = new Headers(response.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  headers.append('Content-Security-Policy', POLICY);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

async function answer(request) {
  const cache = await caches.open(CACHE);
  // Built files carry a fingerprint in their names and never change.
  if (new URL(request.url).pathname.includes(BUILT)) {
    const kept = await cache.match(request);
    if (kept !== undefined) return withHeaders(kept);
  }
  try {
    const fresh = await fetch(request);
    if (fresh.status === 200) await cache.put(request, fresh.clone());
    return withHeaders(fresh);
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: request.mode === 'navigate' });
    if (kept !== undefined) return withHeaders(kept);
    throw error;
  }
}

/** Fetches what this build consists of. */
async function keepBuild() {
  const cache = await caches.open(CACHE);
  const files = await (await fetch('./offlineFiles.json', { cache: 'no-cache' })).json();
  const wanted = new Set(files.map((path) => new URL(path, location.href).href));
  const kept = new Set((await cache.keys()).map(({ url }) => url));
  await cache.addAll(['./', './registerOffline.js', ...[...wanted].filter((url) => !kept.has(url))]);
}

addEventListener('install', (event) => event.waitUntil(keepBuild().then(() => skipWaiting())));
addEventListener('activate', (event) => event.waitUntil(clients.claim()));
addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method === 'GET' && new URL(request.url).origin === location.origin) event.respondWith(answer(request));
});

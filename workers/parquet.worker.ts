import { serveParquet, type ParquetRequest } from '../src/text/readers/parquetRealm.ts';

if (typeof process !== 'undefined' && typeof process.getBuiltinModule === 'function') {
  const { parentPort } = process.getBuiltinModule('node:worker_threads');
  if (parentPort !== null)
    parentPort.on(
      'message',
      serveParquet((answer) => parentPort.postMessage(answer)),
    );
} else {
  const serve = serveParquet((answer) => postMessage(answer));
  addEventListener('message', (event: MessageEvent<ParquetRequest>) => serve(event.data));
}

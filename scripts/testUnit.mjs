// `npm run test:unit -- PATTERN`: set-up, then the unit tests whose path holds PATTERN. `npm run watch -- PATTERN` runs them again
// whenever a file that they read is saved. The rest goes to Vitest, as in `npm run test:unit -- tests/wid -t merges`.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { main, ROOT, setup } from './setup.mjs';

await main(async () => {
  await setup();
  const [mode = 'run', ...rest] = process.argv.slice(2);
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const tests = spawn(process.execPath, [vitest, mode, '--project', 'unit', ...rest], { cwd: ROOT, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => tests.kill(signal));
  process.exitCode = await new Promise((resolve) => tests.on('exit', (code) => resolve(code ?? 1)));
});

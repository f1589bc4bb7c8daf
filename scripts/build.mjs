// `npm run build`: set-up, then the production page into dist/.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { main, ROOT, setup } from './setup.mjs';

await main(async () => {
  await setup();
  const command = [join(ROOT, 'node_modules/vite/bin/vite.js'), 'build', ...process.argv.slice(2)];
  process.exitCode = spawnSync(process.execPath, command, { cwd: ROOT, stdio: 'inherit' }).status ?? 1;
});

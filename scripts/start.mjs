// `npm start`: set-up, then the studio on the dev server. `--no-open` opens no browser; the rest goes to Vite.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { main, ROOT, setup } from './setup.mjs';

/** A desktop to open a window on: not a build machine, not a shell without a screen. */
function hasDesktop() {
  const { env, platform } = process;
  if (env.CI || env.SSH_CONNECTION) return false;
  return platform === 'darwin' || platform === 'win32' || Boolean(env.DISPLAY || env.WAYLAND_DISPLAY);
}

await main(async () => {
  await setup();
  const given = process.argv.slice(2);
  const rest = given.filter((argument) => argument !== '--no-open');
  const open = rest.length === given.length && hasDesktop() ? ['--open'] : [];
  const vite = spawn(process.execPath, [join(ROOT, 'node_modules/vite/bin/vite.js'), ...open, ...rest], { cwd: ROOT, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => vite.kill(signal));
  vite.on('exit', (code) => process.exit(code ?? 0));
});

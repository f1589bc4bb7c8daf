#!/usr/bin/env node
// `npm run compress -- ...` and `wid-studio`: the studio in a terminal, from a clone or from a package.
import { existsSync } from 'node:fs';

// Packages hold no lock file, and the program as plain JavaScript (scripts/package.mjs).
if (existsSync(new URL('../package-lock.json', import.meta.url))) {
  const { runTypescript } = await import('./runTypescript.mjs');
  await runTypescript('src/cli/main.ts');
} else {
  const program = new URL('../built/src/cli/main.js', import.meta.url);
  if (existsSync(program)) await import(program.href);
  else {
    console.error('wid-studio: expected a clone, or a package made by npm run package, got neither. Make it anew by that command.');
    process.exitCode = 1;
  }
}

// After `npm install`: writes the lock file so that every machine can use it.
// Adds optional platform packages that the registry at hand did not list (npm leaves them out, and then `npm ci`
// refuses the file), and drops download addresses, so that the file names no registry.
import { readFileSync, writeFileSync } from 'node:fs';

const path = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(path, 'utf8'));
const systems = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32', 'netbsd', 'openbsd', 'sunos', 'aix'];
const processors = ['arm64', 'arm', 'x64', 'ia32', 'ppc64', 'riscv64', 's390x', 'loong64', 'mips64el'];

for (const [place, entry] of Object.entries(lock.packages)) {
  delete entry.resolved;
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (place === '' || lock.packages[`node_modules/${name}`] !== undefined) continue;
    const words = name.split(/[-/]/);
    lock.packages[`node_modules/${name}`] = {
      version,
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
      os: systems.filter((system) => words.includes(system)),
      cpu: processors.filter((processor) => words.includes(processor)),
    };
  }
}
const sorted = Object.keys(lock.packages).toSorted();
lock.packages = Object.fromEntries(sorted.map((place) => [place, lock.packages[place]]));
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);

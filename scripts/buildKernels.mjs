// Compiles the CPU engine's AssemblyScript kernels into four WebAssembly modules, when their sources have changed, with the
// opcodes of src/engines/wasm/opcodes.ts, and gathers the WebGPU engine's WGSL files in one module, which page, terminal and tests import alike.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = join(ROOT, 'src/engines/wasm/kernels');
const BUILT = join(ROOT, 'src/engines/wasm/built');
const WGSL = join(ROOT, 'src/engines/webgpu/kernels');
const VARIANTS = [
  { name: 'kernels-single', features: 'simd', shared: false },
  { name: 'kernels-single-relaxed', features: 'simd,relaxed-simd', shared: false },
  { name: 'kernels-threads', features: 'simd,threads', shared: true },
  { name: 'kernels-threads-relaxed', features: 'simd,relaxed-simd,threads', shared: true },
];

/** The interpreter's names for the opcodes, as AssemblyScript. The oldest Node that is supported cannot import TypeScript. */
function opcodeNames() {
  const list = /OPCODES = \[([^\]]*)\] as const/.exec(readFileSync(join(SOURCES, '../opcodes.ts'), 'utf8'));
  if (list === null) throw new Error('kernels: src/engines/wasm/opcodes.ts has no list OPCODES.');
  const names = [...list[1].matchAll(/'(\w+)'/g)].map(([, name], index) => `export const ${name} = ${index};\n`);
  return `// Made by scripts/buildKernels.mjs of ../opcodes.ts.\n${names.join('')}`;
}

function fingerprint() {
  const hash = createHash('sha256')
    .update(readFileSync(fileURLToPath(import.meta.url)))
    .update(opcodeNames());
  for (const file of readdirSync(SOURCES).sort()) hash.update(file).update(readFileSync(join(SOURCES, file)));
  return hash.digest('hex');
}

function gatherWgsl() {
  const names = readdirSync(WGSL)
    .filter((file) => file.endsWith('.wgsl'))
    .sort();
  const entries = names.map((file) => `  ${file.replace(/\.wgsl$/, '')}: ${JSON.stringify(readFileSync(join(WGSL, file), 'utf8'))},\n`);
  const text = `// Made by scripts/buildKernels.mjs of the .wgsl files in ../kernels.\nexport const KERNELS = {\n${entries.join('')}} as const;\n`;
  writeIfOther(join(WGSL, '../built'), 'kernels.ts', text);
}

function writeIfOther(folder, name, text) {
  const target = join(folder, name);
  if (existsSync(target) && readFileSync(target, 'utf8') === text) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(target, text);
}

/** Builds what is stale; says nothing when nothing is. */
export async function buildKernels() {
  gatherWgsl();
  writeIfOther(BUILT, 'opcodes.ts', opcodeNames());
  const stamp = join(BUILT, 'stamp');
  const wanted = fingerprint();
  const fresh = VARIANTS.every(({ name }) => existsSync(join(BUILT, `${name}.wasm`)));
  if (fresh && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  mkdirSync(BUILT, { recursive: true });
  const { default: asc } = await import('assemblyscript/asc');
  for (const { name, features, shared } of VARIANTS) {
    const { error, stderr } = await asc.main([
      join(SOURCES, 'index.ts'),
      '--outFile',
      join(BUILT, `${name}.wasm`),
      '--enable',
      features,
      ...(shared ? ['--sharedMemory'] : []),
      '--importMemory',
      '--initialMemory',
      '16',
      '--maximumMemory',
      '65536',
      '-O3',
      '--runtime',
      'stub',
      '--noAssert',
      '--disableWarning',
      '112',
    ]);
    if (error) throw new Error(`kernels: ${name} did not compile.\n${stderr.toString()}`);
  }
  writeFileSync(stamp, wanted);
  console.log('Built the CPU kernels.');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await buildKernels();

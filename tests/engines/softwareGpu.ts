import { existsSync, realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { findBrowser } from '../../scripts/browser.mjs';

/** Keeps the loader in the process though it is no Node add-on. */
const RTLD_NODELETE = 0x1000;

/** Folders beside or behind a browser's program where it keeps its software Vulkan driver. */
function folders(program: string): string[] {
  const real = dirname(realpathSync(program));
  return [real, '/usr/lib/chromium', '/opt/google/chrome'];
}

/**
 * Lets Dawn in Node find the browser's SwiftShader, the same software GPU that the browser tests run on. Where the machine
 * has Vulkan drivers of its own and no such browser, those are used.
 */
export async function takeSoftwareGpu(): Promise<void> {
  if (process.platform !== 'linux' || process.env['VK_ICD_FILENAMES'] !== undefined) return;
  const folder = folders(await findBrowser()).find((place) => existsSync(join(place, 'vk_swiftshader_icd.json')));
  if (folder === undefined) return;
  process.env['VK_ICD_FILENAMES'] = join(folder, 'vk_swiftshader_icd.json');
  // Dawn opens libvulkan.so.1 by name; where the system has none, the browser's copy is already in the process under it.
  try {
    process.dlopen({ exports: {} }, join(folder, 'libvulkan.so.1'), constants.dlopen.RTLD_LAZY | RTLD_NODELETE);
  } catch {
    // It is no add-on, which is what this call complains about after loading it.
  }
}

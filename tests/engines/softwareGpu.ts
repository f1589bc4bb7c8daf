import { existsSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findBrowser } from '../../scripts/browser.mjs';

/** Keeps the loader in the process though it is no Node add-on. */
const RTLD_NODELETE = 0x1000;

/** Folders beside or behind a browser's program where it keeps its software Vulkan driver. */
function folders(program: string): string[] {
  const real = dirname(realpathSync(program));
  return [real, '/usr/lib/chromium', '/opt/google/chrome'];
}

/** Chromium's software Vulkan driver and its loader. */
interface SoftwareVulkan {
  readonly driver: string;
  readonly loader: string;
}

/** @returns nothing where the machine's own drivers are to be used: it is no Linux, one is named, or the browser has none */
async function softwareVulkan(): Promise<SoftwareVulkan | undefined> {
  if (process.platform !== 'linux' || process.env['VK_ICD_FILENAMES'] !== undefined) return undefined;
  const folder = folders(await findBrowser()).find((place) => existsSync(join(place, 'vk_swiftshader_icd.json')));
  return folder === undefined ? undefined : { driver: join(folder, 'vk_swiftshader_icd.json'), loader: join(folder, 'libvulkan.so.1') };
}

/**
 * Lets Dawn in Node find the browser's SwiftShader, the same software GPU that the browser tests run on. Where the machine
 * has Vulkan drivers of its own and no such browser, those are used.
 */
export async function takeSoftwareGpu(): Promise<void> {
  const vulkan = await softwareVulkan();
  if (vulkan === undefined) return;
  process.env['VK_ICD_FILENAMES'] = vulkan.driver;
  // Dawn opens libvulkan.so.1 by name; where the system has none, the browser's copy is already in the process under it.
  try {
    process.dlopen({ exports: {} }, vulkan.loader, constants.dlopen.RTLD_LAZY | RTLD_NODELETE);
  } catch {
    // It is no add-on, which is what this call complains about after loading it.
  }
}

/**
 * The same software GPU for another program, such as Firefox or Deno.
 * @returns variables of its environment, and a call for when the program has ended
 */
export async function softwareGpuFor(): Promise<{ readonly env: Readonly<Record<string, string>>; remove(): void }> {
  const vulkan = await softwareVulkan();
  if (vulkan === undefined) return { env: {}, remove: () => {} };
  // The loader in a folder by itself: beside it lie libraries of Chromium whose names others open too.
  const folder = mkdtempSync(join(tmpdir(), 'wid-studio-vulkan-'));
  symlinkSync(vulkan.loader, join(folder, 'libvulkan.so.1'));
  return {
    env: { VK_ICD_FILENAMES: vulkan.driver, LD_LIBRARY_PATH: [folder, process.env['LD_LIBRARY_PATH']].filter(Boolean).join(':') },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

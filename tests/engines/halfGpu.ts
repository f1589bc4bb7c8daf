import { existsSync } from 'node:fs';
import { requestAdapter } from '../../src/engines/webgpu/gpuAccess.ts';
import { takeSoftwareGpu } from './softwareGpu.ts';

/** Mesa's software driver, which has `shader-f16`; a browser's SwiftShader does not. */
const LAVAPIPE = ['/usr/share/vulkan/icd.d/lvp_icd.json', '/usr/share/vulkan/icd.d/lvp_icd.x86_64.json'];

/**
 * Takes an adapter with `shader-f16`, if there is one: of the driver that `VK_ICD_FILENAMES` names, or else Mesa's.
 * @returns why there is none, for the name of what is skipped
 */
export async function takeHalfGpu(): Promise<string | undefined> {
  const mesa = LAVAPIPE.find((file) => existsSync(file));
  if (process.platform === 'linux' && process.env['VK_ICD_FILENAMES'] === undefined && mesa !== undefined)
    process.env['VK_ICD_FILENAMES'] = mesa;
  await takeSoftwareGpu();
  const { features, info } = await requestAdapter();
  return features.has('shader-f16') ? undefined : `${info.description || info.device} has no shader-f16; Mesa's lavapipe has it`;
}

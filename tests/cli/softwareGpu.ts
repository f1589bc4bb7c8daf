// Loaded before the terminal program: gives it the browser's software GPU.
import { takeSoftwareGpu } from '../engines/softwareGpu.ts';

await takeSoftwareGpu();

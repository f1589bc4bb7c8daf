import type { PlanOptions } from '../../graph/plan.ts';
import { sizeInWords } from '../../tensor/bytes.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { Recipe } from '../api/recipe.ts';
import { memoryAdvice, plannedBytes } from '../methods/memorySavings.ts';
import type { Teacher } from '../teacher/teacher.ts';

/** What a browser tells of its machine. */
interface Machine {
  /** GiB. */
  readonly deviceMemory?: number;
  readonly userAgent?: string;
}

const GIB = 2 ** 30;
/** Where nothing is told of the machine. */
const UNKNOWN = 4 * GIB;
/** Of a phone or tablet: a tab that takes more is closed by the system, without an error. */
const PHONE = GIB;

/**
 * Bytes on a GPU beyond which a user is asked first. WebGPU does not tell how much memory a GPU has; half the machine's is what an
 * integrated one may take, and beyond that a machine swaps rather than to say no.
 */
export function gpuBudget(): number {
  const { deviceMemory, userAgent = '' } = (globalThis as { readonly navigator?: Machine }).navigator ?? {};
  if (/Mobile|Android|iPhone|iPad/.test(userAgent)) return PHONE;
  // Chromium tells it in steps, 8 at the most.
  return deviceMemory === undefined ? UNKNOWN : (deviceMemory * GIB) / 2;
}

/**
 * Asks before a GPU is given more than its budget.
 * @param options of the engine's plans   @param budget bytes
 * @throws StudioError `memory-budget` with the planned bytes, and with what would lower them
 */
export function needBudget(teacher: Teacher, recipe: Recipe, options: PlanOptions, budget: number): void {
  const planned = plannedBytes(teacher, recipe, options);
  if (planned <= budget) return;
  throw new StudioError(
    'memory-budget',
    `memory: a step of this recipe — expected at most ${sizeInWords(budget)} on this machine's GPU, got ${sizeInWords(planned)}. Start it all the same (--beyond-memory in the terminal), use the CPU engine, or choose less. ${memoryAdvice(teacher, recipe, options)}`,
    { planned, budget },
  );
}

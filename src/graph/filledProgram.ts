import type { Plan } from './plan.ts';

/** What of an engine it takes to have a program: its contract is another room's. */
interface Compiler<P> {
  compile(plan: Plan): Promise<P>;
}

/**
 * A compiled plan with its first contents.
 * @param fill writes them; where it throws, the program's memory is given back
 */
export async function filledProgram<P extends { dispose(): void }>(
  engine: Compiler<P>,
  plan: Plan,
  fill: (program: P) => void,
): Promise<P> {
  const program = await engine.compile(plan);
  try {
    fill(program);
    return program;
  } catch (error) {
    program.dispose();
    throw error;
  }
}

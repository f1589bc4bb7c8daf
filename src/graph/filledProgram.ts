import type { Plan } from './plan.ts';

/** The one method of `Engine` used here; `graph/` may not import `engines/`. */
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

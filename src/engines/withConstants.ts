import type { Plan } from '../graph/plan.ts';
import type { Program } from './engine.ts';

/** A new program with the numbers of its plan's constants. */
export function withConstants<P extends Pick<Program, 'write'>>(program: P, { constants }: Pick<Plan, 'constants'>): P {
  for (const [name, data] of constants) program.write(name, data);
  return program;
}

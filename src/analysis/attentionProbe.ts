import type { Blueprint } from '../models/blueprint.ts';
import { encoderInputs, writeOneSegment, writeSegments, writeTokens, type Tokens } from '../models/inputs.ts';
import type { BertModel } from '../models/model.ts';
import { asRunnable, type Runnable } from '../models/runnable.ts';
import { filledProgram } from '../graph/filledProgram.ts';
import type { Engine, Program } from '../engines/engine.ts';
import { Graph } from '../graph/graph.ts';
import { plan } from '../graph/plan.ts';
import { writeTensors } from './writeTensors.ts';
import type { AttentionMaps } from './attentionSimilarity.ts';

interface ProbeShape {
  readonly batch: number;
  readonly sequence: number;
  readonly heads: number;
  readonly layers: number;
}

/** A model compiled for reading its attention maps; weights may be rewritten between reads. */
export class AttentionProbe {
  /** Of the runnable that it was compiled for; others of the same key may be loaded. */
  readonly key: string;
  readonly #blueprint: Blueprint;
  readonly #program: Program;
  readonly #names: readonly string[];
  readonly #shape: ProbeShape;

  private constructor({ key, blueprint }: Runnable, program: Program, names: readonly string[], shape: ProbeShape) {
    this.key = key;
    this.#blueprint = blueprint;
    this.#program = program;
    this.#names = names;
    this.#shape = shape;
  }

  static async create(engine: Engine, model: BertModel | Runnable, batch: number, sequence: number): Promise<AttentionProbe> {
    const runnable = asRunnable(model);
    const graph = new Graph();
    const encoder = runnable.lay(graph).encoder(encoderInputs(graph, { batch, sequence }));
    encoder.layers.forEach(({ attention }, layer) => graph.output(`attention.${layer}`, attention));
    const names = [...graph.states.keys()];
    const program = await filledProgram(engine, plan(graph, engine.planOptions), (made) => {
      writeOneSegment(made, runnable.blueprint, { batch, sequence });
      writeTensors(made, names, runnable);
    });
    const { heads, layers } = runnable;
    return new AttentionProbe(runnable, program, names, { batch, sequence, heads, layers });
  }

  load(model: BertModel | Runnable): void {
    writeTensors(this.#program, this.#names, model);
  }

  /** Segment ids other than all zero. */
  writeTypes(typeIds: Int32Array): void {
    writeSegments(this.#program, this.#blueprint, typeIds);
  }

  /** Maps of every layer. */
  async read(given: Tokens): Promise<AttentionMaps[]> {
    writeTokens(this.#program, this.#blueprint, this.#shape, given);
    await this.#program.run();
    const { batch, sequence, heads, layers } = this.#shape;
    const maps: AttentionMaps[] = [];
    for (let layer = 0; layer < layers; layer++)
      maps.push({ batch, heads, sequence, probabilities: await this.#program.read(`attention.${layer}`) });
    return maps;
  }

  dispose(): void {
    this.#program.dispose();
  }
}

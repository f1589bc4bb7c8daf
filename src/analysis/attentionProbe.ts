import { bertEncoder } from '../bert/encoder.ts';
import { positionIds } from '../bert/masked.ts';
import { encoderShape, parameterShapes, type BertModel } from '../bert/model.ts';
import type { Engine, Program } from '../engines/engine.ts';
import { Graph } from '../graph/graph.ts';
import { plan } from '../graph/plan.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { Value } from '../graph/value.ts';
import type { AttentionMaps } from './attentionSimilarity.ts';

/** A batch to look at: [B T] token ids, additive mask [B T]. */
export interface ProbeBatch {
  readonly inputIds: Int32Array;
  readonly attentionMask: Float32Array;
}

interface ProbeShape {
  readonly batch: number;
  readonly sequence: number;
  readonly heads: number;
  readonly layers: number;
}

/** A BERT compiled for reading its attention maps; weights may be rewritten between reads. */
export class AttentionProbe {
  readonly #program: Program;
  readonly #names: readonly string[];
  readonly #shape: ProbeShape;

  private constructor(program: Program, names: readonly string[], shape: ProbeShape) {
    this.#program = program;
    this.#names = names;
    this.#shape = shape;
  }

  static async create(engine: Engine, model: BertModel, batch: number, sequence: number): Promise<AttentionProbe> {
    const graph = new Graph();
    const shapes = parameterShapes(model.config);
    const used = new Map<string, Value>();
    const parameter = (name: string): Value => {
      const known = used.get(name);
      const dims = shapes.get(name);
      if (known !== undefined) return known;
      if (dims === undefined) throw new StudioError('graph', `attention: there is no parameter ${name}.`);
      const value = graph.state(name, dims);
      used.set(name, value);
      return value;
    };
    const tokens = batch * sequence;
    const encoder = bertEncoder(graph, encoderShape(model.config), parameter, {
      batch,
      sequence,
      inputIds: graph.input('inputIds', [tokens], 'i32'),
      positionIds: graph.input('positionIds', [tokens], 'i32'),
      typeIds: graph.input('typeIds', [tokens], 'i32'),
      mask: graph.input('mask', [batch, sequence]),
    });
    encoder.layers.forEach(({ attention }, layer) => graph.output(`attention.${layer}`, attention));
    const program = await engine.compile(plan(graph, engine.planOptions));
    program.write('positionIds', positionIds({ batch, sequence }));
    program.write('typeIds', new Int32Array(tokens));
    const { heads, layers } = model.config;
    const probe = new AttentionProbe(program, [...used.keys()], { batch, sequence, heads, layers });
    probe.load(model);
    return probe;
  }

  load(model: BertModel): void {
    for (const name of this.#names) {
      const tensor = model.tensors.get(name);
      if (tensor === undefined) throw new StudioError('checkpoint', `attention: the model has no tensor ${name}.`);
      this.#program.write(name, tensor.data);
    }
  }

  /** Segment ids other than all zero. */
  writeTypes(typeIds: Int32Array): void {
    this.#program.write('typeIds', typeIds);
  }

  /** Maps of every layer. */
  async read(given: ProbeBatch): Promise<AttentionMaps[]> {
    this.#program.write('inputIds', given.inputIds);
    this.#program.write('mask', given.attentionMask);
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

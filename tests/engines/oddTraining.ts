import { NO_NORM_LIMIT } from '../../src/graph/operation.ts';
import type { BertConfig } from '../../src/models/config.ts';
import { freshModel } from '../../src/models/freshModel.ts';
import { keyRanges, positionIds } from '../../src/models/inputs.ts';
import type { Engine, Program } from '../../src/engines/engine.ts';
import { plan, type Plan } from '../../src/graph/plan.ts';
import { weightTraining } from '../../src/training/trainingGraph.ts';
import { maskedWords } from '../../src/tasks/maskedWords.ts';

/** No size is a power of two, few are whole vectors of four. */
export const ODD_CONFIG: BertConfig = {
  vocabSize: 61,
  hiddenSize: 36,
  layers: 2,
  heads: 3,
  intermediateSize: 50,
  hiddenAct: 'gelu',
  maxPositions: 17,
  typeVocabSize: 2,
  layerNormEps: 1e-12,
  padTokenId: 0,
  tieWordEmbeddings: true,
  initializerRange: 0.2,
  hiddenDropout: 0,
  attentionDropout: 0,
};
const SIZE = { task: maskedWords, batch: 3, sequence: 17, slots: 7 };

/** An engine, with its own kind of program. */
interface Compiler<P extends Program> extends Pick<Engine, 'planOptions'> {
  compile(plan: Plan): Promise<P>;
}

/** A training step compiled for this engine, with weights, batch and settings written. */
export async function oddTraining<P extends Program>(on: Compiler<P>): Promise<P> {
  const { graph } = weightTraining(ODD_CONFIG, SIZE, 0.01);
  const program = await on.compile(plan(graph, on.planOptions));
  for (const [name, { data }] of freshModel(ODD_CONFIG, 3).tensors) program.write(name, Float32Array.from(data));
  const tokens = SIZE.batch * SIZE.sequence;
  // Tokens repeat, so that rows of the embedding's gradient are sums.
  program.write(
    'inputIds',
    Int32Array.from({ length: tokens }, (_, i) => (7 * i) % 11),
  );
  program.write('positionIds', positionIds(SIZE));
  program.write('typeIds', new Int32Array(tokens));
  // The last sequence is padding alone.
  program.write(
    'keyRanges',
    keyRanges({ attention: Uint8Array.from({ length: tokens }, (_, i) => (i < 2 * SIZE.sequence ? 1 : 0)) }, SIZE.sequence),
  );
  program.write('positions', Int32Array.of(1, 5, 16, 20, 33, 40, -1));
  program.write('labels', Int32Array.of(3, 60, 0, 8, 8, 21, -1));
  program.write('lossWeight', Float32Array.of(1 / 6));
  program.write('settings', Float32Array.of(1e-3, 0.9, 0.999, 1e-8, 0.1, 0.001, 1, NO_NORM_LIMIT));
  return program;
}

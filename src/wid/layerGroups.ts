import type { BertModel } from '../models/model.ts';
import type { Engine } from '../engines/engine.ts';
import { StudioError } from '../tensor/studioError.ts';
import { gatherMoments, type CalibrationBatch, type CalibrationProgress, type InnerMoments, type TeacherMoments } from './moments.ts';

/**
 * Memory that moments of FFN neurons may take at once, in bytes: [inner, inner] a layer, half of it summed in float64 beside the
 * engine's float32. They are nine tenths of all moments. BERT-base's 12 layers take 864 MiB, and are read at once.
 */
const INNER_BYTES = 2 ** 30;

/** The layers in as few like groups as keep the budget; one layer at least in each. */
export function layerGroups(layers: readonly number[], innerSize: number, budget: number): number[][] {
  const most = Math.max(1, Math.floor(budget / (8 * innerSize * innerSize)));
  const count = Math.ceil(layers.length / most);
  const size = Math.ceil(layers.length / Math.max(1, count));
  return Array.from({ length: count }, (_, group) => layers.slice(group * size, (group + 1) * size)).filter((group) => group.length > 0);
}

/**
 * The moments that one-pass calibration needs, in bounded memory: those of FFN neurons come group by group of layers,
 * each group by another pass over the batches, as far as its last layer. The first group comes with everything else, so
 * that a model within the budget is read once. The numbers do not depend on the groups.
 *
 * @param layerMap teacher layers that the student inherits from: those of others are not gathered
 * @param progress makes the progress of one pass
 */
export async function readInGroups(
  engine: Engine,
  teacher: BertModel,
  layerMap: readonly number[],
  batch: number,
  sequence: number,
  batches: readonly CalibrationBatch[],
  progress: () => CalibrationProgress,
  budget = INNER_BYTES,
): Promise<{ readonly moments: TeacherMoments; readonly inner: InnerMoments }> {
  const layers = [...new Set(layerMap)];
  const groups = layerGroups(layers, teacher.config.intermediateSize, budget);
  const innerOf = (group: readonly number[] = []): ReadonlySet<string> => new Set(group.map((layer) => `${layer}.inner`));
  const gather = (wanted: (site: string) => boolean): Promise<TeacherMoments> =>
    gatherMoments(engine, teacher, batch, sequence, batches, progress(), wanted);

  const first = innerOf(groups[0]);
  const values = new Set(layers.map((layer) => `${layer}.values`));
  const all = await gather((site) => first.has(site) || values.has(site) || !/\.(?:inner|values)$/.test(site));
  let held: TeacherMoments = new Map([...all].filter(([site]) => first.has(site)));
  const inner: InnerMoments = async (layer) => {
    const site = `${layer}.inner`;
    if (!held.has(site)) {
      // Free this group first: two groups at once would exceed the budget.
      held = new Map();
      const wanted = innerOf(groups.find((group) => group.includes(layer)));
      held = await gather((name) => wanted.has(name));
    }
    const moment = held.get(site);
    if (moment === undefined) throw new StudioError('calibration', `calibration: no student layer inherits from layer ${layer}.`);
    return moment;
  };
  return { moments: new Map([...all].filter(([site]) => !first.has(site))), inner };
}

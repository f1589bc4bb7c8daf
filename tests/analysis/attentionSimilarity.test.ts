import { describe, expect, test } from 'vitest';
import { AttentionProbe } from '../../src/analysis/attentionProbe.ts';
import { layerSimilarity, type AttentionMaps } from '../../src/analysis/attentionSimilarity.ts';
import { ENGINES } from '../engines/availableEngines.ts';
import { BATCH, SEQUENCE } from '../golden/batch.ts';
import { golden, goldenBatch, goldenTeacher, goldenTensor } from '../golden/load.ts';
import { relativeError } from '../golden/relativeError.ts';

const teacher = goldenTeacher();
const batch = goldenBatch();
const wanted = golden('attention-similarity');

function studentMaps(layer: number): AttentionMaps {
  return { batch: BATCH, heads: 4, sequence: SEQUENCE, probabilities: goldenTensor(wanted, `student.attentions.${layer}`).data };
}

describe.each(ENGINES)('attention similarity on $name', ({ create }) => {
  test('teacher maps, divergence and cosine by layer and head', async () => {
    const engine = await create();
    const probe = await AttentionProbe.create(engine, { ...teacher }, BATCH, SEQUENCE);
    probe.writeTypes(batch.typeIds);
    const maps = await probe.read(batch);
    expect(maps).toHaveLength(3);
    const forward = golden('teacher-forward');
    maps.forEach((theirs, layer) => {
      expect(relativeError(theirs.probabilities, goldenTensor(forward, `attentions.${layer}`).data)).toBeLessThan(1e-5);
      const { heads, chance } = layerSimilarity(theirs, studentMaps(layer), [0, 1, 2, 3], batch.attention);
      heads.forEach((head, index) => {
        expect(head.divergence).toBeCloseTo(goldenTensor(wanted, 'one_minus_jsd').data[layer * 4 + index] ?? 0, 5);
        expect(head.cosine).toBeCloseTo(goldenTensor(wanted, 'cosine').data[layer * 4 + index] ?? 0, 5);
      });
      expect(chance.divergence).toBeLessThan(Math.max(...heads.map((head) => head.divergence)));
    });
    probe.dispose();
    engine.dispose();
  });
});

test('a head is identical to itself', () => {
  const maps = studentMaps(0);
  const { heads } = layerSimilarity(maps, maps, [0, 1, 2, 3], batch.attention);
  for (const head of heads) {
    expect(head.divergence).toBeCloseTo(1, 12);
    expect(head.cosine).toBeCloseTo(1, 12);
  }
});

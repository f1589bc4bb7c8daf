import { describe, expect, test } from 'vitest';
import { AttentionProbe } from '../../src/analysis/attentionProbe.ts';
import { layerSimilarity, type AttentionMaps } from '../../src/analysis/attentionSimilarity.ts';
import { ENGINES } from '../engines/availableEngines.ts';
import { BATCH, SEQUENCE } from '../golden/batch.ts';
import { golden, goldenBatch, goldenTeacher, goldenTensor } from '../golden/load.ts';
import { relativeError } from '../../src/engines/conformance/relativeError.ts';

const teacher = goldenTeacher();
const batch = goldenBatch();
const wanted = golden('attention-similarity');

function studentMaps(layer: number): AttentionMaps {
  return { batch: BATCH, heads: 4, sequence: SEQUENCE, probabilities: goldenTensor(wanted, `student.attentions.${layer}`).data };
}

/** Mean likeness over all pairings of different heads, entry by entry (docs/method.md section 7). */
function slowChance(theirs: Float32Array, { probabilities: ours }: AttentionMaps): number {
  const row = (maps: Float32Array, b: number, head: number, query: number): number[] =>
    Array.from({ length: SEQUENCE }, (_, key) => maps[((b * 4 + head) * SEQUENCE + query) * SEQUENCE + key] ?? 0);
  const entropy = (p: readonly number[]): number => -p.reduce((sum, x) => sum + (x > 0 ? x * Math.log2(x) : 0), 0);
  const likeness: number[] = [];
  for (const b of [0, 1, 2])
    for (let query = 0; query < SEQUENCE; query++)
      for (const mine of [0, 1, 2, 3])
        for (const other of [0, 1, 2, 3]) {
          if (mine === other || batch.attention[b * SEQUENCE + query] === 0) continue;
          const [p, q] = [row(theirs, b, other, query), row(ours, b, mine, query)];
          const middle = p.map((x, i) => (x + (q[i] ?? 0)) / 2);
          // The divergence is the entropy of the mean less the mean of the entropies.
          likeness.push(1 - (entropy(middle) - (entropy(p) + entropy(q)) / 2));
        }
  return likeness.reduce((sum, x) => sum + x, 0) / likeness.length;
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
      expect(chance.divergence).toBeCloseTo(slowChance(goldenTensor(forward, `attentions.${layer}`).data, studentMaps(layer)), 5);
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

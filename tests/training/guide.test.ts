import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import type { Engine } from '../../src/engines/engine.ts';
import { plan } from '../../src/graph/plan.ts';
import { sizeOf } from '../../src/tensor/shape.ts';
import { Random } from '../../src/tensor/random.ts';
import type { NamedTensors, Tensor } from '../../src/tensor/tensor.ts';
import { guideName } from '../../src/training/guide.ts';
import { compactorTraining, FROZEN_TEACHER, keptNorms } from '../../src/training/trainingGraph.ts';
import { compactorShapes } from '../../src/wid/compactors.ts';
import { identityCompactors } from '../../src/wid/paper/identity.ts';
import { spacesOf, spaceTable } from '../../src/wid/spaces.ts';
import { ENGINES } from '../engines/availableEngines.ts';
import { golden, goldenTeacher } from '../golden/load.ts';
import { relativeError } from '../../src/engines/conformance/relativeError.ts';
import { runForm } from '../wid/forms.ts';
import { maskedWords } from '../../src/tasks/maskedWords.ts';

const teacher = goldenTeacher();
const spaces = spacesOf(teacher.config);
const student = { residual: 16, heads: 4, headSize: 4, inner: 24, layers: 3 };
const half = spaceTable(spaces, student, false, 'last');
const compactors = golden('wid-compactors').tensors;

/** A teacher whose guide is not the one that is merged, as when its merged weights have been trained for a while. */
const moved = (tensors: NamedTensors): Map<string, Tensor> => {
  const random = new Random(5);
  return new Map([...tensors].map(([name, { shape, data }]) => [name, { shape, data: data.map((x) => x + 0.02 * random.normal()) }]));
};
const guidance = { share: 0.7, temperature: 1.5, guide: moved(teacher.tensors) };

describe('the guided target', () => {
  let reference: Engine;
  beforeAll(() => {
    reference = new ReferenceEngine();
  });
  afterAll(() => reference.dispose());

  test('its gradients are those of finite differences', async () => {
    const at = (start: NamedTensors, theirs: NamedTensors) => runForm(reference, teacher, half, theirs, start, 'merged', guidance);
    const { gradients } = await at(compactors, teacher.tensors);
    const random = new Random(11);
    // Far above the rounding of what is handed over as float32, far below what bends the loss.
    const step = 5e-4;
    // Head compactors are trained by their blocks, which the golden file does not hold.
    const whole = [...compactorShapes(half)].flatMap(([name, size]) => {
      const tensor = compactors.get(name);
      return tensor?.data.length === sizeOf(size) ? [{ name, tensor }] : [];
    });
    expect(whole.length).toBeGreaterThan(10);
    for (const { name, tensor } of whole.filter((_, i) => i % 5 === 0)) {
      const direction = tensor.data.map(() => random.normal());
      const shifted = (sign: number): Map<string, Tensor> =>
        new Map([...compactors, [name, { ...tensor, data: tensor.data.map((x, i) => x + sign * step * (direction[i] ?? 0)) }]]);
      const [up, down] = [await at(shifted(1), teacher.tensors), await at(shifted(-1), teacher.tensors)];
      const slope = (gradients.get(name) ?? new Float32Array()).reduce((sum, x, i) => sum + x * (direction[i] ?? 0), 0);
      expect(Math.abs((up.loss - down.loss) / (2 * step) - slope), name).toBeLessThan(2e-3 * Math.max(Math.abs(slope), 0.2));
    }
  });

  test('a student that is its teacher has nothing to learn', async () => {
    const whole = spaceTable(spaces, { ...half.teacher, layers: teacher.config.layers }, false, 'last');
    const start = new Map<string, Tensor>([
      ...identityCompactors(whole),
      ...keptNorms(
        teacher.tensors,
        whole,
        Array.from({ length: whole.teacher.residual }, (_, i) => i),
      ),
    ]);
    const same = { share: 1, temperature: 2, guide: teacher.tensors };
    const { loss, gradients } = await runForm(reference, teacher, whole, teacher.tensors, start, 'merged', same);
    expect(Math.abs(loss)).toBeLessThan(1e-9);
    for (const [name, gradient] of gradients) expect(Math.max(...gradient.map(Math.abs)), name).toBeLessThan(1e-6);
    const without = await runForm(reference, teacher, whole, teacher.tensors, start, 'merged');
    expect(Math.max(...[...without.gradients.values()].flatMap((gradient) => Array.from(gradient, Math.abs)))).toBeGreaterThan(1e-3);
  });

  test.each(ENGINES.filter(({ name }) => name !== 'reference'))(
    '$name gives the loss and gradients of the reference',
    async ({ create }) => {
      const engine = await create();
      try {
        const run = (on: Engine) => runForm(on, teacher, half, teacher.tensors, compactors, 'counted', guidance);
        const [ours, wanted] = [await run(engine), await run(reference)];
        expect(Math.abs(ours.loss - wanted.loss)).toBeLessThan(1e-5 * Math.abs(wanted.loss));
        for (const [name, gradient] of wanted.gradients)
          // Softmax does not see a key's bias: rounding stands there.
          if (!name.endsWith('key.bias')) expect(relativeError(ours.gradients.get(name) ?? [], gradient), name).toBeLessThan(5e-4);
      } finally {
        engine.dispose();
      }
    },
  );
});

describe('a guided training step', () => {
  const shape = { task: maskedWords, batch: 2, sequence: 16, slots: 8 };
  const graph = (share: number, teacherRate = 0, table = half) =>
    compactorTraining(teacher.config, table, shape, { ...FROZEN_TEACHER, teacherRate, guidance: { share, temperature: 1 } });
  const guides = (frozen: ReadonlyMap<string, unknown>): string[] => [...frozen.keys()].filter((name) => name.startsWith(guideName('')));

  test('without guidance there is no forward pass of the teacher', () => {
    expect(guides(graph(0).frozen)).toEqual([]);
    expect(plan(graph(0.5).graph).flops).toBeGreaterThan(1.3 * plan(graph(0).graph).flops);
  });

  test('the guide shares the tensors that are merged and stay as they are', () => {
    const shared = guides(graph(0.5).frozen);
    expect(shared.length).toBeGreaterThan(0);
    for (const name of shared) expect(name).toMatch(/LayerNorm/);
    // A teacher that learns is merged from another set than it guides by.
    const matrix = guideName('bert.encoder.layer.0.intermediate.dense.weight');
    expect(shared).not.toContain(matrix);
    expect(guides(graph(0.5, 1).frozen)).toContain(matrix);
  });

  test('where whole heads are left out of the merge, the guide keeps them', () => {
    const fewer = spaceTable(spaces, { ...student, heads: 2, headSize: 8 }, false, 'last');
    const query = guideName('bert.encoder.layer.0.attention.self.query.weight');
    expect(guides(graph(0.5, 0, fewer).frozen)).toContain(query);
    expect(guides(graph(0.5).frozen)).not.toContain(query);
  });
});

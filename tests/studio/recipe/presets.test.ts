import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../../src/models/config.ts';
import {
  fitToBytes,
  isLegal,
  nearestLegal,
  presetShape,
  studentBytes,
  studentFor,
  wishedShape,
} from '../../../src/studio/recipe/presets.ts';
import { shapeOf } from '../../../src/studio/teacher/teacherShape.ts';
import type { ModelShape } from '../../../src/studio/api/recipe.ts';

const base: ModelShape = { layers: 12, hiddenSize: 768, heads: 12, headSize: 64, intermediateSize: 3072 };
const bertBase = parseConfig({
  model_type: 'bert',
  vocab_size: 30522,
  hidden_size: 768,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  intermediate_size: 3072,
  hidden_act: 'gelu',
  max_position_embeddings: 512,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
});

describe('presets', () => {
  test("are the paper's shapes on BERT-base", () => {
    expect(presetShape(base, 'wid55')).toEqual({ layers: 12, hiddenSize: 516, heads: 12, headSize: 43, intermediateSize: 2064 });
    expect(presetShape(base, 'wid11')).toEqual({ layers: 12, hiddenSize: 192, heads: 12, headSize: 16, intermediateSize: 768 });
    // The paper names them by their share of BERT-base's weights.
    expect(Math.round(studentBytes(bertBase, presetShape(base, 'wid55'), true) / 4e6)).toBe(55);
    expect(Math.round(studentBytes(bertBase, presetShape(base, 'wid11'), true) / 4e6)).toBe(11);
  });
});

describe('a wish', () => {
  test('says only what differs from half', () => {
    expect(wishedShape(base, {})).toEqual({ layers: 12, hiddenSize: 384, heads: 12, headSize: 32, intermediateSize: 1536 });
    expect(wishedShape(base, { width: 192, layers: 4 })).toEqual({
      layers: 4,
      hiddenSize: 192,
      heads: 12,
      headSize: 16,
      intermediateSize: 768,
    });
    expect(wishedShape(base, { width: 384, headSize: 64 }).heads).toBe(6);
    expect(wishedShape(base, { preset: 'wid55', layers: 6 })).toEqual({ ...presetShape(base, 'wid55'), layers: 6 });
    expect(wishedShape(base, { heads: 6 }).hiddenSize).toBe(192);
  });

  test('that BERT cannot express is refused with the nearest legal ones named', () => {
    expect(() => wishedShape(base, { width: 200 })).toThrow(/Nearest legal: width 192 = 12 heads x 16 .*width 204 = 12 heads x 17/);
    expect(() => wishedShape(base, { width: 200 })).toThrow(/width 200 = 10 heads x 20/);
    expect(() => wishedShape(base, { width: 1024 })).toThrow(/Nearest legal: width 768 = 12 heads x 64/);
    expect(() => wishedShape(base, { layers: 13 })).toThrow(/with 12 layers/);
    expect(() => wishedShape(base, { heads: 4, headSize: 16, width: 128 })).toThrow(/got width 128, heads 4, head size 16/);
  });

  test('is answered with legal shapes alone, whatever is asked', () => {
    const size = fc.integer({ min: -3, max: 2000 });
    fc.assert(
      fc.property(fc.record({ layers: size, hiddenSize: size, heads: size, headSize: size, intermediateSize: size }), (wanted) => {
        const nearest = nearestLegal(base, wanted);
        expect(nearest.length).toBeGreaterThan(0);
        for (const shape of nearest) expect(isLegal(base, shape)).toBe(true);
      }),
    );
  });
});

describe('fit to megabytes', () => {
  test('takes the widest that fits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 5, max: 600 }), fc.boolean(), (megabytes, tied) => {
        const shape = fitToBytes(bertBase, tied, megabytes * 1e6);
        expect(isLegal(base, shape)).toBe(true);
        expect(studentBytes(bertBase, shape, tied)).toBeLessThanOrEqual(megabytes * 1e6);
        if (shape.headSize === base.headSize) return;
        const headSize = shape.headSize + 1;
        const wider = { ...shape, headSize, hiddenSize: 12 * headSize, intermediateSize: Math.round((3072 * headSize) / 64) };
        expect(studentBytes(bertBase, wider, tied)).toBeGreaterThan(megabytes * 1e6);
      }),
      { numRuns: 40 },
    );
  });

  test('refuses a shape beside the limit', () => {
    expect(studentFor(bertBase, true, { maxBytes: 40e6, layers: 6 }).layers).toBe(6);
    expect(() => studentFor(bertBase, true, { maxBytes: 40e6, width: 192 })).toThrow(/got width as well/);
  });

  test('keeps the layers that were asked for, and names the smallest student when none fits', () => {
    expect(fitToBytes(bertBase, true, 40e6, { layers: 4 }).layers).toBe(4);
    expect(shapeOf(bertBase)).toEqual(base);
    expect(() => fitToBytes(bertBase, false, 1e5)).toThrow(/expected room for the smallest student, \d+\.\d+ MB in fp32, got 0\.10 MB/);
  });
});

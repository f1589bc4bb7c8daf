import { describe, expect, test } from 'vitest';
import { configToJson, parseConfig } from '../../../src/models/config.ts';
import { parameterShapes } from '../../../src/models/model.ts';
import { isLegal, presetShape, wishedShape } from '../../../src/studio/recipe/presets.ts';
import { shapeOf } from '../../../src/studio/teacher/teacherShape.ts';
import { legalValues, withSize } from '../../../src/state/recipeChoices.ts';
import { spacesOf, spaceTable, studentConfig } from '../../../src/wid/spaces.ts';
import { familySuite } from './familySuite.ts';

familySuite('modernbert', /^(?:model\.(?:embeddings|layers|final_norm)|head|decoder)\./);

/** ModernBERT-base as it was published, before transformers 5. */
const OLDER = {
  model_type: 'modernbert',
  global_rope_theta: 160_000,
  local_rope_theta: 10_000,
  global_attn_every_n_layers: 3,
  local_attention: 128,
};

describe('settings of a ModernBERT', () => {
  test('older fields and those of transformers 5 say the same', () => {
    const older = parseConfig(OLDER);
    expect(older).toMatchObject({ layers: 22, heads: 12, hiddenSize: 768, intermediateSize: 1152, maxPositions: 8192 });
    expect(older.rotary).toEqual({
      local: Array.from({ length: 22 }, (_, layer) => layer % 3 !== 0),
      window: 64,
      bases: { local: 10_000, global: 160_000 },
    });
    const written = configToJson(older);
    const { global_rope_theta, local_rope_theta, global_attn_every_n_layers, ...newer } = written;
    expect([global_rope_theta, local_rope_theta, global_attn_every_n_layers]).toEqual([160_000, 10_000, 3]);
    expect(parseConfig(newer)).toEqual(older);
    const bases = { full_attention: { rope_theta: 7 }, sliding_attention: { rope_type: 'default', rope_theta: 5 } };
    expect(parseConfig({ ...OLDER, rope_parameters: bases }).rotary?.bases).toEqual({ global: 7, local: 5 });
  });

  test.each([
    [{ norm_bias: true }, /norm_bias — expected false, got true/],
    [{ decoder_bias: false }, /decoder_bias — expected true, got false/],
    [{ classifier_activation: 'relu' }, /classifier_activation — expected "gelu", as hidden_activation, got "relu"/],
    [
      { rope_parameters: { full_attention: { rope_type: 'yarn', rope_theta: 1 } } },
      /full_attention\.rope_type — expected "default", got "yarn"/,
    ],
    [{ rope_scaling: { factor: 2 } }, /rope_scaling — expected nothing/],
    [{ rope_parameters: { sliding_attention: { rope_theta: -1 } } }, /sliding_attention\.rope_theta — expected a positive number, got -1/],
    [{ layer_types: ['full_attention'] }, /layer_types — expected 22 of/],
    [{ hidden_size: 36 }, /expected an even head size, got 3/],
  ])('%j is refused', (settings, message) => {
    expect(() => parseConfig({ ...OLDER, ...settings })).toThrow(message);
  });
});

describe('students of a ModernBERT', () => {
  const config = parseConfig(OLDER);
  const teacher = shapeOf(config);

  test('heads go whole: presets, sliders, wishes and the table of spaces keep their size', () => {
    expect(presetShape(teacher, 'half')).toEqual({ layers: 22, heads: 6, headSize: 64, hiddenSize: 384, intermediateSize: 576 });
    expect(wishedShape(teacher, { width: 192, layers: 11 })).toMatchObject({ heads: 3, headSize: 64, layers: 11 });
    expect(() => wishedShape(teacher, { width: 200 })).toThrow(
      /with heads of its size 64 .*Nearest legal: width 192 = 3 heads x 64 .*; width 256 = 4 heads x 64/,
    );
    const half = presetShape(teacher, 'half');
    expect(legalValues('headSize', teacher, half)).toEqual([64]);
    expect(legalValues('hiddenSize', teacher, half)).toHaveLength(12);
    expect(withSize(teacher, half, 'hiddenSize', 250)).toMatchObject({ heads: 4, hiddenSize: 256, headSize: 64 });
    const narrow = { ...half, heads: 12, headSize: 32 };
    expect(isLegal(teacher, narrow)).toBe(false);
    const sizes = { residual: 384, heads: 12, headSize: 32, inner: 576, layers: 22 };
    expect(() => spaceTable(spacesOf(config), sizes, true, 'first')).toThrow(/head size — expected the teacher's 64, whose pairs/);
  });

  test.each([
    ['first', [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20]],
    ['last', [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21]],
  ] as const)('layers attend as far as those that they inherit from, by rule %s', (rule, from) => {
    const table = spaceTable(spacesOf(config), { residual: 384, heads: 6, headSize: 64, inner: 576, layers: 11 }, true, rule);
    const student = studentConfig(config, table);
    expect(student.rotary?.local).toEqual(from.map((layer) => layer % 3 !== 0));
    expect(parseConfig(configToJson(student))).toEqual(student);
    // A first layer has no norm before its attention, whichever it inherits from.
    expect(parameterShapes(student).has('model.layers.0.attn_norm.weight')).toBe(false);
  });
});

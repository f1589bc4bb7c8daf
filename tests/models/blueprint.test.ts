import { describe, expect, test } from 'vitest';
import { blueprintOf, moduleShapes, parameterPairs, spaceWidths } from '../../src/models/blueprint.ts';
import { parseConfig } from '../../src/models/config.ts';
import { addFamily, familyOf } from '../../src/models/families/registry.ts';
import { parameterShapes } from '../../src/models/model.ts';
import { decayOf } from '../../src/training/optimiserNodes.ts';
import { compactorName, compactorShapes, linearSites, mixtureName, stackName } from '../../src/wid/compactors.ts';
import { maskedSides } from '../../src/wid/paper/spaceOf.ts';
import { axesOf } from '../../src/wid/progressive/axes.ts';
import { spacesOf, spaceTable } from '../../src/wid/spaces.ts';
import { goldenTeacher } from '../golden/load.ts';
import { embeddingNames, headNames, layerNames } from '../golden/names.ts';

const { config } = goldenTeacher();
const blueprint = blueprintOf(config);
const both = (module: string): string[] => [`${module}.weight`, `${module}.bias`];

describe("a BERT's blueprint", () => {
  test('names every parameter as Hugging Face does, in the order of its checkpoints', () => {
    const layers = [0, 1, 2].flatMap((layer) => Object.values(layerNames(layer)).flatMap(both));
    const expected = [
      embeddingNames.word,
      embeddingNames.position,
      embeddingNames.type,
      ...both(embeddingNames.norm),
      ...layers,
      ...both(headNames.transform),
      ...both(headNames.transformNorm),
      headNames.bias,
      headNames.decoder,
    ];
    expect([...parameterShapes({ ...config, tieWordEmbeddings: false }).keys()]).toEqual(expected);
    expect([...parameterShapes({ ...config, tieWordEmbeddings: true }).keys()]).toEqual(expected.slice(0, -1));
    expect([...axesOf(blueprint).keys()].filter((name) => !name.startsWith('rebuild.'))).toEqual(expected);
  });

  test('knows which spaces every linear layer reads and writes (docs/method.md section 2)', () => {
    const spaces = blueprint.layer(1).flatMap(({ kind, role, reads, writes }) => (kind === 'linear' ? [[role, reads, writes]] : []));
    expect(spaces).toEqual([
      ['query', 'residual', 'queryKey'],
      ['key', 'residual', 'queryKey'],
      ['value', 'residual', 'valueOutput'],
      ['attentionOutput', 'valueOutput', 'residual'],
      ['expansion', 'residual', 'ffn'],
      ['contraction', 'ffn', 'residual'],
    ]);
    expect(moduleShapes(blueprint.module('expansion', 1), spaceWidths(config))[0]?.[1]).toEqual([48, 32]);
  });

  test('finds the module of a parameter, and refuses one that is not there', () => {
    const { key, value } = layerNames(2);
    expect(blueprint.owner(`${key}.bias`)?.key).toBe('key 2');
    expect(blueprint.owner('guide.nothing')).toBeUndefined();
    expect(blueprint.find('query', 3)).toBeUndefined();
    expect(() => blueprint.module('query', 3)).toThrow(/there is no module query 3/);
    expect(parameterPairs(blueprint.module('value', 2), blueprint.module('value', 0))).toEqual([
      [`${value}.weight`, `${layerNames(0).value}.weight`],
      [`${value}.bias`, `${layerNames(0).value}.bias`],
    ]);
  });

  test('matrices decay; biases, gains and shifts do not, as tensors of the teacher and in stacks of layers', () => {
    const decay = (name: string): number => decayOf(0.01, blueprint)(name).decay;
    const [site] = linearSites(spaceTable(spacesOf(config), spacesOf(config), false, 'last'));
    if (site === undefined) throw new Error('no site');
    const { query, outputNorm } = layerNames(0);
    const matrices = [`${query}.weight`, embeddingNames.word, headNames.decoder, `teacher.${query}.weight`, stackName(site, 'weight')];
    const vectors = [`${query}.bias`, headNames.bias, ...both(outputNorm), ...both(headNames.transformNorm), `teacher.${query}.bias`];
    expect(matrices.map(decay)).toEqual(matrices.map(() => 0.01));
    expect([...vectors, `teacher.${stackName(site, 'bias')}`].map(decay)).toEqual(Array.from({ length: vectors.length + 1 }, () => 0));
  });
});

test('compactors keep the names under which runs are stored', () => {
  const table = spaceTable(spacesOf(config), { residual: 16, heads: 4, headSize: 4, inner: 24, layers: 1 }, false, 'last', true);
  const sides = (site: string): string[] => [`${site}.R`, `${site}.L`];
  expect([...compactorShapes(table).keys()]).toEqual([
    'embeddings',
    ...['query', 'key', 'value', 'attention.output', 'intermediate', 'output'].flatMap((site) => sides(`layer.0.${site}`)),
    ...sides('transform'),
    'decoder.L',
    'layer.0.mixture',
  ]);
  expect(mixtureName(3)).toBe('layer.3.mixture');
  expect(compactorName('contraction', 7, 'L')).toBe('layer.7.output.L');
  // Every compactor but the mixtures meets a masked space on one side, and so do the vectors.
  const masked = maskedSides({ ...table, mixtures: false });
  for (const name of compactorShapes({ ...table, mixtures: false }).keys()) expect(masked.has(name), name).toBe(true);
  expect(masked.get('layer.0.output.L')).toEqual({ space: 'inner.0', side: 'columns' });
});

describe('the registry of families', () => {
  test('a configuration without a family is a BERT, as in files of before', () => {
    expect(familyOf(undefined).id).toBe('bert');
    expect(parseConfig({}).family).toBeUndefined();
  });

  test('refuses a second family of one identifier, and a stored file of a family that is not here', () => {
    expect(() => addFamily({ ...familyOf('bert') })).toThrow(/family bert — expected an identifier of its own/);
    expect(() => blueprintOf({ family: 'elsewhere', layers: 1 })).toThrow(/model_type — expected "bert".*, got "elsewhere"/);
  });
});

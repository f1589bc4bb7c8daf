import { expect, test } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../../src/formats/safetensors.ts';
import { parseConfig } from '../../../src/models/config.ts';
import { readTeacher } from '../../../src/studio/teacher/teacher.ts';
import { familyGolden } from './familyGolden.ts';
import { familySuite, FEW_ENGINES } from './familySuite.ts';

familySuite('electra', /^(?:electra\.(?:embeddings|encoder)|generator_(?:predictions|lm_head))\./, { engines: FEW_ENGINES });
familySuite('electra-small', /^(?:electra\.(?:embeddings|embeddings_project|encoder)|generator_(?:predictions|lm_head))\./, {
  family: 'electra',
});

test('a discriminator is an encoder without a head for words, and the user is told what is left out', async () => {
  const { files } = familyGolden('electra');
  const weights = files.find(({ path }) => path === 'model.safetensors')?.bytes;
  if (!(weights instanceof Uint8Array)) throw new Error('golden: no weights');
  const { tensors } = readSafetensors(weights);
  const discriminator = new Map([
    ...[...tensors].filter(([name]) => name.startsWith('electra.')),
    ['discriminator_predictions.dense.weight', { shape: [27, 27], data: new Float32Array(27 * 27) }] as const,
    ['discriminator_predictions.dense_prediction.bias', { shape: [1], data: new Float32Array(1) }] as const,
  ]);
  const given = files.map((file) =>
    file.path === 'model.safetensors' ? { path: file.path, bytes: writeSafetensors(discriminator, {}) } : file,
  );
  const { head, report } = await readTeacher('discriminator', given);
  expect(head).toBe('none');
  expect(report.ignored).toEqual(['discriminator_predictions.dense.weight', 'discriminator_predictions.dense_prediction.bias']);
  expect(report.notes.join(' ')).toMatch(/The head of the discriminator, which tells replaced words, is not carried over/);
});

test('another activation is refused: the head has GELU whatever the setting says', () => {
  expect(() => parseConfig({ model_type: 'electra', embedding_size: 256, hidden_act: 'relu' })).toThrow(
    /hidden_act — expected "gelu", got "relu"\. The head of an ELECTRA has GELU/,
  );
});

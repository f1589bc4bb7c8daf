import { expect, test } from 'vitest';
import { faultParts } from '../../src/ui/FaultToast.tsx';

test('an error is shown by its parts, and one of another form whole', () => {
  expect(faultParts('safetensors: header length — expected at most 8 bytes, got 417.7 MiB. Take the original again.')).toEqual({
    where: 'safetensors',
    what: 'header length',
    expected: 'at most 8 bytes',
    got: '417.7 MiB',
    cure: 'Take the original again.',
  });
  expect(faultParts('teacher png: expected config.json, got model.safetensors. Give the whole Hugging Face folder.')).toEqual({
    where: 'teacher png',
    what: '',
    expected: 'config.json',
    got: 'model.safetensors',
    cure: 'Give the whole Hugging Face folder.',
  });
  expect(faultParts('session: load a teacher first.')).toEqual({ what: 'session: load a teacher first.' });
  expect(faultParts('')).toEqual({ what: '' });
});

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { exportFolder } from '../../src/studio/exporting/exportFolder.ts';
import { sentenceIds } from '../../src/studio/comparison/sentenceCompare.ts';
import { exportStudent, exportTeacher, studentJob } from '../../src/studio/exporting/studentExport.ts';
import { finishedWith, givenTeacher, teacherOfWords, variant } from '../studio/exporting/exportFixture.ts';
import { Shelf, teacherIn } from './folders.ts';

const SCRIPT = fileURLToPath(new URL('check_folder.py', import.meta.url));
/** `WID_PYTHON` names an interpreter that has the libraries, such as a virtual environment's. */
const PYTHON = process.env['WID_PYTHON'] ?? 'python3';

const probe = spawnSync(PYTHON, ['-c', 'import torch, transformers, onnx, onnxruntime'], { encoding: 'utf8' });
const missing = probe.status === 0 ? undefined : (probe.stderr ?? '').trim().split('\n').at(-1) || String(probe.error ?? 'it does not run');
if (missing !== undefined) console.warn(`SKIPPED: Python's transformers and onnxruntime were not tested, since ${PYTHON} says: ${missing}`);

interface File {
  readonly outputs: readonly (readonly [name: string, type: string, shape: readonly unknown[]])[];
  readonly inputs: readonly (readonly [name: string, type: string, shape: readonly unknown[]])[];
  readonly opset: number;
  readonly names: boolean;
  readonly relative: number;
}

interface Found {
  readonly folder: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly maskToken: string;
  readonly modelMaxLength: number;
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  readonly tied: boolean;
  /** Of two sentences, padded. */
  readonly ids: readonly (readonly number[])[];
  readonly files: Readonly<Record<string, File>>;
}

/** Tells the script's lines from others; their values are checked one by one below. */
function isFound(value: unknown): value is Found {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['folder', 'versions', 'files', 'missing', 'unexpected', 'tied'].every((key) => key in value)
  );
}

function parse(line: string): Found {
  const found: unknown = JSON.parse(line);
  if (!isFound(found)) throw new TypeError(`check_folder.py: expected what it found in a folder, got ${line}`);
  return found;
}

const shelf = new Shelf();
afterAll(() => shelf.remove());

test.skipIf(missing !== undefined)(
  "Python's transformers and onnxruntime load every form, and agree",
  async () => {
    const engine = new ReferenceEngine();
    const forms = { latency: false, fp16: true, attentions: true } as const;
    const quiet = (): undefined => undefined;
    const teacher = givenTeacher();
    const words = teacherOfWords();
    const encoder = await teacherIn(new URL('../golden/checkpoints/encoder-only/', import.meta.url), 'encoder');
    const folders = [
      await shelf.put(await exportStudent(engine, teacher, finishedWith(variant({})), 'tied', quiet, forms)),
      await shelf.put(
        await exportStudent(engine, teacher, finishedWith(variant({ tieWordEmbeddings: false })), 'untied', quiet, {
          ...forms,
          weights: 'fp16',
        }),
      ),
      await shelf.put(await exportStudent(engine, teacher, finishedWith(variant({ hiddenAct: 'gelu_new' })), 'tanh', quiet, forms)),
      await shelf.put(
        await exportFolder(studentJob(engine, teacher, finishedWith(variant({})), 'beside'), quiet, forms, { dataLimit: 20_000 }),
      ),
      await shelf.put(await exportStudent(engine, words, finishedWith(variant({})), 'words', quiet, forms)),
      await shelf.put(await exportTeacher(engine, encoder, 'encoder', quiet, forms)),
      await shelf.put(
        await exportStudent(engine, teacher, finishedWith(variant({})), 'vectors-encoder', quiet, {
          ...forms,
          outputs: 'last_hidden_state',
        }),
      ),
    ];
    const ran = spawnSync(PYTHON, [SCRIPT, ...folders], { encoding: 'utf8' });
    expect(ran.status, ran.stderr).toBe(0);
    const found = ran.stdout.trim().split('\n').map(parse);
    console.log(`Python: ${JSON.stringify(found[0]?.versions)}`);
    expect(found.map(({ folder }) => folder)).toEqual(folders);
    for (const { folder, files, ...checkpoint } of found) {
      const headless = folder.endsWith('encoder');
      expect(checkpoint.unexpected).toEqual([]);
      // transformers makes a pooler of its own where a checkpoint has none.
      expect(checkpoint.missing.filter((name) => !name.startsWith('pooler.'))).toEqual([]);
      expect(checkpoint.tied).toBe(!folder.endsWith('untied'));
      const { tokenizer, model } = folder.endsWith('words') ? words : givenTeacher();
      const sentences = ['The old man went down to the [MASK] and looked at the sea.', 'She [MASK] nothing.'];
      for (const [i, sentence] of sentences.entries()) {
        const ids = [...sentenceIds(sentence, tokenizer, model.config.maxPositions)];
        const padded = checkpoint.ids[i] ?? [];
        expect(padded.slice(0, ids.length), `${folder}: ${sentence}`).toEqual(ids);
        expect(padded.slice(ids.length).every((id) => id === tokenizer.special.pad)).toBe(true);
      }
      expect(checkpoint).toMatchObject({ maskToken: '[MASK]', modelMaxLength: 40 });
      expect(Object.keys(files)).toEqual(['model.onnx', 'model_attentions.onnx', 'model_fp16.onnx', 'model_quantized.onnx']);
      // Its checkpoint has half-precision weights, and the golden ones are large: rounding them moves logits by a per cent.
      const exact = folder.endsWith('untied') ? 5e-2 : 1e-4;
      for (const [name, file] of Object.entries(files)) {
        expect(file.relative, name).toBeLessThan(name === 'model_quantized.onnx' ? 0.5 : name === 'model_fp16.onnx' ? 5e-2 : exact);
        expect(file.names, name).toBe(true);
        expect(file.opset).toBe(17);
        expect(file.inputs.map(([input, type]) => [input, type])).toEqual(
          ['input_ids', 'attention_mask', 'token_type_ids'].map((input) => [input, 'tensor(int64)']),
        );
        const answer = headless ? ['last_hidden_state', 32] : ['logits', 61];
        expect(file.outputs[0]).toEqual([answer[0], 'tensor(float)', ['batch_size', 'sequence_length', answer[1]]]);
        const more = file.outputs.slice(1).map(([output]) => output);
        expect(more).toEqual(name === 'model_attentions.onnx' ? ['attentions.0', 'attentions.1', 'attentions.2'] : []);
      }
    }
  },
  120_000,
);

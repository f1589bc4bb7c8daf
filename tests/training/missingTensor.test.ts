import { expect, test } from 'vitest';
import { AttentionProbe } from '../../src/analysis/attentionProbe.ts';
import { Evaluator } from '../../src/analysis/evaluation.ts';
import type { BertModel } from '../../src/models/model.ts';
import type { Engine } from '../../src/engines/engine.ts';
import { WasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { Trainer } from '../../src/training/trainer.ts';
import { weightTraining } from '../../src/training/trainingGraph.ts';
import { goldenTeacher } from '../golden/load.ts';
import { maskedWords } from '../../src/tasks/maskedWords.ts';

const teacher = goldenTeacher();
const shape = { task: maskedWords, batch: 2, sequence: 8, slots: 4 };
const lacking: BertModel = {
  ...teacher,
  tensors: new Map([...teacher.tensors].filter(([name]) => name !== 'bert.encoder.layer.2.attention.self.key.weight')),
};

test.each<[string, (engine: Engine, model: BertModel) => Promise<{ dispose(): void }>]>([
  ['a trainer', (engine, { config, tensors }) => Trainer.create(engine, weightTraining(config, shape, 0), shape, tensors)],
  ['an evaluator', (engine, model) => Evaluator.create(engine, model, shape)],
  ['an attention probe', (engine, model) => AttentionProbe.create(engine, model, 2, 8)],
])('%s that lacks a tensor names it, and leaves no program in the memory of the engine', async (_, create) => {
  const engine = await WasmEngine.create(1);
  const live = new Set<object>();
  const counted: Engine = {
    limits: engine.limits,
    planOptions: engine.planOptions,
    describe: () => engine.describe(),
    compile: async (plan) => {
      const program = await engine.compile(plan);
      live.add(program);
      const dispose = program.dispose.bind(program);
      program.dispose = () => {
        live.delete(program);
        dispose();
      };
      return program;
    },
    dispose: () => engine.dispose(),
  };
  await expect(create(counted, lacking)).rejects.toThrow('layer.2.attention.self.key.weight');
  expect(live.size).toBe(0);
  const whole = await create(counted, teacher);
  expect(live.size).toBe(1);
  whole.dispose();
  engine.dispose();
});

// `npm run predict`: memory, work and time of the paper's run as a PyTorch job (cluster/), by counting alone. Seconds; nothing is trained.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sizeOf, type Shape } from '../src/tensor/shape.ts';
import { configToJson, parseConfig } from '../src/models/config.ts';
import { countParameters, parameterShapes } from '../src/models/model.ts';
import type { ModelShape, Recipe } from '../src/studio/api/recipe.ts';
import { methodOf } from '../src/studio/methods/registry.ts';
import { stepCosts } from '../src/studio/methods/stepCost.ts';
import { presetShape } from '../src/studio/recipe/presets.ts';
import { shapeOf } from '../src/studio/teacher/teacherShape.ts';
import { defaultRecipe, recipeTable, stepShape } from '../src/studio/recipe/recipe.ts';
import { readTeacher, type Teacher } from '../src/studio/teacher/teacher.ts';
import { DEMO_TEACHER, filesOf } from '../src/cli/files.ts';
import { studentConfig } from '../src/wid/spaces.ts';

/** The paper's run. */
const STEPS = 400_000;
const BATCH = 960;
const SEQUENCE = 128;
const GPUS = [1, 8, 64] as const;

/** Of an H100 SXM, from its data sheet, without sparsity: FLOP/s, bytes, bytes moved a second. */
const H100 = { bf16: 989e12, tf32: 495e12, memory: 80e9, moved: 3.35e12 } as const;
/** Assumed, not measured: the share of the peak that training of this size reaches. */
const REACHED = 0.4;
/** Assumed: bytes a second that a ring of GPUs exchanges, within a machine of eight and between machines. */
const EXCHANGE = { within: 300e9, between: 40e9 } as const;
/** Bytes that a token of a layer keeps for the backward pass in bf16, a dimension of the stream, with attention that stores no maps. */
const KEPT_A_DIMENSION = 34;

/** Bytes that AdamW reads and writes for a trained number: itself, its gradient, two moments. */
const UPDATED = 28;

const TEACHERS: Readonly<Record<string, ModelShape>> = {
  'BERT-base': { layers: 12, hiddenSize: 768, heads: 12, headSize: 64, intermediateSize: 3072 },
  'BERT-large': { layers: 24, hiddenSize: 1024, heads: 16, headSize: 64, intermediateSize: 4096 },
};

/** A teacher of this shape without numbers: costs follow from shapes alone. */
async function shapeOnly(name: string, shape: ModelShape): Promise<Teacher> {
  const demo = await readTeacher(name, filesOf(DEMO_TEACHER));
  const { layers, hiddenSize, heads, intermediateSize } = shape;
  const sizes = { vocab_size: 30_522, hidden_size: hiddenSize, num_hidden_layers: layers, num_attention_heads: heads };
  const config = parseConfig({
    ...configToJson(demo.model.config),
    ...sizes,
    intermediate_size: intermediateSize,
    max_position_embeddings: 512,
  });
  const tensors = new Map([...parameterShapes(config)].map(([tensor, dims]) => [tensor, { shape: dims, data: new Float32Array() }]));
  const report = { ...demo.report, shape: shapeOf(config), maxPositions: 512, parameters: countParameters(config) };
  return { ...demo, name, model: { config, tensors }, report };
}

interface Predicted {
  readonly gpus: number;
  /** FLOP of a step on one GPU: what tokens cost, and what is paid once. */
  readonly tokens: number;
  readonly once: number;
  readonly seconds: number;
  /** Bytes on one GPU. */
  readonly bytes: number;
  readonly rows: number;
}

const flopsOf = (teacher: Teacher, recipe: Recipe, batch: number): number =>
  stepCosts(teacher, { ...recipe, batch, accumulation: 1 }).reduce((most, { flops }) => Math.max(most, flops), 0);

function sum(shapes: Iterable<Shape>): number {
  let total = 0;
  for (const shape of shapes) total += sizeOf(shape);
  return total;
}

function predict(teacher: Teacher, recipe: Recipe, gpus: number): Predicted {
  const batch = BATCH / gpus;
  const whole = flopsOf(teacher, recipe, batch);
  // Two batches, of which each chooses alike where matrices meet their compactors, tell what a row costs.
  const row = (flopsOf(teacher, recipe, 2 * batch) - whole) / batch;
  const tokens = row * batch;
  const once = Math.max(0, whole - tokens);
  const table = recipeTable(teacher, recipe);
  const [phase] = methodOf(recipe).phases({ teacher, table, recipe, shape: stepShape(teacher.task, recipe), heads: new Map() });
  if (phase === undefined) throw new Error('predict: no phase');
  const { trained, frozen } = phase.graph();
  const larger = phase.runnable !== undefined;
  const config = larger ? teacher.model.config : studentConfig(teacher.model.config, table);
  const merged = countParameters({ ...config, tieWordEmbeddings: false });
  // A trained number with its gradient and two moments; the teacher below; merged weights, leaves of the pass and gradients.
  const standing = 4 * (4 * sum(trained.values()) + sum(frozen.values()) + 3 * merged);
  const aRow =
    SEQUENCE * config.layers * config.hiddenSize * KEPT_A_DIMENSION + Math.round(0.15 * (SEQUENCE - 2)) * config.vocabSize * (2 + 4 + 4);
  const rows = Math.min(batch, 2 ** Math.floor(Math.log2((0.9 * H100.memory - standing) / aRow)));
  const exchanged = gpus === 1 ? 0 : (2 * 4 * merged) / (gpus > 8 ? EXCHANGE.between : EXCHANGE.within);
  const updated = (UPDATED * sum(trained.values())) / H100.moved;
  const seconds = tokens / (REACHED * H100.bf16) + once / (REACHED * H100.tf32) + updated + exchanged;
  return { gpus, tokens, once, seconds, bytes: standing + rows * aRow, rows };
}

const days = (seconds: number): string => {
  const hours = (STEPS * seconds) / 3600;
  return hours < 48 ? `${hours.toPrecision(2)} h` : `${(hours / 24).toPrecision(2)} days`;
};

const lines: string[] = [];
for (const [name, shape] of Object.entries(TEACHERS)) {
  const teacher = await shapeOnly(name, shape);
  const base = name === 'BERT-base';
  const students = base ? (['wid55', 'wid11'] as const) : (['half', 'quarter'] as const);
  lines.push(`## ${name}, ${(teacher.report.parameters / 1e6).toFixed(0)} M parameters`, '');
  lines.push('| student | mode | GPUs | TFLOP a step and GPU | of it once | GB a GPU | rows at once | seconds a step | 400,000 steps |');
  lines.push('|---|---|---|---|---|---|---|---|---|');
  for (const student of students)
    for (const mode of ['paper', 'calibrated'] as const) {
      const size = presetShape(teacher.report.shape, student);
      const recipe = { ...defaultRecipe(teacher.report, size), mode, tied: false, steps: STEPS, sequence: SEQUENCE };
      for (const gpus of GPUS) {
        const { tokens, once, seconds, bytes, rows } = predict(teacher, recipe, gpus);
        const cells = [
          `${student}, ${size.hiddenSize} wide`,
          `\`${mode}\``,
          gpus,
          ((tokens + once) / 1e12).toPrecision(3),
          (once / 1e12).toPrecision(2),
          (bytes / 1e9).toFixed(0),
          rows,
          seconds.toPrecision(2),
          days(seconds),
        ];
        lines.push(`| ${cells.join(' | ')} |`);
      }
    }
  lines.push('');
}
const page = fileURLToPath(new URL('../docs/scale.md', import.meta.url));
const before = readFileSync(page, 'utf8');
const mark = '<!-- written by npm run predict -->\n';
writeFileSync(page, `${before.slice(0, before.indexOf(mark) + mark.length)}\n${lines.join('\n')}`);
console.log(lines.join('\n'));

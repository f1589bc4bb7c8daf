import { familyOf } from '../../models/families/registry.ts';
import { sizeInWords } from '../../tensor/bytes.ts';
import { countParameters, type BertModel } from '../../models/model.ts';
import { HIDDEN, type Output } from '../../models/outputs.ts';
import type { OnnxFileReport, OnnxLatency } from '../api/exporting.ts';
import type { HeldOut } from '../api/run.ts';
import { methodOf } from '../methods/registry.ts';
import { traitsOf } from '../settings/modes.ts';
import type { FinishedRun, Measured } from './finishedRun.ts';
import { headFitInWords } from '../teacher/headedTeacher.ts';
import { poolingInWords } from '../teacher/sentenceModules.ts';
import type { Teacher } from '../teacher/teacher.ts';
import { STUDIO_VERSION } from '../version.ts';

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const millions = (count: number): string => `${(count / 1e6).toFixed(2)} M`;

function frontMatter(teacher: Teacher, output: Output): string[] {
  return [
    '---',
    // Hugging Face's own name for a licence that is not known to it.
    ...(teacher.licence === undefined ? [] : [`license: ${teacher.licence}`]),
    `library_name: ${teacher.sentences === undefined ? 'transformers' : 'sentence-transformers'}`,
    `pipeline_tag: ${teacher.sentences === undefined ? (output === HIDDEN ? 'feature-extraction' : 'fill-mask') : 'sentence-similarity'}`,
    `tags: [${familyOf(teacher.model.config.family).id}, onnx, transformers.js${teacher.sentences === undefined ? '' : ', sentence-transformers, feature-extraction'}]`,
    '---',
    '',
  ];
}

function onnxTable({ output, onnx, teacherLatency }: Measured): string[] {
  const written = onnx.filter(({ withheld }) => withheld === null);
  const milliseconds = (latency: OnnxLatency | null): string =>
    latency === null ? '-' : `${latency.median.toFixed(1)} ms, p95 ${latency.p95.toFixed(1)} ms`;
  const first = written.find(({ latency }) => latency !== null)?.latency ?? null;
  return [
    '## ONNX files',
    '',
    `Each was run in onnxruntime-web beside the engine at batch 1 and 3, lengths ${lengths(onnx)}, with padding.`,
    '',
    `| file | size | largest difference of \`${output}\` | held-out accuracy | latency |`,
    '|---|---|---|---|---|',
    ...written.map(
      ({ path, bytes, largestDifference, heldOut, latency }) =>
        `| \`${path}\` | ${sizeInWords(bytes)} | ${largestDifference.toExponential(1)} | ${heldOut === null ? '-' : `${percent(heldOut.accuracy)} (fp32: ${percent(heldOut.engineAccuracy)}, ${heldOut.tokens} tokens)`} | ${milliseconds(latency)} |`,
    ),
    ...(teacherLatency === null ? [] : [`| the teacher, fp32 | - | - | - | ${milliseconds(teacherLatency)} |`]),
    '',
    ...(first === null
      ? []
      : [`Latency: ${first.batch} x ${first.length} tokens, one thread of onnxruntime-web on the machine that exported it.`, '']),
    ...onnx.flatMap(({ path, withheld }) => (withheld === null ? [] : [`\`${path}\` is withheld: ${withheld}`, ''])),
  ];
}

function lengths(onnx: readonly OnnxFileReport[]): string {
  const all = [...new Set((onnx[0]?.checked ?? []).map(({ length }) => length))];
  return `${all.slice(0, -1).join(', ')} and ${all.at(-1) ?? 0}`;
}

function licence(teacher: Teacher): string[] {
  return [
    '## Licence',
    '',
    teacher.licence === undefined
      ? `The weights derive from ${teacher.name}, whose folder named no licence. Its terms hold for them too: find out before you pass them on.`
      : `The weights derive from ${teacher.name}, whose folder says \`${teacher.licence}\`.`,
    '',
  ];
}

function headNote(teacher: Teacher): string[] {
  const words = headFitInWords(teacher);
  return words === undefined ? [] : [words, ''];
}

/** Over how many words losses are taken: those over other vocabularies cannot be compared with them. */
function vocabularyNote({ cut, model, task }: Teacher): string[] {
  const words = model.config.vocabSize.toLocaleString('en');
  const isOver = task.words.overVocabulary === true;
  if (cut === undefined) return isOver ? [`Losses are taken over the ${words} words of the vocabulary.`, ''] : [];
  if (!isOver) return [`The vocabulary was cut from ${cut.before.toLocaleString('en')} words to ${words}.`, ''];
  return [
    `The vocabulary was cut from ${cut.before.toLocaleString('en')} words to ${words}. The teacher's probabilities are those over these words, made to sum to one, and all losses are taken over them.`,
    '',
  ];
}

/** What a folder without the head lacks. */
function encoderNote(output: Output, more?: string): string[] {
  if (output !== HIDDEN) return [];
  const note = `The folder holds an encoder without a head for masked words: checkpoint and ONNX files give \`${HIDDEN}\`.`;
  return [more === undefined ? note : `${note} ${more}`, ''];
}

/** How the vectors of a folder for sentences are made, and by whom. */
function vectorNote({ sentences }: Measured): string[] {
  if (sentences === undefined) return [];
  const { modules, form, inTokens } = sentences;
  const width = modules.pooling.layers.reduce((found, layer) => (layer === 'normalize' ? found : layer.outputs), 0);
  const space =
    form === 'own'
      ? 'They are as wide as the student, with the same cosines.'
      : "They are in the teacher's space: its index can be searched with them.";
  const how = inTokens
    ? 'The layer behind pooling is laid behind every token of the ONNX files, so that tools that pool by themselves (transformers.js, fastembed) give these vectors. There is no checkpoint here.'
    : '`onnx/model_sentence.onnx` gives them as `sentence_embedding`, sentence-transformers from `modules.json`. `onnx/model.onnx` gives vectors of tokens, before the layer behind pooling.';
  return ['## Vectors', '', `Pooling: ${poolingInWords(modules.pooling)}.${width === 0 ? '' : ` ${space}`} ${how}`, ''];
}

/** `README.md` of a student: what it is, how good it is, how it was made, and what it is not. */
export function studentCard(name: string, teacher: Teacher, { result, recipe, model: student }: FinishedRun, measured: Measured): string {
  const row = (label: string, value: HeldOut, model: BertModel): string =>
    `| ${label} | ${value.loss.toFixed(3)} | ${percent(value.accuracy)} | ${percent(value.agreement)} | ${millions(countParameters(model.config))} |`;
  const shape = recipe.student;
  return [
    ...frontMatter(teacher, measured.output),
    `# ${name}`,
    '',
    `${capital(withArticle(familyOf(student.config.family).label))} of ${shape.layers} layers, hidden size ${shape.hiddenSize}, ${shape.heads} heads and intermediate size ${shape.intermediateSize}, compressed from ${teacher.name} in WID Studio ${STUDIO_VERSION}${traitsOf(recipe).inherits === true ? ' by Weight-Inherited Distillation (arXiv 2305.09098)' : ''}.`,
    '',
    '## Numbers',
    '',
    `${capital(teacher.task.words.answers)} of held-out text ${trainedInWords(recipe.steps, result)}:`,
    '',
    ...(result.fault === null ? [] : [`The run ended early by itself (${result.fault.replace(/^run: /, '').replace(/\.$/, '')}).`, '']),
    '| model | loss | accuracy | agreement with the teacher | parameters |',
    '|---|---|---|---|---|',
    row('teacher', result.teacher, teacher.model),
    ...(recipe.steps === 0 ? [] : [row('student, untrained', result.untrained, student)]),
    ...(result.whole === undefined ? [] : [row('before dropping', result.whole, teacher.model)]),
    row('student', result.trained, student),
    '',
    ...vocabularyNote(teacher),
    ...headNote(teacher),
    ...(teacher.sentences === undefined ? encoderNote(measured.output, 'The numbers above are of the student with it.') : []),
    ...vectorNote(measured),
    ...onnxTable(measured),
    '## Recipe',
    '',
    methodOf(recipe).words(recipe, teacher.task),
    '',
    `${result.seconds.toFixed(0)} seconds on ${measured.engine}. \`run.json\` holds every setting; with the same teacher and text, in a clone of WID Studio,`,
    '',
    '    npm run compress -- --teacher TEACHER --text TEXT --recipe run.json --out again',
    '',
    'repeats the run.',
    '',
    '## Limits',
    '',
    `${teacher.task.words.limits} Its numbers are of held-out ${teacher.task.words.answers}, not a benchmark. It has the biases of its teacher and of the text.`,
    '',
    ...licence(teacher),
  ].join('\n');
}

function trainedInWords(steps: number, { studentStep, stepsDone }: FinishedRun['result']): string {
  return steps === 0 ? 'of a student that no step has trained' : `after ${studentStep ?? stepsDone} of ${steps} steps`;
}

function capital(words: string): string {
  return words.slice(0, 1).toUpperCase() + words.slice(1);
}

function withArticle(noun: string): string {
  return `${/^[AEIOU]/.test(noun) ? 'an' : 'a'} ${noun}`;
}

function unchanged({ cut, model }: Teacher): string {
  if (cut === undefined) return 'Its weights are unchanged.';
  return `Its vocabulary was cut from ${cut.before.toLocaleString('en')} words to ${model.config.vocabSize.toLocaleString('en')}; a text that needs none of the others has the same hidden states.`;
}

/** `README.md` of a checkpoint that was only converted. */
export function converterCard(name: string, teacher: Teacher, measured: Measured): string {
  const { shape, parameters } = teacher.report;
  return [
    ...frontMatter(teacher, measured.output),
    `# ${name}`,
    '',
    `${teacher.name}, ${withArticle(familyOf(teacher.model.config.family).label)} of ${shape.layers} layers, hidden size ${shape.hiddenSize}, ${shape.heads} heads, intermediate size ${shape.intermediateSize} and ${millions(parameters)} parameters, converted by WID Studio ${STUDIO_VERSION}. ${unchanged(teacher)}`,
    '',
    ...(teacher.sentences === undefined ? encoderNote(measured.output) : []),
    ...vectorNote(measured),
    ...onnxTable(measured),
    ...licence(teacher),
  ].join('\n');
}

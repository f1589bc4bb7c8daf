import { blueprintOf } from '../../models/blueprint.ts';
import { mergeStudent } from '../../training/mergeStudent.ts';
import { maskStates, PAPER_OPTIMISER, paperRunnable, paperTraining } from '../../training/paperTraining.ts';
import { frozenName, teacherStates } from '../../training/teacherStates.ts';
import { keptNorms } from '../../training/trainingGraph.ts';
import type { NamedTensors, Tensor } from '../../tensor/tensor.ts';
import { compactorName } from '../../wid/compactors.ts';
import { keepHeads } from '../../wid/keepHeads.ts';
import { binned, sideNorms, type SpaceNorms } from '../../wid/norms.ts';
import { identityCompactors } from '../../wid/paper/identity.ts';
import { finalMasks, maskedCounts, nothingMasked, paperMasks, squareTable } from '../../wid/paper/masks.ts';
import { dropMasked, keptHeads } from '../../wid/paper/drop.ts';
import { maskInterval } from '../../wid/paper/settings.ts';
import { tableWidth, type SpaceTable } from '../../wid/spaces.ts';
import type { Recipe } from '../api/recipe.ts';
import type { Method } from './method.ts';
import type { Phase, PhaseContext } from './phase.ts';
import type { Teacher } from '../teacher/teacher.ts';

/** Paper mode begins at the teacher itself: identity compactors and its own LayerNorms. */
function paperStart(teacher: Teacher, table: SpaceTable): Map<string, Tensor> {
  const square = squareTable(table);
  return new Map([...identityCompactors(table), ...keptNorms(teacher.model.tensors, square, ...everyDimension(table))]);
}

/** Those of the stream and those of the tables. */
function everyDimension({ teacher }: SpaceTable): [residual: number[], embedding: number[]] {
  const all = (length: number): number[] => Array.from({ length }, (_, i) => i);
  return [all(teacher.residual), all(tableWidth(teacher))];
}

/** Square compactors squeezed by masks and penalties, as released (docs/method.md section 6). */
function paperPhase({ teacher, table, recipe, shape }: PhaseContext): Phase {
  const { config, tensors } = teacher.model;
  const { paper: settings, steps } = recipe;
  const square = squareTable(table);
  const theirs = teacherStates(config, square, tensors);
  const norms = keptNorms(tensors, square, ...everyDimension(table));
  const frozen = settings.weightLearningRate > 0 ? new Map<string, Tensor>() : new Map<string, Tensor>([...theirs, ...norms]);
  const every = maskInterval(settings, steps);
  const whole = (trained: NamedTensors): NamedTensors => new Map([...theirs, ...norms, ...trained]);
  return {
    name: 'compactors',
    schedule: { first: 0, last: steps, total: steps, rate: settings.compactorLearningRate, warmup: settings.warmup, decay: 'linear' },
    optimiser: PAPER_OPTIMISER,
    graph: () => paperTraining(config, table, shape, settings, recipe.accumulation),
    frozen: () => new Map([...frozen, ...maskStates(nothingMasked(table), false)]),
    trained: ({ compactors }) => new Map([...(settings.weightLearningRate > 0 ? theirs : []), ...compactors]),
    student: (engine, trained) => {
      const all = whole(trained);
      const masks = finalMasks(table, all);
      const own = new Map([...theirs.keys()].flatMap((name) => ownTensor(all, name)));
      const kept = keepHeads(blueprintOf(config), own, table.teacher.headSize, keptHeads(table, masks));
      return mergeStudent(engine, teacher.model, kept, table, dropMasked(table, masks, all));
    },
    norms: (trained) => maskingNorms(table, trained),
    runnable: (trained) => paperRunnable(config, table, whole(trained)),
    heads: (trained) => keptHeads(table, finalMasks(table, trained)),
    beforeStep: async (trainer) => {
      const { updates } = trainer;
      if (updates === 0 || updates % every !== 0) return;
      const masks = paperMasks(table, await trainer.read(), maskedCounts(table.teacher, table.student, updates / every));
      trainer.rewrite(maskStates(masks, true));
    },
  };
}

/** WID as published: square compactors, squeezed by masks and penalties (docs/method.md section 6). */
export const paper: Method = {
  name: 'paper',
  job: 'identity',
  // Nothing is calibrated: the run starts at the teacher's function.
  start: async (context, { engine }) => {
    const compactors = paperStart(context.teacher, context.table);
    const phase = paperPhase(context);
    const before = { model: undefined, compactors, state: new Map() };
    const all = new Map([...(await phase.frozen(before, engine)), ...phase.trained(before)]);
    return {
      model: await phase.student(engine, all, all),
      compactors,
      heads: phase.heads?.(all) ?? new Map(),
      ...(phase.runnable === undefined ? {} : { larger: { runnable: phase.runnable(all), heads: new Map() } }),
    };
  },
  phases: (context) => [paperPhase(context)],
  merged: (context) => {
    const { trained, rewritten } = paperPhase(context).graph();
    return Array.from(new Map([...trained, ...(rewritten ?? [])]).values());
  },
  words: inWords,
};

function inWords({ steps: count, batch, sequence, paper: settings, seed }: Recipe): string {
  return `Square compactors around every linear layer began at the identity and were squeezed as published (mode \`paper\`): ${count} steps of ${batch} x ${sequence} tokens, compactors at a peak learning rate of ${settings.compactorLearningRate} and the teacher's own weights at ${settings.weightLearningRate}, penalty ${settings.penalty}. Dimensions that were near zero were then dropped. AdamW without bias correction, seed ${seed}.`;
}

/** A teacher's tensor under its own name. */
function ownTensor(all: NamedTensors, name: string): [string, Tensor][] {
  const tensor = all.get(name);
  return tensor === undefined ? [] : [[name.slice(frozenName('').length), tensor]];
}

/** The norms that decide what is masked. */
function maskingNorms(table: SpaceTable, compactors: NamedTensors): SpaceNorms[] {
  const report: SpaceNorms[] = [];
  const enter = (space: SpaceNorms['space'], layer: number | null, name: string): void => {
    const tensor = compactors.get(name);
    if (tensor === undefined) return;
    const norms = sideNorms(tensor, 'columns');
    report.push({ space, layer, size: norms.length, norms: binned(norms) });
  };
  enter('residual', null, compactorName('value', 0, 'L'));
  enter('embedding', null, compactorName('embeddingProjection', null, 'L'));
  for (const layer of table.layerMap.keys()) {
    enter('valueOutput', layer, compactorName('attentionOutput', layer, 'L'));
    enter('ffn', layer, compactorName('contraction', layer, 'L'));
  }
  enter('mlm', null, compactorName('decoder', null, 'L'));
  return report;
}

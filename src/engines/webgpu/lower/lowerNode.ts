import type { Node } from '../../../graph/operation.ts';
import { GraphError } from '../../../graph/value.ts';
import { overElements } from './elementwise.ts';
import { lowerLayout } from './layout.ts';
import { overLossRows } from './losses.ts';
import { inputOf, type Lowering } from './lowering.ts';
import { lowerMatmul } from './matmul.ts';
import { layerNorm, layerNormGradGain, layerNormGradInput, narrowKeys, softmax, softmaxGrad } from './normalisation.ts';
import { rotate } from './rotate.ts';
import { argmaxRows, gatherRows, reduceRows, scatterRows } from './rows.ts';
import { adamw, globalNorm, reduceSum } from './wholeTensors.ts';

/** Turns one node into dispatches. @throws GraphError by name for an operation that this engine lacks */
export function lowerNode(lowering: Lowering, node: Node): void {
  const { operation, inputs } = node;
  lowering.memory.reuseScratch();
  const input = (index: number): (typeof inputs)[number] => inputOf(node, index);
  switch (operation.kind) {
    case 'reshape':
    case 'permute':
      return;
    case 'matmul':
      lowerMatmul(lowering, node);
      return;
    case 'add':
    case 'mul':
      overElements(lowering, node, operation.kind, inputs);
      return;
    case 'scale':
      overElements(lowering, node, 'scale', inputs, { factor: operation.factor });
      return;
    case 'rsqrt':
      overElements(lowering, node, 'rsqrt', inputs, { factor: operation.epsilon });
      return;
    case 'scaleBy':
      overElements(lowering, node, 'scaleBy', [input(0)], { scalar: input(1) });
      return;
    case 'broadcast':
      overElements(lowering, node, 'broadcast', [], { scalar: input(0) });
      return;
    case 'gelu':
    case 'geluGrad':
    case 'gatedGelu':
    case 'gatedGeluGrad':
      overElements(lowering, node, operation.kind, inputs, { activation: operation.form });
      return;
    case 'layerNorm':
      layerNorm(lowering, node, operation.epsilon);
      return;
    case 'layerNormGradInput':
      layerNormGradInput(lowering, node, operation.epsilon);
      return;
    case 'layerNormGradGain':
      layerNormGradGain(lowering, node, operation.epsilon);
      return;
    case 'softmax':
      softmax(lowering, node, operation.alpha);
      return;
    case 'softmaxGrad':
      softmaxGrad(lowering, node, operation.alpha);
      return;
    case 'narrowKeys':
      narrowKeys(lowering, node, operation.before, operation.after);
      return;
    case 'crossEntropy':
      overLossRows(lowering, node, { labels: input(1) });
      return;
    case 'crossEntropyGrad':
      overLossRows(lowering, node, { labels: input(1), slopes: input(2) });
      return;
    case 'distillation':
      overLossRows(lowering, node, { teacher: input(1), labels: input(2) }, operation.temperature);
      return;
    case 'distillationGrad':
      overLossRows(lowering, node, { teacher: input(1), labels: input(2), slopes: input(3) }, operation.temperature);
      return;
    case 'gatherRows':
      gatherRows(lowering, node);
      return;
    case 'rotate':
      rotate(lowering, node, operation.inverse);
      return;
    case 'scatterRows':
      scatterRows(lowering, node);
      return;
    case 'reduceRows':
      reduceRows(lowering, node);
      return;
    case 'argmaxRows':
      argmaxRows(lowering, node);
      return;
    case 'reduceSum':
      reduceSum(lowering, node);
      return;
    case 'globalNorm':
      globalNorm(lowering, node);
      return;
    case 'adamw':
      adamw(lowering, node);
      return;
    case 'copy':
    case 'assign':
      lowerLayout(lowering, node);
      return;
    default:
      throw new GraphError(kindOf(operation), 'the WebGPU engine has no such operation.');
  }
}

/** The name of an operation that the types say cannot be: one that came with a newer graph. */
function kindOf(operation: { readonly kind: string }): string {
  return operation.kind;
}

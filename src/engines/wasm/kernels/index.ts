// The interpreter: a program is a list of instructions in memory, [opcode, words, operands ...], built once by
// assemble.ts. Every thread of the team walks it and meets the others after each instruction.
import * as dense from './dense';
import * as elementwise from './elementwise';
import * as op from '../built/opcodes';
import { matmul } from './gemm';
import * as optimiser from './optimiser';
import * as rows from './rows';
import { barrier, control, join, thread, threads, waitForEpoch } from './team';

let at: usize = 0;

// @ts-ignore: decorator
@inline
function word(i: i32): i32 {
  return load<i32>(at + (<usize>i << 2));
}

// @ts-ignore: decorator
@inline
function pointer(i: i32): usize {
  return <usize>load<u32>(at + (<usize>i << 2));
}

// @ts-ignore: decorator
@inline
function real(i: i32): f32 {
  return load<f32>(at + (<usize>i << 2));
}

export function setup(myThread: i32, teamSize: i32, controlBlock: usize, myWorkspace: usize): void {
  join(myThread, teamSize, controlBlock, myWorkspace);
}

/** Runs a program on the whole team; thread 0 calls this, the others are in {@link serve}. */
export function run(program: usize, end: usize): void {
  if (ASC_FEATURE_THREADS) {
    if (threads > 1) {
      store<u32>(control, <u32>program, 16);
      store<u32>(control, <u32>end, 20);
      atomic.add<i32>(control, 1, 8);
      atomic.notify(control + 8, threads);
    }
  }
  walk(program, end);
}

/** A helper's life: wait for an epoch, walk its program, wait again. Returns when asked to quit. */
export function serve(): void {
  if (!ASC_FEATURE_THREADS) return;
  let seen: i32 = 0;
  while (true) {
    waitForEpoch(seen);
    seen = atomic.load<i32>(control, 8);
    if (atomic.load<i32>(control, 12) != 0) return;
    walk(<usize>load<u32>(control, 16), <usize>load<u32>(control, 20));
  }
}

/** Ends the helpers. */
export function quit(): void {
  if (!ASC_FEATURE_THREADS) return;
  atomic.store<i32>(control, 1, 12);
  atomic.add<i32>(control, 1, 8);
  atomic.notify(control + 8, threads);
}

function walk(program: usize, end: usize): void {
  at = program;
  while (at < end) {
    instruction(word(0));
    at += <usize>word(1) << 2;
    barrier();
  }
}

function instruction(opcode: i32): void {
  switch (opcode) {
    case op.matmul:
      matmul(
        word(2), word(3), word(4), word(5), word(6), real(7),
        pointer(8), word(9), word(10), word(11), word(12),
        pointer(13), word(14), word(15), word(16), word(17),
        pointer(18), word(19), word(20), word(21),
        pointer(22), pointer(23), word(24), word(25),
      );
      break;
    case op.add:
      elementwise.add(pointer(2), pointer(3), pointer(4), word(5));
      break;
    case op.mul:
      elementwise.mul(pointer(2), pointer(3), pointer(4), word(5));
      break;
    case op.scale:
      elementwise.scale(pointer(2), pointer(3), word(4), real(5));
      break;
    case op.scaleBy:
      elementwise.scale(pointer(2), pointer(4), word(5), load<f32>(pointer(3)));
      break;
    case op.gelu:
      elementwise.gelu(pointer(2), pointer(3), word(4), word(5));
      break;
    case op.geluGrad:
      elementwise.geluGrad(pointer(2), pointer(3), pointer(4), word(5), word(6));
      break;
    case op.layerNorm:
      rows.layerNorm(pointer(2), pointer(3), pointer(4), pointer(5), word(6), word(7), real(8));
      break;
    case op.layerNormGradInput:
      rows.layerNormGradInput(pointer(2), pointer(3), pointer(4), pointer(5), word(6), word(7), real(8));
      break;
    case op.layerNormGradGain:
      rows.layerNormGradGain(pointer(2), pointer(3), pointer(4), word(5), word(6), real(7), pointer(8));
      break;
    case op.reduceRows:
      rows.reduceRows(pointer(2), pointer(3), word(4), word(5), pointer(6));
      break;
    case op.reduceSum:
      optimiser.reduceSum(pointer(2), pointer(3), word(4));
      break;
    case op.broadcast:
      elementwise.fill(pointer(3), word(4), load<f32>(pointer(2)));
      break;
    case op.softmax:
      rows.softmax(pointer(2), pointer(3), pointer(4), word(5), word(6), word(7), word(8), real(9));
      break;
    case op.softmaxGrad:
      rows.softmaxGrad(pointer(2), pointer(3), pointer(4), pointer(5), word(6), word(7), word(8), word(9), real(10));
      break;
    case op.gatherRows:
      rows.gatherRows(pointer(2), pointer(3), pointer(4), word(5), word(6));
      break;
    case op.scatterRows:
      rows.scatterRows(pointer(2), pointer(3), pointer(4), word(5), word(6), word(7));
      break;
    case op.crossEntropy:
      rows.crossEntropy(pointer(2), pointer(3), pointer(4), word(5), word(6));
      break;
    case op.crossEntropyGrad:
      rows.crossEntropyGrad(pointer(2), pointer(3), pointer(4), pointer(5), word(6), word(7));
      break;
    case op.distillation:
      rows.distillation(pointer(2), pointer(3), pointer(4), pointer(5), word(6), word(7), real(8));
      break;
    case op.distillationGrad:
      rows.distillationGrad(pointer(2), pointer(3), pointer(4), pointer(5), pointer(6), word(7), word(8), real(9));
      break;
    case op.argmaxRows:
      rows.argmaxRows(pointer(2), pointer(3), word(4), word(5));
      break;
    case op.copy:
      elementwise.copyStrided(pointer(2), pointer(3), word(4), word(5), word(6), word(7), word(8), word(9), word(10), word(11));
      break;
    case op.assign:
      elementwise.copy(pointer(2), pointer(3), word(4));
      break;
    case op.globalNorm:
      globalNorm();
      break;
    case op.adamw:
      adamw();
      break;
    case op.rsqrt:
      elementwise.rsqrt(pointer(2), pointer(3), word(4), real(5));
      break;
    case op.multiply64:
      dense.multiply(pointer(2), pointer(3), pointer(4), word(5), word(6), word(7));
      break;
    case op.gram64:
      dense.gram(pointer(2), pointer(3), word(4), word(5));
      break;
    case op.cholesky64:
      dense.cholesky(pointer(2), word(3), pointer(4));
      break;
    case op.solve64:
      dense.solve(pointer(2), pointer(3), word(4), word(5), word(6));
      break;
    case op.selectColumns:
      dense.selectColumns(pointer(2), word(3), word(4), pointer(5), pointer(6), pointer(7), word(8), pointer(9), word(10));
      break;
    case op.gatedGelu:
      elementwise.gatedGelu(pointer(2), pointer(3), pointer(4), word(5), word(6));
      break;
    case op.gatedGeluGrad:
      elementwise.gatedGeluGrad(pointer(2), pointer(3), pointer(4), pointer(5), word(6), word(7));
      break;
    case op.rotate:
      rows.rotate(pointer(2), pointer(3), pointer(4), pointer(5), word(6), word(7), word(8), real(9));
      break;
    case op.narrowKeys:
      rows.narrowKeys(pointer(2), pointer(3), word(4), word(5), word(6), word(7));
      break;
    default:
      unreachable();
  }
}

/** [op.globalNorm, words, out, loss, settings, halted, count, (tensor, size) ...]. */
function globalNorm(): void {
  let sum: f64 = 0;
  const count = word(6);
  for (let i = 0; i < count; i++) sum += optimiser.squares(pointer(7 + 2 * i), word(8 + 2 * i));
  optimiser.storeNorm(sum, pointer(2), pointer(3), pointer(4), pointer(5));
}

/** [op.adamw, words, settings, norm, count, (parameter, gradient, first, second, size, decay, rate) ...]. */
function adamw(): void {
  const count = word(4);
  for (let i = 0; i < count; i++) {
    const base = 5 + 7 * i;
    optimiser.adamw(
      pointer(base), pointer(base + 1), pointer(base + 2), pointer(base + 3), word(base + 4), real(base + 5), real(base + 6),
      pointer(2), pointer(3),
    );
  }
}

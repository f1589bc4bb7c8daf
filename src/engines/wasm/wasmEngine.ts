import { sizeInWords } from '../../tensor/bytes.ts';
import { Gaps } from '../../graph/gaps.ts';
import type { Node } from '../../graph/operation.ts';
import type { Plan, PlanOptions } from '../../graph/plan.ts';
import { type Value } from '../../graph/value.ts';
import type { LentAlgebra } from '../../tensor/algebra.ts';
import { sizeOf } from '../../tensor/shape.ts';
import type { Engine, EngineDescription, EngineLimits, Program } from '../engine.ts';
import { EngineError } from '../engineError.ts';
import { OutOfMemoryError } from '../outOfMemory.ts';
import { rowMajor } from '../rowMajor.ts';
import { withConstants } from '../withConstants.ts';
import { assemble, isInstruction, widestReduction } from './assemble.ts';
import { hasRelaxedSimd, hasSharedMemory, instantiate, loadKernels, type Kernels } from './kernelModule.ts';
import { startHelper, type HelperThread } from './threadPool.ts';
import { WasmAlgebra, type Workplace } from './wasmAlgebra.ts';

const PAGE = 65536;
const MEMORY_BYTES = 65536 * PAGE;
/** The kernels' own data lies below; see kernels/team.ts for the control block. */
const CONTROL = PAGE;
const CONTROL_BYTES = 4096;
/** Packed panels of one thread: edge tile, 96 x 256 of A, 256 x 512 of B, rounded up. */
const WORKSPACE_BYTES = 10 * PAGE;

/** The CPU engine: AssemblyScript kernels with SIMD on a team of threads over one shared memory. */
export class WasmEngine implements Engine {
  readonly planOptions: PlanOptions = { alignment: 64, inPlace: true };
  readonly limits: EngineLimits;
  readonly #memory: WebAssembly.Memory;
  readonly #kernels: Kernels;
  readonly #helpers: readonly HelperThread[];
  readonly #threads: number;
  readonly #space: Gaps;
  readonly #relaxed: boolean;

  private constructor(
    memory: WebAssembly.Memory,
    kernels: Kernels,
    helpers: readonly HelperThread[],
    threads: number,
    base: number,
    relaxed: boolean,
  ) {
    this.#memory = memory;
    this.#kernels = kernels;
    this.#helpers = helpers;
    this.#threads = threads;
    this.#space = new Gaps(base);
    this.#relaxed = relaxed;
    this.limits = { arenaBytes: MEMORY_BYTES - base };
  }

  /**
   * @param threads the whole team, this thread included; 1 where memory cannot be shared
   * @param relaxed take the build with fused products; false for tests of the other on hosts that have both
   * @throws EngineError if the kernels are missing
   */
  static async create(threads: number, relaxed = hasRelaxedSimd()): Promise<WasmEngine> {
    const team = hasSharedMemory() ? Math.max(1, Math.floor(threads)) : 1;
    const shared = team > 1;
    const module = await loadKernels(shared, relaxed);
    const base = CONTROL + CONTROL_BYTES + team * WORKSPACE_BYTES;
    const memory = new WebAssembly.Memory({ initial: Math.max(16, Math.ceil(base / PAGE)), maximum: MEMORY_BYTES / PAGE, shared });
    const kernels = instantiate(module, memory);
    const workspace = (thread: number): number => CONTROL + CONTROL_BYTES + thread * WORKSPACE_BYTES;
    kernels.setup(0, team, CONTROL, workspace(0));
    const helpers = await Promise.all(
      Array.from({ length: team - 1 }, (_, i) =>
        startHelper({ module, memory, thread: i + 1, threads: team, control: CONTROL, workspace: workspace(i + 1) }),
      ),
    );
    return new WasmEngine(memory, kernels, helpers, team, base, relaxed);
  }

  /** Algebra beside another engine: threads and memory that end with it. */
  static async algebraAlone(threads: number): Promise<LentAlgebra> {
    const engine = await WasmEngine.create(threads);
    return new WasmAlgebra(engine.#workplace(), () => engine.dispose());
  }

  /** Bytes that the engine has taken so far: all programs, never given back to the system. */
  get memoryBytes(): number {
    return this.#memory.buffer.byteLength;
  }

  describe(): EngineDescription {
    const simd = this.#relaxed ? 'relaxed SIMD' : 'SIMD';
    const threads = this.#threads === 1 ? '1 thread' : `${this.#threads} threads`;
    return { name: 'cpu', detail: `WebAssembly, ${simd}, ${threads}`, threads: this.#threads };
  }

  compile(plan: Plan): Promise<WasmProgram> {
    const partialsBytes = Math.ceil((this.#threads * widestReduction(plan) * 4) / 64) * 64;
    const words = assemble(plan, 0, 0).length;
    const bytes = Math.ceil((plan.arenaBytes + partialsBytes + words * 4) / 64) * 64;
    let start: number;
    try {
      start = this.#take(bytes);
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new EngineError(String(error)));
    }
    const partials = start + plan.arenaBytes;
    const code = partials + partialsBytes;
    new Uint32Array(this.#memory.buffer, code, words).set(assemble(plan, start, partials));
    new Uint8Array(this.#memory.buffer, start, plan.persistentBytes).fill(0);
    return Promise.resolve(
      withConstants(
        new WasmProgram(plan, this.#memory, start, { kernels: this.#kernels, start: code, words }, () => this.#space.give(start, bytes)),
        plan,
      ),
    );
  }

  algebra(): Promise<LentAlgebra> {
    return Promise.resolve(new WasmAlgebra(this.#workplace()));
  }

  #workplace(): Workplace {
    return {
      memory: this.#memory,
      kernels: this.#kernels,
      threads: this.#threads,
      take: (bytes) => this.#take(bytes),
      give: (start, bytes) => this.#space.give(start, bytes),
    };
  }

  dispose(): void {
    this.#kernels.quit();
    for (const helper of this.#helpers) helper.terminate();
  }

  #take(bytes: number): number {
    const start = this.#space.take(bytes);
    try {
      this.#grow(start + bytes, bytes);
    } catch (error) {
      this.#space.give(start, bytes);
      throw error;
    }
    return start;
  }

  #grow(needed: number, asked: number): void {
    const held = this.#memory.buffer.byteLength;
    if (needed <= held) return;
    const refuse = (): never => {
      throw new OutOfMemoryError(
        `cpu: this step needs ${sizeInWords(asked)} beside ${sizeInWords(needed - asked)} in use; WebAssembly holds ${sizeInWords(MEMORY_BYTES)}. Choose what takes less memory.`,
        { bytes: asked },
      );
    };
    if (needed > MEMORY_BYTES) refuse();
    try {
      this.#memory.grow(Math.ceil((needed - held) / PAGE));
    } catch {
      refuse();
    }
  }
}

/** What one instruction of a program took. */
export interface InstructionTime {
  readonly node: Node;
  readonly milliseconds: number;
}

/** Where a program's words lie. */
interface Code {
  readonly kernels: Kernels;
  readonly start: number;
  readonly words: number;
}

/** A plan in WebAssembly memory. */
export class WasmProgram implements Program {
  readonly ahead = 0;
  readonly #plan: Plan;
  readonly #memory: WebAssembly.Memory;
  readonly #arena: number;
  readonly #code: Code;
  readonly #release: () => void;
  #disposed = false;

  constructor(plan: Plan, memory: WebAssembly.Memory, arena: number, code: Code, release: () => void) {
    this.#plan = plan;
    this.#memory = memory;
    this.#arena = arena;
    this.#code = code;
    this.#release = release;
  }

  write(name: string, data: Float32Array | Int32Array): void {
    const value = this.#plan.inputs.get(name) ?? this.#plan.states.get(name);
    if (value === undefined) throw new EngineError(`cpu: there is no input or state ${name} to write.`);
    if (data.length !== value.storage.size) throw new EngineError(`cpu: ${name} holds ${value.storage.size} numbers, got ${data.length}.`);
    if (value.dtype === 'i32') this.#integers(value).set(data);
    else this.#floats(value).set(data);
  }

  run(): Promise<void> {
    if (this.#disposed) return Promise.reject(new EngineError('cpu: this program was disposed.'));
    const { kernels, start, words } = this.#code;
    // A program of views alone meets the team at no barrier: the next one could overwrite its words before a helper has read them.
    if (words > 0) kernels.run(start, start + words * 4);
    return Promise.resolve();
  }

  /** One pass with a clock around every instruction. Slower than {@link run}: the team is called for each. */
  profile(): InstructionTime[] {
    if (this.#disposed) throw new EngineError('cpu: this program was disposed.');
    const { kernels, start, words } = this.#code;
    const code = new Uint32Array(this.#memory.buffer, start, words);
    let at = 0;
    return this.#plan.nodes.filter(isInstruction).map((node) => {
      const next = at + (code[at + 1] ?? words);
      const before = performance.now();
      kernels.run(start + at * 4, start + next * 4);
      const milliseconds = performance.now() - before;
      at = next;
      return { node, milliseconds };
    });
  }

  read(name: string): Promise<Float32Array> {
    const value = this.#named(name);
    return Promise.resolve(rowMajor(value, this.#floats(value), new Float32Array(sizeOf(value.shape))));
  }

  readIntegers(name: string): Promise<Int32Array> {
    const value = this.#named(name);
    return Promise.resolve(rowMajor(value, this.#integers(value), new Int32Array(sizeOf(value.shape))));
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#release();
  }

  #named(name: string): Value {
    const value = this.#plan.outputs.get(name) ?? this.#plan.states.get(name) ?? this.#plan.inputs.get(name);
    if (value === undefined) throw new EngineError(`cpu: there is no tensor ${name} to read.`);
    return value;
  }

  // Views are made anew each time: memory that grew has another buffer.
  #floats(value: Value): Float32Array {
    return new Float32Array(this.#memory.buffer, this.#address(value), value.storage.size);
  }

  #integers(value: Value): Int32Array {
    return new Int32Array(this.#memory.buffer, this.#address(value), value.storage.size);
  }

  #address(value: Value): number {
    return this.#arena + (this.#plan.offsets.get(value.storage.id) ?? 0);
  }
}

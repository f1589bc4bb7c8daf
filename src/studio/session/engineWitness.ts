import type { Engine } from '../../engines/engine.ts';
import type { RunKeeper } from '../runs/runKeeper.ts';
import type { RunRecord } from '../runs/runRecord.ts';

const DIFFERS = 'From here on its numbers may differ by rounding from those of a run that never stopped.';

function engineInWords(engine: Engine): string {
  const { name, detail } = engine.describe();
  return `${name} (${detail})`;
}

/** Notes what a run's steps are computed by, and tells once where that is not what the run was kept on. */
export class EngineWitness {
  readonly #keeper: RunKeeper;
  readonly #was: Pick<RunRecord, 'engine' | 'kernels'>;
  readonly #step: number;
  #kernels: Readonly<Record<string, string>> = {};
  /** Nothing to compare with, or told. */
  #silent: boolean;

  /** @param record of a run that begins or goes on; a new one names no engine */
  constructor(keeper: RunKeeper, record: RunRecord) {
    this.#keeper = keeper;
    this.#was = record;
    this.#step = record.done;
    this.#silent = record.engine === '';
  }

  /** The steps run on this engine from now on. */
  runsOn(engine: Engine): void {
    const words = engineInWords(engine);
    const same = words === this.#was.engine;
    // Of a device that was lost, the run tells by itself.
    if (!same) this.#tell(engine, `run: it goes on on another engine — expected ${this.#was.engine}, got ${words}. ${DIFFERS}`);
    // Until they are compiled again, those of the kept steps.
    this.#kernels = same ? (this.#was.kernels ?? {}) : {};
    this.#keeper.ranOn(words, this.#kernels);
  }

  /** A program was compiled, and may have brought kernels. */
  compiled(engine: Engine): void {
    const { kernels } = engine;
    if (kernels === undefined) return;
    const known = Object.entries(this.#was.kernels ?? {}).filter(([product]) => kernels.has(product));
    const others = known.filter(([product, code]) => kernels.get(product) !== code);
    if (others.length > 0)
      this.#tell(
        engine,
        `run: it goes on with other measured kernels — expected those of its kept steps, got others for ${others.length} of ${known.length} matrix products. ${DIFFERS}`,
      );
    this.#kernels = { ...this.#kernels, ...Object.fromEntries(kernels) };
    this.#keeper.ranOn(engineInWords(engine), this.#kernels);
  }

  /** The run has told of another engine. */
  replaced(): void {
    this.#silent = true;
  }

  #tell(engine: Engine, reason: string): void {
    if (this.#silent) return;
    this.#silent = true;
    this.#keeper.hear({ kind: 'engineDiffers', step: this.#step, engine: engine.describe(), reason });
  }
}

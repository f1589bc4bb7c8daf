import type { Contender, Job } from '../contender.ts';
import { randomMatrix, type Problem } from '../problems.ts';

/** jax-js, products only. */
export async function jaxJsContender(device: 'wasm' | 'webgpu'): Promise<Contender> {
  const { blockUntilReady, defaultDevice, init, numpy } = await import('@jax-js/jax');
  const started = await init(device);
  if (!started.includes(device)) throw new Error(`jax-js: it starts no ${device} here.`);
  defaultDevice(device);
  return {
    detail: `${device}, as it comes`,
    prepare(problem: Problem): Promise<Job | null> {
      if (problem.kind !== 'gemm') return Promise.resolve(null);
      const { m, k, n } = problem;
      const a = numpy.array(randomMatrix(m, k, 1)).reshape([m, k]);
      const b = numpy.array(randomMatrix(k, n, 2)).reshape([k, n]);
      // Operations use their arguments up; `ref` keeps them.
      return Promise.resolve({
        async run(times) {
          for (let i = 0; i < times; i++) {
            const c = await blockUntilReady(numpy.matmul(a.ref, b.ref));
            c.dispose();
          }
        },
        async output() {
          const data = await numpy.matmul(a.ref, b.ref).data();
          if (!(data instanceof Float32Array)) throw new Error('jax-js: expected a float32 product.');
          return data;
        },
        dispose() {
          a.dispose();
          b.dispose();
        },
      });
    },
  };
}

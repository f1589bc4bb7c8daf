import type { Contender, Job } from '../contender.ts';
import { randomMatrix, type Problem } from '../problems.ts';

/** Registers a backend of TensorFlow.js; how differs between browsers and Node. */
export type RegisterBackend = () => Promise<unknown>;

/** TensorFlow.js, products only. */
export async function tensorflowJsContender(backend: 'wasm' | 'webgpu', register: RegisterBackend): Promise<Contender> {
  const tf = await import('@tensorflow/tfjs');
  await register();
  if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js: it starts no ${backend} backend here.`);
  await tf.ready();
  return {
    detail: `${backend}, as it comes`,
    prepare(problem: Problem): Promise<Job | null> {
      if (problem.kind !== 'gemm') return Promise.resolve(null);
      const { m, k, n } = problem;
      const a = tf.tensor2d(randomMatrix(m, k, 1), [m, k]);
      const b = tf.tensor2d(randomMatrix(k, n, 2), [k, n]);
      return Promise.resolve({
        async run(times) {
          for (let i = 0; i < times; i++) {
            const c = tf.matMul(a, b);
            // The last read waits for all: the queue is served in order.
            if (i === times - 1) await c.data();
            c.dispose();
          }
        },
        async output() {
          const c = tf.matMul(a, b);
          const data = await c.data();
          c.dispose();
          return data;
        },
        dispose: () => tf.dispose([a, b]),
      });
    },
  };
}

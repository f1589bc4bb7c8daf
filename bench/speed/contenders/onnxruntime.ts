import { freshModel } from '../../../src/models/freshModel.ts';
import { encodeStudentOnnx } from '../../../src/export/onnxStudent.ts';
import { encodeOnnx } from '../../../src/formats/onnx/onnxModel.ts';
import type { Contender, Job } from '../contender.ts';
import { BATCH, batchOf, BERT, COMPARED_ROWS, randomMatrix, WEIGHTS_SEED, type Gemm, type Problem } from '../problems.ts';

/** onnxruntime-web on WebAssembly. Its own choice of threads is half the cores, so it is told. */
export async function onnxruntimeContender(threads: number): Promise<Contender> {
  const ort = await import('onnxruntime-web');
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = 'error';
  type Feeds = Record<string, InstanceType<typeof ort.Tensor>>;

  const jobOf = async (model: Uint8Array, feeds: Feeds, name: string, pick: (data: Float32Array) => ArrayLike<number>): Promise<Job> => {
    const session = await ort.InferenceSession.create(model, { executionProviders: ['wasm'] });
    return {
      async run(times) {
        for (let i = 0; i < times; i++) await session.run(feeds);
      },
      async output() {
        const data = (await session.run(feeds))[name]?.data;
        if (!(data instanceof Float32Array)) throw new Error(`onnxruntime-web: expected float32 ${name}.`);
        return pick(data);
      },
      dispose: () => void session.release(),
    };
  };

  return {
    detail: `WebAssembly, ${threads} threads`,
    prepare(problem: Problem): Promise<Job | null> {
      if (problem.kind === 'gemm') {
        const { m, k, n } = problem;
        const feeds = {
          a: new ort.Tensor('float32', randomMatrix(m, k, 1), [m, k]),
          b: new ort.Tensor('float32', randomMatrix(k, n, 2), [k, n]),
        };
        return jobOf(productModel(problem), feeds, 'c', (data) => data);
      }
      if (problem.kind !== 'forward') return Promise.resolve(null);
      const { ids } = batchOf(BATCH);
      const integers = (values: Int32Array): Feeds[string] =>
        new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [BATCH.batch, BATCH.sequence]);
      const feeds = {
        input_ids: integers(ids),
        attention_mask: integers(new Int32Array(ids.length).fill(1)),
        token_type_ids: integers(new Int32Array(ids.length)),
      };
      const rows = (data: Float32Array): Float32Array => {
        const out = new Float32Array(COMPARED_ROWS.length * BERT.vocabSize);
        COMPARED_ROWS.forEach((row, i) => out.set(data.subarray(row * BERT.vocabSize, (row + 1) * BERT.vocabSize), i * BERT.vocabSize));
        return out;
      };
      return jobOf(encodeStudentOnnx(freshModel(BERT, WEIGHTS_SEED), 'bench', {}), feeds, 'logits', rows);
    },
  };
}

/** Both operands are inputs, as in a training step: the runtime cannot pack one beforehand. */
function productModel({ m, k, n }: Gemm): Uint8Array {
  return encodeOnnx({
    name: 'product',
    producer: 'WID Studio',
    opset: 17,
    irVersion: 8,
    nodes: [{ name: 'product', type: 'MatMul', inputs: ['a', 'b'], outputs: ['c'], attributes: {} }],
    tensors: [],
    inputs: [
      { name: 'a', element: 'float32', shape: [m, k] },
      { name: 'b', element: 'float32', shape: [k, n] },
    ],
    outputs: [{ name: 'c', element: 'float32', shape: [m, n] }],
    metadata: {},
  }).model;
}

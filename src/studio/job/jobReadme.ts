import type { Recipe } from '../api/recipe.ts';

/** The packages that `cluster/` was tried with; `cluster/requirements.txt` says the same. */
export const TRIED = `torch==2.15.0
safetensors==0.8.0
transformers==5.24.0
datasets==5.2.0
`;

/** The README of a job's folder: what it is, the three commands, what comes back. @param name of the folder   @param teacher its name */
export function jobReadme(name: string, teacher: string, recipe: Recipe): string {
  const { mode, steps, batch, sequence, accumulation } = recipe;
  const parts = accumulation === 1 ? '' : `, in ${accumulation} micro-batches`;
  return `# ${name}: a run of WID Studio for PyTorch

Compresses ${teacher} by the recipe in \`run.json\`: mode \`${mode}\`, ${steps} steps of ${batch} x ${sequence} tokens${parts}. The teacher's
weights and the text are not in this folder. TEACHER below is a checkpoint folder or the id of a repository on the Hub, and must hold
the weights that the job was written for; TEXT is a file, a folder, or the id of a data set on the Hub.

    pip install -r requirements.txt
    pip install STUDIO/cluster          # STUDIO: a clone of WID Studio

Run one of these from the folder above this one:

    # one process: a CPU, or one GPU
    python -m wid_cluster ${name} --teacher TEACHER --text TEXT

    # all GPUs of one machine, in bf16
    torchrun --nproc-per-node gpu -m wid_cluster ${name} --teacher TEACHER --text TEXT --bf16

    # several machines, here four under SLURM
    srun --nodes 4 --ntasks-per-node 1 bash -c 'torchrun --nnodes 4 --nproc-per-node gpu --rdzv-backend c10d \\
      --rdzv-endpoint "$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1):29500" \\
      -m wid_cluster ${name} --teacher TEACHER --text TEXT --bf16'

The same command goes on after a kill, also with another number of processes that divides the batch. All processes must see this folder.
\`python -m wid_cluster --help\` lists the options: micro-batches, \`torch.compile\`, how often checkpoints are kept, TensorBoard.

While it trains, \`metrics.jsonl\` has a line a step, and \`checkpoints/\` the newest two states. At the end there are \`student/\`, which
\`from_pretrained\` reads, and \`run.record\` and \`run.student\`. Drop this folder on the studio's page, or:

    npm run compress -- runs import ${name} --out student

Then its curves stand beside those of other runs, and the studio compares attention and exports ONNX files that it has checked.
Exit codes: 0 done, 1 it failed, 2 what was given is wrong (\`torchrun\` itself ends with 1 in both cases).
`;
}

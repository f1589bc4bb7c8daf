"""`python -m wid_cluster JOB --teacher PATH --text PATH`, by itself or under `torchrun` or `accelerate launch`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser("wid_cluster", description="Trains a job that WID Studio wrote. The same command goes on after a kill.")
    parser.add_argument("job", type=Path, help="the folder that compress --job, or the studio's page, wrote")
    parser.add_argument("--teacher", required=True, help="folder of the checkpoint that the job was written for, or its id on the Hub")
    parser.add_argument("--revision", help="branch, tag or commit of the teacher's repository")
    parser.add_argument("--text", nargs="+", help=".txt, .jsonl, .csv, .tsv or .parquet files, folders of them, or the id of a data set on the Hub")
    parser.add_argument("--column", help="column or JSON field that holds the text (default: by name)")
    parser.add_argument("--split", default="train", help="of a data set on the Hub (default: train)")
    parser.add_argument("--configuration", help="of a data set on the Hub")
    parser.add_argument("--bf16", action="store_true", help="matrix products in bfloat16; weights, merge and AdamW stay float32")
    parser.add_argument("--accumulate", type=int, help="micro-batches of a step on every process (default: the recipe's, shared out)")
    parser.add_argument("--compile", action="store_true", help="compile the student's pass with torch.compile")
    parser.add_argument("--keep-every", type=int, default=500, help="steps between checkpoints (default: 500)")
    parser.add_argument("--tensorboard", action="store_true", help="write curves to JOB/tensorboard as well (needs the package tensorboard)")
    parser.add_argument("--device", help="cpu or cuda (default: cuda if there is one)")
    parser.add_argument("--threads", type=int, help="CPU threads of a process")
    parser.add_argument("--batches", type=Path, help="train on the batches in this safetensors file, to compare trainers")
    given = parser.parse_args()
    if given.text is None and given.batches is None:
        parser.error("expected --text, got none. Give the text to train on.")
    if given.keep_every < 1 or (given.accumulate is not None and given.accumulate < 1):
        parser.error("--keep-every and --accumulate: expected at least 1.")
    return given


def run() -> None:
    given = _parsed()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    import torch

    from .errors import DivergenceError, JobError
    from .job import read_job
    from .keeping import is_trained
    from .processes import Processes
    from .run import Run, Settings
    from .text import TextPlace

    if given.threads is not None:
        torch.set_num_threads(given.threads)
    if given.bf16:
        torch.set_float32_matmul_precision("high")
    processes = Processes(given.device)
    text = None if given.text is None else TextPlace(tuple(given.text), given.column, given.split, given.configuration)
    settings = Settings(
        teacher=given.teacher,
        revision=given.revision,
        text=text,
        batches=given.batches,
        bf16=given.bf16,
        parts=given.accumulate,
        compiled=given.compile,
        keep_every=given.keep_every,
        tensorboard=given.tensorboard,
    )
    code = 0
    try:
        job = processes.together(lambda: read_job(given.job))
        if processes.broadcast(is_trained(job), 0):
            if processes.first:
                print(f"{job.folder} is trained already. Import it, or remove run.student from it to train it again.", flush=True)
            processes.end()
            return
        Run(job, settings, processes).go()
    except JobError as error:
        if processes.first:
            print(error, file=sys.stderr, flush=True)
        code = 2
    except DivergenceError as error:
        if processes.first:
            print(error, file=sys.stderr, flush=True)
        code = 1
    except OSError as error:
        print(f"job: {error.filename or given.job} — {error.strerror or error}. Give it room, or rights; the same command then goes on.", file=sys.stderr, flush=True)
        os._exit(1)
    processes.end()
    sys.stdout.flush()
    # Threads that read text may be in the middle of it.
    os._exit(code)


if __name__ == "__main__":
    run()

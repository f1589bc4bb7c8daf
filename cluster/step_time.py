"""
Times a step of a job beside plain PyTorch: the same student trained on its own weights by torch.optim.AdamW, with the teacher's forward
pass if the job learns from it. Both run in turn on the same batch, so that a slow spell of the machine meets both; the fastest of each counts.

    python cluster/step_time.py JOB --teacher DIR --rounds 10
"""

from __future__ import annotations

import argparse
import time
from contextlib import nullcontext
from pathlib import Path

import torch

from wid_cluster.batches import masked, to_device
from wid_cluster.job import read_job, read_teacher
from wid_cluster.low_rank import is_whole
from wid_cluster.masking import mixed, slots_a_row
from wid_cluster.model import Batch, Laid
from wid_cluster.optimiser import NormLimit
from wid_cluster.packing import Packed
from wid_cluster.phases import compactor_phase, losses_of, low_rank_phase, merged_start, own_weights_phase
from wid_cluster.processes import Processes
from wid_cluster.step import Stepper


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("job", type=Path)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bf16", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    processes = Processes(None)
    device = processes.device
    job = read_job(given.job)
    teacher = {name: tensor.to(device) for name, tensor in read_teacher(job, given.teacher, None).items()}
    rows, length = int(job.recipe["batch"]), int(job.recipe["sequence"])

    def precision() -> torch.autocast | nullcontext[None]:
        return torch.autocast(device.type, torch.bfloat16) if given.bf16 else nullcontext()

    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(5, 8000, (rows, length), generator=generator, dtype=torch.int32).numpy()
    ids[:, 0], ids[:, -1] = job.special.classify, job.special.separate
    batch = masked(job, Packed(ids, None), [mixed(1, row) for row in range(rows)], job.masking)

    plan = job.phases[0]
    slots = rows * slots_a_row(length, job.masking)
    compactors = {name: tensor.to(device) for name, tensor in job.compactors.items()}
    whole = is_whole(job.blueprint.compactors.shapes, int(job.recipe["rank"]))
    make = compactor_phase if whole else low_rank_phase
    phase = make(job, plan, teacher, device, rows * length, slots)
    ours = Stepper(phase, processes, NormLimit(), precision, False)
    plain = own_weights_phase(job, plan, merged_start(job, teacher, compactors), teacher, device)
    optimiser = torch.optim.AdamW(list(plain.trained.values()), lr=1e-4, foreach=True)
    moved = to_device(batch, device)

    def step_ours() -> None:
        ours.step([batch])

    def step_plain() -> None:
        optimiser.zero_grad(set_to_none=True)
        with precision():
            _, target = losses_of(plain, plain.trained, moved)
        (target / slots).backward()
        torch.nn.utils.clip_grad_norm_(list(plain.trained.values()), 1.0)
        optimiser.step()

    def pass_of(laid: Laid, batch: Batch) -> None:
        with torch.no_grad(), precision():
            laid.answers(laid.at_positions(laid.encode(batch).hidden, batch))

    times: dict[str, list[float]] = {"job": [], "plain PyTorch": [], "teacher's pass alone": []}
    for _ in range(given.rounds + 1):
        for name, work in (("job", step_ours), ("plain PyTorch", step_plain), ("teacher's pass alone", lambda: pass_of(Laid(job.blueprint.teacher, teacher), moved))):
            begun = time.perf_counter()
            work()
            if device.type == "cuda":
                torch.cuda.synchronize()
            times[name].append(time.perf_counter() - begun)
    # The first round warms up.
    fastest = {name: min(found[1:]) for name, found in times.items()}
    trained = sum(tensor.numel() for tensor in phase.trained.values())
    rank = "whole compactors" if whole else f"rank {job.recipe['rank']}"
    print(f"{job.mode}, {rank}, {rows} x {length} tokens, {trained:,} trained numbers, {device.type}, {given.threads} threads, fastest of {given.rounds}:")
    for name, seconds in fastest.items():
        print(f"  {name}: {seconds:.3f} s")
    print(f"  job / plain PyTorch: {fastest['job'] / fastest['plain PyTorch']:.2f}")


if __name__ == "__main__":
    main()

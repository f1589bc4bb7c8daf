"""Losses, summed over the predicted tokens: a step of several micro-batches has one mean."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """In nats. logits [M, V], labels [M]; -1 = unused."""
    return F.cross_entropy(logits.float(), labels, ignore_index=-1, reduction="sum")


def divergence(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """t^2 KL(softmax(teacher / t) || softmax(student / t)) of the used slots, in nats; no gradient flows to the teacher."""
    ours = F.log_softmax(student.float() / temperature, -1)
    theirs = F.log_softmax(teacher.detach().float() / temperature, -1)
    rows = F.kl_div(ours, theirs, reduction="none", log_target=True).sum(-1)
    return temperature**2 * torch.where(labels >= 0, rows, 0).sum()


def hidden_loss(
    student: list[Tensor], teacher: list[Tensor], positions: Tensor, layer_map: list[int], projection: Tensor
) -> Tensor:
    """
    Mean square difference per dimension between the projected outputs of every student layer and those of its teacher layer, averaged
    over layers and summed over the predicted tokens (docs/method.md section 5.4). projection [d', d].
    """
    used = positions[:, None] >= 0
    rows = positions.clamp(min=0)
    total = projection.new_zeros(())
    for layer, source in enumerate(layer_map):
        mine = student[layer].reshape(-1, projection.shape[0])[rows]
        aim = teacher[source].reshape(-1, projection.shape[1])[rows]
        apart = torch.where(used, (mine @ projection - aim).float(), 0)
        total = total + (apart * apart).sum()
    return total / (projection.shape[1] * len(layer_map))

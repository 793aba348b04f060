"""Train any `nn.Module`: a plain loop, its losses, what happened in each epoch."""

from ecgnb.training.augmentation import augment_sequences
from ecgnb.training.history import History
from ecgnb.training.loop import fit, mean_loss, pick_device, predict, set_seed, train_one_epoch
from ecgnb.training.losses import DualLoss, FocalLoss, class_weights
from ecgnb.training.sequences import in_sequences, sequence_loss

__all__ = [
    "DualLoss",
    "FocalLoss",
    "History",
    "augment_sequences",
    "class_weights",
    "fit",
    "in_sequences",
    "mean_loss",
    "pick_device",
    "predict",
    "sequence_loss",
    "set_seed",
    "train_one_epoch",
]

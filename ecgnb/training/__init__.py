"""Train any `nn.Module`: a plain loop, its losses, what happened in each epoch."""

from ecgnb.training.augmentation import augment_sequences, augment_twelve
from ecgnb.training.history import History
from ecgnb.training.labels import fit_labels, predict_labels, prepare_leads
from ecgnb.training.loop import fit, mean_loss, pick_device, predict, set_seed, train_one_epoch
from ecgnb.training.losses import DualLoss, FocalLoss, class_weights
from ecgnb.training.pretraining import MaskedReconstruction, masked_error, pretrain
from ecgnb.training.sequences import in_sequences, sequence_loss

__all__ = [
    "DualLoss",
    "FocalLoss",
    "History",
    "MaskedReconstruction",
    "augment_sequences",
    "augment_twelve",
    "class_weights",
    "fit",
    "fit_labels",
    "in_sequences",
    "masked_error",
    "mean_loss",
    "pick_device",
    "predict",
    "predict_labels",
    "prepare_leads",
    "pretrain",
    "sequence_loss",
    "set_seed",
    "train_one_epoch",
]

"""Learn from recordings without labels: hide parts of the leads, and let the network say what stood there.

He et al. 2022, Masked autoencoders are scalable vision learners, doi:10.1109/CVPR52688.2022.01553, in small. Who
compares networks on some patients must not show it the recordings of those: they carry no labels, and still are the
test.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ecgnb.errors import UsageError
from ecgnb.training.augmentation import augment_twelve
from ecgnb.training.history import History
from ecgnb.training.loop import fit

HIDDEN_SAMPLES = 20  # of each piece that is hidden: 0.2 s at 100 Hz, two QRS complexes wide

STEP = 32  # samples that `features` of the networks describes at once


class MaskedReconstruction(nn.Module):
    """A network's convolutions, and a linear layer that reconstructs from them what was hidden.

    Parameters
    ----------
    network : nn.Module
        Has `n_samples`, `n_leads`, and `features`, (n, n_leads, 1, n_samples) to (n, channels, 1, n_samples / 32), as
        `ResNet1d` and `MicroECGNet` have. It is changed in place by training.
    share : float
        Of the pieces of each lead, how many are hidden, and of the leads, how many are hidden wholly.

    Raises
    ------
    UsageError
        For another network, or a share that is not within (0, 1).
    """

    def __init__(self, network: Any, share: float = 0.3) -> None:
        super().__init__()
        if not hasattr(network, "features") or not hasattr(network, "n_leads"):
            raise UsageError(f"{type(network).__name__} has no features to learn; expected resnet1d or micro_ecgnet")
        if not 0 < share < 1:
            raise UsageError(f"share={share}; expected a number between 0 and 1")
        self.network, self.share = network, share
        with torch.no_grad():
            example = torch.zeros(2, network.n_leads, 1, network.n_samples, device=next(network.parameters()).device)
            channels = network.eval().features(example).shape[1]
        self.reconstruct = nn.Conv2d(channels, network.n_leads * STEP, 1).to(example.device)

    def forward(self, signal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give what is reconstructed, what was there, and 1 where it was hidden: (n, n_leads, n_samples) each.

        A lead of zeros was not recorded; nothing is asked of it.
        """
        n, n_leads, n_samples = signal.shape
        hidden = self._hidden(signal)
        reconstructed = self.reconstruct(self.network.features((signal * ~hidden)[:, :, None]))[:, :, 0]
        reconstructed = (
            reconstructed.reshape(n, n_leads, STEP, -1).transpose(2, 3).reshape(n, n_leads, -1)[..., :n_samples]
        )
        recorded = (signal != 0).any(dim=2, keepdim=True)
        return reconstructed, signal, hidden & recorded

    def _hidden(self, signal: Tensor) -> Tensor:
        n, n_leads, n_samples = signal.shape
        n_pieces = -(-n_samples // HIDDEN_SAMPLES)
        pieces = torch.rand(n, n_leads, n_pieces, device=signal.device) < self.share
        leads = torch.rand(n, n_leads, 1, device=signal.device) < self.share
        return (pieces | leads).repeat_interleave(HIDDEN_SAMPLES, dim=2)[..., :n_samples]


def masked_error(output: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Mean error of what was hidden, as `fit` takes a loss: squared where small, absolute where large (Huber)."""
    reconstructed, signal, hidden = output
    error = nn.functional.smooth_l1_loss(reconstructed, signal, reduction="none") * hidden
    return error.sum() / hidden.sum().clamp(min=1)


def pretrain(
    network: nn.Module,
    signal: Tensor,
    *,
    epochs: int = 30,
    batch_size: int = 32,
    lr: float = 0.01,
    weight_decay: float = 0.01,
    seed: int = 0,
    verbose: bool = False,
) -> History:
    """Train a network's convolutions, in place, on recordings without labels; its read-out stays as it was.

    Parameters
    ----------
    network : nn.Module
        As for `MaskedReconstruction`.
    signal : (n, n_leads, longer) tensor
        As `prepare_leads` gives it; zeros in leads that were not recorded.
    epochs, batch_size, lr, weight_decay, seed, verbose
        As for `fit`, with one cycle of the learning rate.

    Returns
    -------
    History
        Its `train_loss` is the error of what was hidden, in the unit of the signal.

    Raises
    ------
    UsageError
        As `MaskedReconstruction` and `fit` do.
    """
    return fit(
        MaskedReconstruction(network),
        (signal,),
        None,
        masked_error,
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        weight_decay=weight_decay,
        seed=seed,
        augment=augment_twelve(int(network.n_samples)),  # type: ignore[arg-type]
        verbose=verbose,
    )

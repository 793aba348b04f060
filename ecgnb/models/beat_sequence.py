"""The network of lesson 06: a beat beside the recording's reference beat, its timing, and the beats around it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ecgnb.errors import ModelError
from ecgnb.models.layers import conv_block


class BeatSequenceNet(nn.Module):
    """Convolutions along a beat, then dilated convolutions along the beats of a recording.

    Dilated convolutions see far with few layers: van den Oord et al. 2016, arXiv:1609.03499; as a way to read
    sequences: Bai et al. 2018, arXiv:1803.01271.

    Parameters
    ----------
    n_samples : int
        Samples per beat; at least 8.
    n_classes : int
    reference : bool
        Whether each row holds the recording's reference beat, too.
    n_timing : int
        Numbers of timing at the end of each row.
    context : int
        Layers along the beats, the first over 3 neighbours, each further one twice as far: 3 of them see 7 beats to
        either side, none sees the beat alone.
    causal : bool
        Look at earlier beats only.
    channels : int
        Features of a beat.
    dropout : float
        Share of features that training switches off.

    Raises
    ------
    ModelError
        Where a size is too small, or a share is not within [0, 1).
    """

    def __init__(
        self,
        n_samples: int,
        n_classes: int = 5,
        reference: bool = True,
        n_timing: int = 4,
        context: int = 3,
        causal: bool = False,
        channels: int = 48,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if n_samples < 8 or n_classes < 2 or channels < 1 or n_timing < 0 or not 0 <= context <= 10:
            raise ModelError(
                f"n_samples={n_samples}, n_classes={n_classes}, channels={channels}, n_timing={n_timing}, "
                f"context={context}; expected at least 8 samples, 2 classes, a channel, and 0 to 10 layers of context"
            )
        if not 0 <= dropout < 1:
            raise ModelError(f"dropout={dropout}; expected a share within [0, 1)")
        self.widths = [n_samples] * (1 + reference) + [n_timing]  # of the parts of a row
        self.n_samples, self.n_numbers = n_samples, sum(self.widths)
        self.reference, self.causal = reference, causal
        self.shape = nn.Sequential(
            *conv_block(1 + reference, 16, 7, stride=2),
            *conv_block(16, 24, 5, stride=2),
            *conv_block(24, 32, 5, stride=2),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(32 * -(-n_samples // 8), 32),
        )
        # Logarithms of ratios are small numbers beside a description of 32: brought to one scale, they are heard.
        self.scale = nn.BatchNorm1d(n_timing, affine=False) if n_timing else nn.Identity()
        self.join = nn.Linear(32 + n_timing, channels)
        self.along = nn.ModuleList([nn.Conv1d(channels, channels, 3, dilation=2**k) for k in range(context)])
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(channels, n_classes)

    @property
    def reach(self) -> tuple[int, int]:
        """How many beats before and after a beat its scores depend on."""
        far = 2 ** len(self.along) - 1
        return (2 * far, 0) if self.causal else (far, far)

    def forward(self, rows: Tensor) -> Tensor:
        """Score each beat: (n_sequences, n_beats, n_numbers) to (n_sequences, n_beats, n_classes).

        A row holds a beat's samples, those of the reference beat, and the timing. Rows of one recording alone,
        (n_beats, n_numbers), give (n_beats, n_classes).
        """
        if rows.ndim not in (2, 3) or rows.shape[-1] != self.n_numbers:
            raise ModelError(f"rows of shape {tuple(rows.shape)}; expected (n_beats, {self.n_numbers}) of a recording")
        if rows.ndim == 2:
            return self.forward(rows[None])[0]
        features = self.features(rows).transpose(1, 2)  # (n_sequences, channels, n_beats)
        for number, layer in enumerate(self.along):
            step = 2**number
            around = (2 * step, 0) if self.causal else (step, step)
            seen = layer(functional.pad(features, around))
            features = features + self.dropout(functional.relu(seen))
        return self.head(features.transpose(1, 2))

    def features(self, rows: Tensor) -> Tensor:
        """Describe each beat by itself: (n_sequences, n_beats, n_numbers) to (n_sequences, n_beats, channels)."""
        *curves, timing = rows.split(self.widths, dim=-1)
        if self.reference:
            beat, reference = curves
            curves = [beat, beat - reference]
        image = torch.stack(curves, dim=-2)  # (n_sequences, n_beats, n_curves, n_samples)
        shape = self.shape(image.flatten(0, 1)[:, :, None]).unflatten(0, rows.shape[:2])
        timing = self.scale(timing.flatten(0, 1)).unflatten(0, rows.shape[:2])
        return functional.relu(self.join(torch.cat([shape, timing], dim=-1)))

"""The dual-loss models of lesson 03: encode a beat in 64 numbers, reconstruct it from them, and classify it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from ecgnb.errors import ModelError


class AutoencoderClassifier(nn.Module):
    """What the three models share: a latent vector from which a decoder reconstructs and a small head classifies.

    A subclass adds `encode`, (n, n_samples) to (n, latent_dim), and `decode`, (n, latent_dim) to (n, n_samples).

    Parameters
    ----------
    n_samples : int
        Samples per beat; at least 16.
    n_classes : int
    latent_dim : int
        Length of the latent vector.
    dropout : float
        Share of the head's inner units that training switches off.

    Raises
    ------
    ModelError
        Where a size is too small or a share is not within [0, 1).
    """

    def __init__(self, n_samples: int, n_classes: int, latent_dim: int, dropout: float) -> None:
        super().__init__()
        if n_samples < 16 or n_classes < 2 or latent_dim < 1:
            given = f"n_samples={n_samples}, n_classes={n_classes}, latent_dim={latent_dim}"
            raise ModelError(f"{given}; expected at least 16 samples, 2 classes and 1 latent number")
        if not 0 <= dropout < 1:
            raise ModelError(f"dropout={dropout}; expected a share within [0, 1)")
        self.n_samples = n_samples
        self.head = nn.Sequential(nn.Linear(latent_dim, 64), nn.ReLU(), nn.Dropout(dropout), nn.Linear(64, n_classes))

    def encode(self, signal: Tensor) -> Tensor:
        """Encode beats: (n, n_samples) to (n, latent_dim)."""
        raise NotImplementedError

    def decode(self, latent: Tensor) -> Tensor:
        """Reconstruct beats: (n, latent_dim) to (n, n_samples)."""
        raise NotImplementedError

    def forward(self, signal: Tensor, return_latent: bool = False) -> tuple[Tensor, ...]:
        """Reconstruct and classify beats.

        Parameters
        ----------
        signal : (n, n_samples), (n, 1, n_samples) or (n, n_samples, 1) tensor
        return_latent : bool

        Returns
        -------
        reconstruction : (n, n_samples)
        logits : (n, n_classes)
        latent : (n, latent_dim)
            Where it was asked for.
        """
        latent = self.encode(self._one_lead(signal))
        reconstruction = self.decode(latent)
        logits = self.head(latent)
        return (reconstruction, logits, latent) if return_latent else (reconstruction, logits)

    def _one_lead(self, signal: Tensor) -> Tensor:
        """Return beats of any of the three shapes as (n, n_samples)."""
        n = len(signal)
        if signal.shape not in ((n, self.n_samples), (n, 1, self.n_samples), (n, self.n_samples, 1)):
            raise ModelError(f"beats of shape {tuple(signal.shape)}; expected (n, {self.n_samples}), with one lead")
        return signal.reshape(n, self.n_samples)

    @staticmethod
    def reconstruction_loss(reconstruction: Tensor, signal: Tensor) -> Tensor:
        """Mean squared error, in the squared unit of the signal."""
        return mse_loss(reconstruction, signal.reshape(reconstruction.shape))

    @staticmethod
    def classification_loss(logits: Tensor, label: Tensor, weight: Tensor | None = None) -> Tensor:
        """Cross-entropy, with a weight for each class where given."""
        return cross_entropy(logits, label, weight)


class LSTMAutoencoderClassifier(AutoencoderClassifier):
    """Two LSTM layers read a beat, a fully connected layer is the bottleneck, two LSTM layers reconstruct it.

    After the idea of Liu et al. 2022, Biomedical Signal Processing and Control; not a replica of their network.

    Parameters
    ----------
    n_samples, n_classes, latent_dim, dropout
        As for `AutoencoderClassifier`.
    hidden_dim : int
        Width of the four LSTM layers.
    samples_per_step : int
        Samples the LSTM reads, and reconstructs, at each step; must divide `n_samples`. 1 is the textbook form.
    bottleneck : {"all", "last"}, optional
        Whether the fully connected layers join the latent vector to the states of all steps, or, as in the textbook, to
        the encoder's last state and one vector that the decoder sees at every step. Unless told otherwise "last" where
        `samples_per_step` is 1, else "all".

    Raises
    ------
    ModelError
        Where a size is out of range or `samples_per_step` does not divide `n_samples`; beats are never padded, for a
        padded sample would count in the reconstruction error.
    """

    def __init__(
        self,
        n_samples: int,
        n_classes: int = 5,
        hidden_dim: int = 128,
        latent_dim: int = 64,
        samples_per_step: int = 8,
        bottleneck: str | None = None,
        dropout: float = 0.3,
    ) -> None:
        super().__init__(n_samples, n_classes, latent_dim, dropout)
        if samples_per_step < 1 or hidden_dim < 1:
            raise ModelError(f"samples_per_step={samples_per_step}, hidden_dim={hidden_dim}; expected at least 1")
        if n_samples % samples_per_step:
            sizes = [size for size in range(1, n_samples + 1) if n_samples % size == 0]
            raise ModelError(
                f"samples_per_step={samples_per_step} does not divide n_samples={n_samples}; one of {sizes} does"
            )
        if bottleneck is None:
            bottleneck = "last" if samples_per_step == 1 else "all"
        if bottleneck not in ("all", "last"):
            raise ModelError(f"bottleneck={bottleneck!r}; expected 'all' or 'last'")
        self.samples_per_step = samples_per_step
        self.n_steps = n_samples // samples_per_step
        self.n_joined = self.n_steps if bottleneck == "all" else 1  # steps that the bottleneck is joined to
        self.encoder = nn.LSTM(samples_per_step, hidden_dim, num_layers=2, batch_first=True)
        self.squeeze = nn.Linear(self.n_joined * hidden_dim, latent_dim)
        self.spread = nn.Linear(latent_dim, self.n_joined * hidden_dim)
        self.decoder = nn.LSTM(hidden_dim, hidden_dim, num_layers=2, batch_first=True)
        self.read_out = nn.Linear(hidden_dim, samples_per_step)
        for lstm in (self.encoder, self.decoder):
            for name, weights in lstm.named_parameters():
                if name.startswith("weight_hh"):  # a state that is turned, not shrunk, is remembered for longer
                    for gate in weights.data.chunk(4):
                        nn.init.orthogonal_(gate)

    def encode(self, signal: Tensor) -> Tensor:
        """Encode beats: (n, n_samples) to (n, latent_dim)."""
        steps = signal.reshape(-1, self.n_steps, self.samples_per_step)
        states, _ = self.encoder(steps)  # (n, n_steps, hidden_dim)
        return self.squeeze(states[:, -self.n_joined :].flatten(1))

    def decode(self, latent: Tensor) -> Tensor:
        """Reconstruct beats: (n, latent_dim) to (n, n_samples)."""
        prepared = self.spread(latent).unflatten(1, (self.n_joined, -1))
        states, _ = self.decoder(prepared.expand(-1, self.n_steps, -1))  # (n, n_steps, hidden_dim)
        return self.read_out(states).flatten(1)


class CNNAutoencoderClassifier(AutoencoderClassifier):
    """What the two convolutional models share; each builds its own `encoder` and `decoder`.

    Parameters
    ----------
    n_samples, n_classes, latent_dim, dropout
        As for `AutoencoderClassifier`.

    Raises
    ------
    ModelError
        Where a size is out of range.
    """

    def __init__(self, n_samples: int, n_classes: int = 5, latent_dim: int = 64, dropout: float = 0.3) -> None:
        super().__init__(n_samples, n_classes, latent_dim, dropout)
        n_coarse = -(-n_samples // 16)  # positions after four halvings, each rounded up
        self.encoder, self.decoder = self.build(n_coarse, latent_dim)

    def build(self, n_coarse: int, latent_dim: int) -> tuple[nn.Sequential, nn.Sequential]:
        """Return the encoder, (n, 1, n_samples) to (n, latent_dim), and the decoder, to (n, 1, 16 n_coarse)."""
        raise NotImplementedError

    def encode(self, signal: Tensor) -> Tensor:
        """Encode beats: (n, n_samples) to (n, latent_dim)."""
        return self.encoder(signal[:, None])

    def decode(self, latent: Tensor) -> Tensor:
        """Reconstruct beats: (n, latent_dim) to (n, n_samples)."""
        return self.decoder(latent)[:, 0, : self.n_samples]


class SimpleCNN(CNNAutoencoderClassifier):
    """Four strided convolutions down to the latent vector, four transposed ones up again: about 65,000 parameters."""

    def build(self, n_coarse: int, latent_dim: int) -> tuple[nn.Sequential, nn.Sequential]:
        """Return encoder and decoder."""
        encoder = nn.Sequential(
            *_halve(1, 16, 7), *_halve(16, 32, 5), *_halve(32, 32, 5), *_halve(32, 24, 5),
            nn.Flatten(), nn.Linear(24 * n_coarse, latent_dim),
        )  # fmt: skip
        decoder = nn.Sequential(
            nn.Linear(latent_dim, 16 * n_coarse), nn.ReLU(), nn.Unflatten(1, (16, n_coarse)),
            *_double(16, 16), *_double(16, 16), *_double(16, 16), nn.ConvTranspose1d(16, 1, 4, stride=2, padding=1),
        )  # fmt: skip
        return encoder, decoder


class ComplexCNN(CNNAutoencoderClassifier):
    """Convolutions of three lengths side by side, three times over: about 3.3 million parameters.

    The multi-scale block is that of Szegedy et al. 2015, Going deeper with convolutions, DOI 10.1109/CVPR.2015.7298594,
    for one dimension.
    """

    def build(self, n_coarse: int, latent_dim: int) -> tuple[nn.Sequential, nn.Sequential]:
        """Return encoder and decoder."""
        encoder = nn.Sequential(
            *_halve(1, 32, 7), MultiScale(32, 96), MultiScale(96, 192), MultiScale(192, 288),
            nn.Flatten(), nn.Linear(288 * n_coarse, 368), nn.ReLU(), nn.Linear(368, latent_dim),
        )  # fmt: skip
        decoder = nn.Sequential(
            nn.Linear(latent_dim, 368), nn.ReLU(),
            nn.Linear(368, 96 * n_coarse), nn.ReLU(), nn.Unflatten(1, (96, n_coarse)),
            *_double(96, 64), *_double(64, 48), *_double(48, 32), nn.ConvTranspose1d(32, 1, 4, stride=2, padding=1),
        )  # fmt: skip
        return encoder, decoder


class MultiScale(nn.Module):
    """Convolutions of 3, 7 and 15 samples side by side, on half as many positions: (n, in, t) to (n, out, t / 2)."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Conv1d(channels_in, channels // 3, size, stride=2, padding=size // 2) for size in (3, 7, 15)
        )
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, maps: Tensor) -> Tensor:
        """Filter at three scales, and stack what they found."""
        return torch.relu(self.norm(torch.cat([branch(maps) for branch in self.branches], dim=1)))


def _halve(channels_in: int, channels: int, size: int) -> list[nn.Module]:
    """Filter at every other position: (n, in, t) to (n, out, t / 2), rounded up."""
    convolution = nn.Conv1d(channels_in, channels, size, stride=2, padding=size // 2)
    return [convolution, nn.BatchNorm1d(channels), nn.ReLU()]


def _double(channels_in: int, channels: int) -> list[nn.Module]:
    """Make two positions of each: (n, in, t) to (n, out, 2 t)."""
    convolution = nn.ConvTranspose1d(channels_in, channels, 4, stride=2, padding=1)
    return [convolution, nn.BatchNorm1d(channels), nn.ReLU()]

"""The LSTM autoencoder of lesson 01: encode a beat step by step into one latent vector, then reconstruct it."""

from __future__ import annotations

from torch import Tensor, nn

from ecgnb.errors import ModelError


class LSTMAutoencoder(nn.Module):
    """Two LSTM layers encode a beat to a latent vector, two decode it, and a linear layer gives the samples.

    After Malhotra et al. 2016, LSTM-based encoder-decoder for multi-sensor anomaly detection, arXiv:1607.00148.

    Parameters
    ----------
    n_samples : int
        Samples per beat.
    embedding_dim : int
        Length of the latent vector, the bottleneck between encoder and decoder.
    hidden_dim : int, optional
        Width of the outer layers; twice the embedding where it is not given.
    samples_per_step : int
        Samples the LSTM reads at each step; must divide `n_samples`. 1 is the textbook form.

    Raises
    ------
    ModelError
        Where a size is below 1 or `samples_per_step` does not divide `n_samples`.
    """

    def __init__(
        self, n_samples: int, embedding_dim: int = 8, hidden_dim: int | None = None, samples_per_step: int = 10
    ) -> None:
        super().__init__()
        hidden_dim = 2 * embedding_dim if hidden_dim is None else hidden_dim
        if min(n_samples, embedding_dim, hidden_dim, samples_per_step) < 1:
            raise ModelError("n_samples, embedding_dim, hidden_dim and samples_per_step must all be at least 1")
        if n_samples % samples_per_step:
            divisors = [size for size in range(1, n_samples + 1) if n_samples % size == 0]
            raise ModelError(
                f"samples_per_step={samples_per_step} does not divide n_samples={n_samples}; take one of {divisors}"
            )
        self.samples_per_step = samples_per_step
        self.n_steps = n_samples // samples_per_step
        self.encoder_outer = nn.LSTM(samples_per_step, hidden_dim, batch_first=True)
        self.encoder_inner = nn.LSTM(hidden_dim, embedding_dim, batch_first=True)
        self.decoder_inner = nn.LSTM(embedding_dim, embedding_dim, batch_first=True)
        self.decoder_outer = nn.LSTM(embedding_dim, hidden_dim, batch_first=True)
        self.read_out = nn.Linear(hidden_dim, samples_per_step)

    def encode(self, signal: Tensor) -> Tensor:
        """Return the latent vector of each beat: (n, n_samples) to (n, embedding_dim)."""
        steps = signal.reshape(len(signal), self.n_steps, self.samples_per_step)
        states, _ = self.encoder_outer(steps)  # (n, n_steps, hidden_dim)
        _, (last, _) = self.encoder_inner(states)  # (1, n, embedding_dim)
        return last[0]

    def decode(self, embedding: Tensor) -> Tensor:
        """Reconstruct beats from their latent vectors: (n, embedding_dim) to (n, n_samples)."""
        repeated = embedding[:, None].expand(-1, self.n_steps, -1)  # the decoder sees the vector at every step
        states, _ = self.decoder_inner(repeated)
        states, _ = self.decoder_outer(states)  # (n, n_steps, hidden_dim)
        return self.read_out(states).reshape(len(embedding), -1)

    def forward(self, signal: Tensor) -> Tensor:
        """Reconstruct beats: (n, n_samples) to (n, n_samples)."""
        return self.decode(self.encode(signal))

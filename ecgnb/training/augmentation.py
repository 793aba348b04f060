"""What an epoch sees of sequences of beats: inverted leads, noise, faster rhythms. Lesson 06 builds it by hand."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def augment_sequences(n_samples: int) -> Callable[[Tensor], Tensor]:
    """Return what changes some sequences of rows, (n, length, n_numbers), as `fit` takes it for `augment`.

    Half of the sequences are inverted, each gets noise of up to a twentieth of the reference beat's height, and in
    some of even rhythm the neighbours come nearer.

    Parameters
    ----------
    n_samples : int
        Of a beat; a row holds so many of the beat, as many of the reference beat, and the timing.
    """
    return lambda rows: inverted_and_noisy(faster(rows, n_samples), n_samples)


def inverted_and_noisy(rows: Tensor, n_samples: int) -> Tensor:
    """Invert half of the sequences, and add noise to the beats: same shape."""
    some = (len(rows), 1, 1)
    rows = rows.clone()
    sign = 2 * torch.randint(0, 2, some, device=rows.device) - 1
    rows[..., : 2 * n_samples] *= sign  # beat and reference
    strength = 0.05 * torch.rand(some, device=rows.device)
    rows[..., :n_samples] += strength * torch.randn_like(rows[..., :n_samples])
    return rows


def faster(rows: Tensor, n_samples: int) -> Tensor:
    """Bring the neighbours nearer in some sequences of even rhythm, as at 120 to 200 a minute: same shape."""
    even = rows[..., 2 * n_samples :].abs().amax(dim=(1, 2)) < 0.15
    chosen = even & (torch.rand(len(rows), device=rows.device) < 0.3)
    distance = int(torch.randint(36, 62, ()))  # samples, at 125 Hz
    beat, reference, timing = rows.split([n_samples, n_samples, rows.shape[-1] - 2 * n_samples], dim=-1)
    near = torch.zeros_like(reference)
    near[..., distance:] += reference[..., :-distance]
    near[..., :-distance] += reference[..., distance:]
    near = near * chosen[:, None, None]
    return torch.cat([beat + near, reference + near, timing], dim=-1)


def augment_leads(signal: Tensor) -> Tensor:
    """Change whole leads as other people, electrodes and rooms would: (n_leads, n_samples) at 250 Hz to the same.

    Each is 0.5 to 2 times as high, half are upside down, and each gets some wandering of its baseline (0.05 to 0.7 Hz),
    noise, and hum of 50 or 60 Hz: up to 0.15, 0.05 and 0.05 of its height, most of them far less. No wave moves.
    """
    n, n_samples = signal.shape
    device = signal.device

    def strength(most: float) -> Tensor:
        return most * torch.rand(n, 1, device=device) ** 3  # a cube: most are clean

    second = torch.arange(n_samples, device=device) / 250
    phase = 6.2832 * torch.rand(2, n, 1, device=device)
    slow = 0.05 + 0.65 * torch.rand(n, 1, device=device)
    mains = 50.0 + 10 * torch.randint(0, 2, (n, 1), device=device)
    wander = strength(0.15) * torch.sin(6.2832 * slow * second + phase[0])
    hum = strength(0.05) * torch.sin(6.2832 * mains * second + phase[1])
    noise = strength(0.05) * torch.randn_like(signal)
    height = 2 ** (2 * torch.rand(n, 1, device=device) - 1)
    sign = 2 * torch.randint(0, 2, (n, 1), device=device) - 1
    return height * sign * (signal + wander + hum + noise)


def augment_twelve(n_samples: int, *, mixing: float = 0.3, height: float = 0.2) -> Callable[[Tensor], Tensor]:
    """Return what takes some seconds of whole recordings and moves their electrodes, as `fit` takes it for `augment`.

    Parameters
    ----------
    n_samples : int
        Of the stretch that is cut out of each recording, (n, n_leads, longer) to (n, n_leads, n_samples).
    mixing : float
        As for `mixed_leads`.
    height : float
        Standard deviation of the logarithm of the factor on all leads of a recording.
    """

    def change(signal: Tensor) -> Tensor:
        part = mixed_leads(random_crop(signal, n_samples), mixing)
        return part * torch.exp(height * torch.randn(len(part), 1, 1, device=part.device))

    return change


def random_crop(signal: Tensor, n_samples: int) -> Tensor:
    """Cut a stretch out of each recording, anywhere: (n, n_leads, longer) to (n, n_leads, n_samples)."""
    start = torch.randint(0, signal.shape[-1] - n_samples + 1, (len(signal),), device=signal.device)
    return signal.unfold(-1, n_samples, 1)[torch.arange(len(signal)), :, start]


def mixed_leads(signal: Tensor, strength: float) -> Tensor:
    """Add to each lead some of the others, as another heart or electrode would: (n, n_leads, n_samples) to the same.

    All leads look at one heart from different sides. Where it lies otherwise in the chest, or an electrode sticks a
    little higher, each shows nearly a weighted sum of what they showed before.

    Parameters
    ----------
    signal : (n, n_leads, n_samples) tensor
    strength : float
        Standard deviation of the sum's weights, all leads taken together.
    """
    n, n_leads = signal.shape[:2]
    weight = strength / n_leads**0.5 * torch.randn(n, n_leads, n_leads, device=signal.device)
    return signal + weight @ signal

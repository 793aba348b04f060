"""What stands between ten seconds of twelve leads and the pretrained network: preparation, windows, and the file."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec

import numpy as np
import scipy
from numpy.typing import NDArray

from ecgnb.classifier.load import OF_TWELVE_LEADS, WEIGHTS
from ecgnb.datasets.twelve_leads import prepared_leads

FS = 100.0  # Hz, as the network reads

WINDOW, STEP = 250, 125  # samples that the network reads at once, and from one such window to the next

SURELY = 1e-6  # a probability is not taken to be nearer to 0 or 1

TwelveScores = Callable[[NDArray[np.float32]], NDArray[np.float64]]

WindowScores = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def over_windows(network: WindowScores) -> TwelveScores:
    """Return what scores whole recordings by a network that reads some seconds of them.

    The recordings are prepared as for training. What counts is the mean of the probabilities over windows that overlap
    by half, as in `training.predict_labels`, here as log odds.

    Parameters
    ----------
    network : callable
        (n, 12, 250) float32, prepared, to (n, 5) scores before the logistic function.

    Returns
    -------
    callable
        (n, 12, n_samples) float32, mV at 100 Hz, to (n, 5) log odds.
    """

    def scores(signal: NDArray[np.float32]) -> NDArray[np.float64]:
        prepared = prepared_leads(signal, FS)
        starts = range(0, prepared.shape[-1] - WINDOW + 1, STEP)
        parts = [scipy.special.expit(network(prepared[..., one : one + WINDOW]).astype(np.float64)) for one in starts]
        return np.asarray(scipy.special.logit(np.clip(np.mean(parts, axis=0), SURELY, 1 - SURELY)))

    return scores


@cache
def twelve_network() -> TwelveScores:
    """Return what gives the pretrained network's scores: by onnxruntime where it is installed, else by PyTorch.

    It takes (n, 12, 1000) float32, ten seconds in mV at 100 Hz, the leads as in `LEADS`, and gives (n, 5) log odds, not
    calibrated, in the order of `SUPERCLASSES`.
    """
    if find_spec("onnxruntime"):
        import onnxruntime

        from ecgnb.classifier.trial import session_options

        content = WEIGHTS.joinpath(f"{OF_TWELVE_LEADS}.onnx").read_bytes()
        session = onnxruntime.InferenceSession(content, session_options(), providers=["CPUExecutionProvider"])
        return over_windows(lambda part: session.run(None, {"signal": np.ascontiguousarray(part)})[0])
    import torch  # it takes a second or two to import

    from ecgnb.models import load_pretrained
    from ecgnb.training.loop import predict

    network = load_pretrained(OF_TWELVE_LEADS)
    return over_windows(lambda part: predict(network, torch.from_numpy(part)).numpy())

"""Helper package of a notebook course on deep learning for ECG."""

from importlib.metadata import version

__version__ = version("ecgnb")

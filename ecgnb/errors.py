"""The errors a user of the course can meet; each message says what was given, what was expected and what to do."""

from __future__ import annotations


class EcgnbError(Exception):
    """Base of all errors that are the user's to mend, shown as one line by the command line."""


class UsageError(EcgnbError):
    """A name, type or value that the called function or command does not take."""


class DataError(EcgnbError):
    """A data set that is absent, damaged, or cannot be fetched or stored."""


class NoEcgError(DataError):
    """A signal that does not look like an ECG, so that no beat of it is named."""


class ModelError(EcgnbError):
    """A model that is unknown, or a model file that cannot be used."""


class TrainingError(EcgnbError):
    """A training run that cannot go on, such as one whose loss is not a number."""


class RunError(EcgnbError):
    """A run folder that cannot be used, or a lesson that failed while it ran."""


def plain_text(value: object, most: int = 200) -> str:
    """Return what somebody else wrote as one short line without control characters, for errors that quote it."""
    text = "".join(sign if sign.isprintable() else " " if sign.isspace() else "?" for sign in str(value)[: most + 1])
    return text if len(text) <= most else f"{text[: most - 1]}…"

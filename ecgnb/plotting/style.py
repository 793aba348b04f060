"""The house style, and one fixed colour for each class of beat."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from threading import RLock

import matplotlib as mpl
import matplotlib.pyplot as plt

# Okabe and Ito's colours, told apart by colour-blind readers too. Classes that mean the same share one in all lessons.
CLASS_COLOURS = {
    "Normal": "#0072B2",
    "R-on-T PVC": "#E69F00",
    "PVC": "#D55E00",
    "SP": "#009E73",
    "UB": "#444444",
    "N": "#0072B2",
    "S": "#009E73",
    "V": "#D55E00",
    "F": "#CC79A7",
    "Q": "#444444",
    "SVEB": "#009E73",
    "VEB": "#D55E00",
    "Other": "#444444",
}

UNSURE_COLOUR, FOREIGN_COLOUR = "#8A6D00", "#56B4E9"  # of a beat not classified; of a class of somebody else's model

# Told apart by form, too, as in the app.
CLASS_MARKERS = {"N": "o", "S": "s", "V": "^", "F": "D", "Q": "P", "SVEB": "s", "VEB": "^", "?": "X"}

_ONE_AT_A_TIME = RLock()

TRAIN_COLOUR, VAL_COLOUR, ALARM_COLOUR = "#0072B2", "#E69F00", "#CC0000"


def class_colour(label: str) -> str:
    """Return a class's colour; also of a beat that is not classified, and of a class this course does not know."""
    return UNSURE_COLOUR if label == "?" else CLASS_COLOURS.get(label, FOREIGN_COLOUR)


def class_marker(label: str) -> str:
    """Return a class's form, as matplotlib calls it."""
    return CLASS_MARKERS.get(label, "o")


def use_style() -> None:
    """Take the house style for all figures that follow."""
    plt.style.use(str(files("ecgnb.plotting").joinpath("ecgnb.mplstyle")))


@contextmanager
def on_paper() -> Iterator[None]:
    """Draw as on paper, whatever style a notebook has taken: the same bytes each time.

    Matplotlib's settings are everybody's, so one thread draws at a time: an app has several.
    """
    with (
        _ONE_AT_A_TIME,
        mpl.style.context("default"),
        mpl.rc_context({"svg.hashsalt": "ecgnb", "svg.fonttype": "path"}),
    ):
        yield

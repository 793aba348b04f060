"""The house style, and one fixed colour for each class of beat."""

from __future__ import annotations

from importlib.resources import files

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

TRAIN_COLOUR, VAL_COLOUR, ALARM_COLOUR = "#0072B2", "#E69F00", "#CC0000"


def use_style() -> None:
    """Take the house style for all figures that follow."""
    plt.style.use(str(files("ecgnb.plotting").joinpath("ecgnb.mplstyle")))

"""What each class of beat means, in words for everybody."""

from __future__ import annotations

from typing import NamedTuple

from ecgnb.classifier.result import UNSURE


class Meaning(NamedTuple):
    """A class's name, what it is, and what a person might do about it."""

    name: str
    what: str
    then: str


MEANINGS = {
    "N": Meaning(
        "Normal or bundle branch block",
        "The beat started where beats should start, or at least above the ventricles, and was not early. A block of "
        "one bundle branch, which widens the beat, counts here too.",
        "Nothing to do about a single such beat. It does not mean that the heart is healthy: much of heart disease "
        "leaves single beats as they are.",
    ),
    "S": Meaning(
        "Supraventricular premature beat",
        "The beat came early, from the atria or the node between atria and ventricles. Most people have some.",
        "A few are harmless. Many, or fast runs of them, are worth showing to a doctor. In people that it has not met "
        "the network misses some and calls others wrongly, most of all in an uneven rhythm: look at the model's card.",
    ),
    "V": Meaning(
        "Ventricular premature beat",
        "The beat came early and from a ventricle: wide, with another shape, often with a pause after it.",
        "Single ones are common. Many of them, or several in a row, belong before a doctor; with dizziness, fainting "
        "or chest pain, at once.",
    ),
    "F": Meaning(
        "Fusion beat",
        "A normal and a ventricular beat at the same moment, half of each in shape.",
        "It means what ventricular beats mean. The network takes many other beats for it: look at the shape yourself.",
    ),
    "Q": Meaning(
        "Paced or not classifiable",
        "A pacemaker made the beat, or experts could not say what it was.",
        "This network has hardly seen any: do not rely on it for a heart with a pacemaker.",
    ),
    UNSURE: Meaning(
        "Not classified",
        "The network is less sure than you asked for, or the beat is not whole.",
        "Look at the beat and its neighbours yourself. Much noise, another lead or an upside-down one are the usual "
        "reasons.",
    ),
}

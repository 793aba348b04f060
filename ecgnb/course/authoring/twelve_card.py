"""The model card of the network of twelve leads, from the numbers of the run that made it."""

from __future__ import annotations

import functools
import textwrap
from typing import Any

from ecgnb.classifier.label_certainty import CANNOT_SAY, NO, SURE, YES
from ecgnb.classifier.twelve_checks import BROKEN, LEAST_ECG, USUAL_ECG
from ecgnb.course.authoring.text import markdown_table
from ecgnb.datasets.own.twelve import MOST_ERROR
from ecgnb.datasets.ptbxl import SUPERCLASS_NAMES


def card(found: dict[str, Any]) -> str:
    """Return the card of the network, with the numbers of the run that made it."""
    run, rows = found["run"], []
    for name, one in found["labels"].items():
        low = f"{name} ({SUPERCLASS_NAMES[name]})"
        rows.append(
            {"superclass": low, "records": f"{one['records']}", "AUROC": _interval(one["auroc"])}
            | {"calibration error": _interval(one["calibration error"])}
            | {"nobody can say": f"{one[CANNOT_SAY]['share'][0]:.0%}"}
        )
    promises = [
        {"superclass": name}
        | {
            what: "none" if one[key]["share"] is None else f"{_interval(one[key]['share'])} of {one[key]['of']}"
            for what, key in (
                ("have it: not answered no", "not denied"), ("lack it: not answered yes", "not asserted"),
                ("yes is right", YES), ("no is right", NO),
            )
        }
        for name, one in found["labels"].items()
    ]  # fmt: skip
    return _wrapped(CARD.format(
        **{name.replace(" ", "_"): one for name, one in run.items()}, macro=_interval(found["macro AUROC"]),
        features=_interval(found["macro AUROC of features"]),
        kb=4 * run["weights"] / 1000,
        scores="\n".join(markdown_table(rows)), answers="\n".join(markdown_table(promises)),
        made=", ".join(f"{name} {number}" for name, number in run["versions"].items()),
        sure=SURE, least_ecg=LEAST_ECG, usual_ecg=USUAL_ECG, broken=BROKEN, most_error=MOST_ERROR,
    ))  # fmt: skip


def _wrapped(text: str) -> str:
    """Return text whose paragraphs fill their lines; headings and tables stay."""
    parts = text.strip("\n").split("\n\n")
    fill = functools.partial(textwrap.fill, width=120, break_long_words=False, break_on_hyphens=False)
    return "\n\n".join(part if part[0] in "#|" else fill(part) for part in parts) + "\n"


def _interval(estimate: list[float]) -> str:
    return "{:.2f} ({:.2f} to {:.2f})".format(*estimate)


CARD = """# Model card: twelve_leads

Says of ten seconds of twelve leads which of five superclasses they show. Made by
`python -m ecgnb.course.authoring twelve`; do not edit.

**Input.** Ten seconds of the twelve standard leads at 100 Hz in mV, and nothing else: neither age nor sex. **Output.**
A score of each of NORM, MI, STTC, CD, HYP; any number of them may hold, or none. `classify_twelve` makes calibrated
probabilities of them, and "yes", "no" or "cannot say". {weights:,} weights ({kb:.0f} kB). The ONNX twin's scores are
within {gap:.0e} of PyTorch's.

**Training data.** {records} recordings of {patients} patients: the part of PTB-XL 1.0.3 that the course verifies
(Wagner et al. 2020, doi:10.1038/s41597-020-0495-6; data doi:10.13026/kfzx-aw45), licence CC BY 4.0. That is 2 % of
PTB-XL, and it is little: networks of the whole of it do much better (Strodthoff et al. 2021,
doi:10.1109/JBHI.2020.3022989). {without} of the recordings have none of the five labels. SHA-256 of the list of its
files: `{sha256}`.

**Training.** {epochs} epochs of all {records}, batches of {batch_size}, AdamW, one-cycle with peak {lr}, weight decay
{weight_decay}: {members} times, with seeds from 0 on, and the mean of what the {members} members say counts. The recipe
was chosen on half of the patients. {seconds} s on {threads} thread(s), cross-validation included. {made}.

**Test.** There is no patient left to test it on, so the numbers are those of {folds} networks made alike, each scored
on one of {folds} parts of the patients that it never met, all records of a patient in one part. Probabilities (Platt)
and the bounds of the answers were fitted to the scores of the other parts. 95 % intervals over patients; they do not
say how much another training would differ. The shipped network learned from all, and is probably no worse. Mean AUROC
{macro}. On the same parts logistic regressions of textbook measurements (`twelve_features`) reach {features}: of so few
recordings a network learns no more than a textbook measures.

{scores}

The calibration error is the mean distance between probability and share, in ten bins; of so few records chance alone
makes some hundredths of it.

**What the answers promise.** Of the records that have a superclass nine in ten are not answered "no", of those that
lack it nine in ten not "yes" (class-conditional conformal sets: Vovk 2012, arXiv:1209.2673; from cross-validation:
Vovk 2015, doi:10.1007/s10472-013-9368-4). Of a rare superclass that alone would make most of the "yes" wrong, so an
answer has a calibrated probability of {sure:g} or more, too. Else it is "cannot say". How often the promise was kept,
and how often an answer was right, with Wilson intervals as if each record were of another patient:

{answers}

**What is refused, what is doubtful.** No answer at all: fewer than {least_ecg} of twelve leads look like an ECG, flat
leads, two leads that are one, a chest lead missing, less than ten seconds, Einthoven's law broken by more than
{broken:.0%}, a size that no heart has. "Cannot say" throughout: the arm wires look exchanged, the chest leads reversed
or leads upside down, fewer than {usual_ecg} leads look like an ECG, a lead lost for half a second, Einthoven's law off
by more than {most_error:.0%}, leads made of one or two, chest leads that do not beat with the limb leads, size or rate
beyond those of the training records. Of the {records} records the first rule refuses {refused}, the second silences
{doubtful}; they were set on these very records.

**Limits.** For learning and research, not for diagnosis. One source, recorded in Germany between 1989 and 1996 with
devices of one maker. "Normal" is what somebody called normal; {checked:.0%} of the labels were checked by a human.
Infarction means old and new alike, and a normal ECG does not rule one out. Of electrodes in wrong places only
exchanged arms and reversed chest leads are looked for, and not always found: done to the {records} records on paper,
{swapped_doubtful} are doubted with the arms' wires exchanged, {reversed_doubtful} with the chest leads in the order V6
to V1, {inverted_doubtful} with all leads upside down. A sampling rate that is wrong by a factor is doubted where the
heart rate becomes one that the network never met, and not otherwise. Children and pacemakers were not tested by
themselves, nor was any other database: LUDB, whose leads were scaled one by one, is refused.
"""

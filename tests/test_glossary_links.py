"""The glossary's links: where a word is the term, and where it is another word or part of another name."""

import sys

import pytest
from conftest import ROOT

pytest.importorskip("sphinx", reason="it comes with the extra `book`")
sys.path.insert(0, str(ROOT / "notebooks" / "pages"))
from docutils import nodes
from ecgnb_glossary import ONLY, Glossary, in_running_text

TERMS = [
    *("lead", "gate", "probe", "risk", "attention", "confidence", "confidence interval", "calibration", "causal"),
    *("temperature", "stacking", "AUROC", "macro AUROC", "autoencoder", "denoising autoencoder", "onset, offset"),
    *("premature beat", "bundle branch block", "PVC", "ST segment", "limb leads", "LSTM", "epoch"),
]
GLOSSARY = Glossary(TERMS)


def linked(sentence, bold=False):
    return [(term, sentence[start:end]) for term, start, end in GLOSSARY.mentions(sentence, bold)]


@pytest.mark.parametrize(
    ("sentence", "term", "word"),
    [
        ("Each lead looks from another side.", "lead", "lead"),
        ("The recording has two leads, and V1 is one.", "lead", "leads"),
        ("We read lead II of it.", "lead", "lead"),
        ("A gate looks at the signal first.", "gate", "gate"),
        ("Then a probe tells what the vector holds.", "probe", "probe"),
        ("Its confidence is 0.8.", "confidence", "confidence"),
        ("Confidence is no certainty.", "confidence", "Confidence"),
        ("A 95 % confidence interval stands beside it.", "confidence interval", "confidence interval"),
        ("The macro AUROC weighs all labels alike.", "macro AUROC", "macro AUROC"),
        ("A denoising autoencoder gives the clean beat.", "denoising autoencoder", "denoising autoencoder"),
        ("Coverage falls, risk falls.", "risk", "risk"),
        ("These are PVCs.", "PVC", "PVCs"),
        ("At the onset of the P wave.", "onset, offset", "onset"),
        ("Six limb leads come from three electrodes.", "limb leads", "limb leads"),
    ],
)
def test_a_term_is_found_in_its_forms(sentence, term, word):
    assert linked(sentence) == [(term, word)]


@pytest.mark.parametrize(
    "sentence",
    [
        "A few labelled minutes lead most of the way.",
        "This leads to another question, and that leads nowhere.",
        "Which leads us to the test.",
        "It takes the lead to a detector.",
        "It has gates of its own; gates multiply.",
        "Let us probe the network.",
        "Patients at risk of a stroke.",
        "Pay attention to the axis.",
        "A calibration pulse of 1 mV.",
        "A body temperature of 38 degrees.",
        "A non-causal filter looks ahead.",
        "The stacking of chairs.",
        "Unleaded.",
    ],
)
def test_a_verb_or_another_word_is_not(sentence):
    assert linked(sentence) == []


def test_part_of_a_longer_name_is_never_linked_by_itself():
    """Not even the second time, when the longer name has its link already."""
    twice = "The macro AUROC is 0.9. A second macro AUROC is 0.8, and an AUROC is 0.7."
    assert [word for _, word in linked(twice)] == ["macro AUROC", "macro AUROC", "AUROC"]


def test_bold_says_that_a_word_is_the_term():
    for term in ONLY:
        assert linked(term) == [] and linked(term, bold=True) == [(term, term)]
    assert linked("Gates", bold=True) == [], "those of an LSTM"


def test_no_link_in_lists_of_references_or_of_sections():
    references = nodes.section("", nodes.title("", "References"), nodes.paragraph("", "Attention is all you need."))
    starts = nodes.paragraph("", "Starts from: Calibration; The data.")
    prose = nodes.paragraph("", "Attention lets every place look at every other.")
    document = nodes.section("", nodes.title("", "Attention"), prose, starts, references)
    found = [text.astext() for text in document.findall(nodes.Text) if in_running_text(text)]
    assert found == [prose.astext()]

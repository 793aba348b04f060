# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Reconstruct and classify a heartbeat: does one task help the other?
#
# ![One beat of each class, N, S, V, F and Q, in its class's colour, and over it the
# reconstruction that the network made from 64 numbers.](images/03_hero.png)

# %% [markdown]
# **You will** train one network with two losses, one for reconstructing a heartbeat and
# one for classifying it, and find out whether either task gains from the other.
#
# **You will learn** to
# - *combine* two losses with weights, and watch each one on its own,
# - *compare* a deep autoencoder with its linear counterpart before you believe in it,
# - *ask* whether a latent space holds the class of a beat or the patient,
# - *judge* the reconstruction error as a sign of an abnormal beat,
# - *answer* a yes-or-no question by an ablation with paired intervals.
#
# **You need** lessons 01 (autoencoders, reconstruction error, AUROC) and 02 (AAMI classes,
# ways to split, macro F1, intervals over records).
#
# > **About this lesson.**
# > <!-- times:start -->
# > *Reading:* about 25 minutes, 90 with every line of code.
# > *Running*, as measured on cpu, 2 threads: smoke 32 s · default 5.8 min; on NVIDIA H200: full 6.2 min.
# > <!-- times:end -->
# > It's a long one. A good place for a break is marked halfway.
# >
# > *Data:* the MIT-BIH Arrhythmia Database (Moody and Mark 2001, ODC-By 1.0), as in
# > lesson 02; here each beat has 288 samples at 360 Hz.
# >
# > *Words* in **bold** are explained where they first come up, and in the
# > [glossary](pages/glossary.md).
# >
# > For learning and research, not for diagnosis.

# %% [markdown]
# An **autoencoder** **reconstructs** a beat: it encodes it in a few numbers, the **latent
# vector**, and makes the beat again from these. A classifier says what kind of beat it is.
# Could both read the same latent vector, and be the better for it? That is the idea of Liu
# et al. 2022. What follows is no replica of their network, and uses other splits.
#
# Two kinds of text follow. Sentences with numbers are made by the code, from your run. Where
# the text says *in the recorded runs*, it means the default run shown here and the full run,
# whose numbers stand side by side in the book.

# %% [markdown]
# The next cell holds everything you may want to change, among it the **hyperparameters**,
# what we set before training. Two words in it may be new. In the **one-cycle** schedule the learning rate rises and falls once
# over the whole training. **bfloat16** is a number format of half the length: a processor
# computes faster with it, and a little more roughly.

# %% tags=["parameters"]
data: str = "auto"  # where the recordings come from {auto, real, synthetic}
model: str = "lstm_autoencoder_classifier"  # or simple_cnn, or complex_cnn
split: str = "patient-wise"  # how beats are divided {patient-wise, beat-wise, hybrid}
test_records: list[str] = []  # to test on, as ['207', '217']; none: those of DS2
adapt_minutes: float = 5.0  # hybrid: minutes of each test patient [0.1, 29]
class_weights: bool = False  # weigh each class by its rarity in the loss
oversample: bool = False  # sample training beats so that each class comes equally often
focal_loss: bool = False  # count a beat less, the more confident the network is
alpha: float = 1.0  # weight of the reconstruction loss [0, 1000]
beta: float = 1.0  # weight of the classification loss [0, 1000]
samples_per_step: int = 8  # samples the LSTM reads a step; divides 288 [1, 288]
latent_dim: int = 64  # length of the latent vector [2, 1024]
epochs: int = 4  # epochs of the main training [1, 1000]
batch_size: int = 64  # beats per gradient step [1, 100000]
lr: float = 0.005  # peak learning rate of the one-cycle schedule [1e-6, 1]
train_beats: int = 16000  # training beats, sampled at random [100, 1000000]
compare_epochs: int = 4  # epochs of each network of a comparison [1, 1000]
compare_beats: int = 5000  # training beats of each of them [100, 1000000]
compare_every: int = 4  # they are tested on one in so many test beats [1, 100]
n_seeds: int = 1  # trainings of each mixture in the ablation [1, 20]
bf16: bool = True  # compute in bfloat16 where PyTorch deems it safe
seed: int = 0  # of samples, first weights, order of batches [0, 4294967295]
output_dir: str = ""  # folder for the results; empty for a new one below runs/

# %% [markdown]
# ## Setup

# %%
import time
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from ecgnb import datasets, metrics, models, plotting, training
from ecgnb.classifier import Recipe
from ecgnb.course import Run, show_source, show_text
from ecgnb.errors import UsageError
from ecgnb.plotting import dual_loss
from ecgnb.training import DualLoss, FocalLoss, fit, predict, set_seed

plotting.use_style()

# %% [markdown]
# Settings that make no sense are refused here, before anything is trained.

# %% tags=["hide-input"]
lstm, other_models = "lstm_autoencoder_classifier", ("simple_cnn", "complex_cnn")
if model not in (lstm, *other_models):
    raise UsageError(f"model={model!r}; expected {lstm}, simple_cnn or complex_cnn")
DualLoss(alpha, beta)
models.create(lstm, n_samples=288, samples_per_step=samples_per_step)
train_records, held_records = datasets.divide_records(test_records)

# %% [markdown]
# A **recipe** says how a beat is cut from a recording: here from 0.3 s before the R peak to
# 0.5 s after it, 108 + 180 = 288 samples. It is saved with the network, so that whoever uses
# the network later cuts beats in the same way.

# %%
recipe = Recipe(before=108, after=180, fs=360.0, lead="MLII")
beats = datasets.load_mitdb(data, **recipe.window)
names = list(beats.class_names)
run = Run.start("03", globals(), beats)

# %% [markdown]
# ## The data
#
# The same 48 recordings as in lesson 02, at their own sampling rate. One beat is one row:

# %%
first = beats[0]
print("record", first.record[0], "class", first.class_name[0])
print(first.n_samples, "samples at", first.fs, "Hz")
print("the first five, in mV:", first.signal[0, :5].round(3))

# %% [markdown]
# Each beat becomes a **z-score**: shifted and scaled to mean 0 and standard deviation 1.
# So the network sees the *shape* of a beat and not its size.

# %%
scaled = recipe.scaled(beats.signal)  # (n, 288), z-scores
by_hand = (first.signal[0] - first.signal[0].mean()) / first.signal[0].std()
assert np.allclose(scaled[0], by_hand, atol=1e-3)

# %% [markdown]
# We keep each beat's standard deviation, its **scale**. With it an error in z-scores (what
# we train on) turns into mV (what a reader of an ECG knows).

# %%
x = torch.from_numpy(scaled)
y = torch.from_numpy(beats.label)  # (n,), 0 to 4
scale = beats.signal.std(axis=1)  # (n,), mV
patient = datasets.patient_of(beats.record)

assert beats.n_samples == 288 and torch.isfinite(x).all()
assert len(np.unique(beats.record)) == 48
if beats.source == "real":
    assert len(beats) + sum(beats.dropped.values()) == 109494

# %% [markdown]
# How many beats has each class, and what does its mean beat look like?

# %%
beats.counts().to_frame().T

# %% tags=["hide-input"]
run.show(
    plotting.plot_mean_beats(beats, before=recipe.before),
    "mean_beats",
    alt="Five panels, one a class: the mean beat over 0.8 seconds, in mV, with a "
    "band of one standard deviation.",
)

# %% [markdown]
# In the real recordings, N and S both have a narrow QRS complex: what sets an S beat apart
# is that it comes early, and a window of 0.8 s hardly shows that. V is wide, and its band is
# the widest: ventricular beats differ from patient to patient.
#
# ## Three ways to split
#
# *Starts from: The data. (After a restart of the kernel, run the cell of parameters,
# Setup and the sections that are named here, in this order; then you can go on with
# this one. Every section that needs others says so.)*
#
# **Patient-wise** (the literature says **inter-patient**) you know from lesson 02: no
# patient is on both sides.

# %%
by_patient = datasets.patient_split(
    beats.record, patient, beats.class_name, train=train_records, test=held_records
)
assert not set(patient[by_patient.train]) & set(patient[by_patient.test])

# %% [markdown]
# **Beat-wise** (**intra-patient**) you know too: beats are divided at random, so most
# patients are on both sides.

# %%
beat_wise = datasets.beatwise_split(beats.label, seed=seed, val=0.0)

# %% [markdown]
# The third is what a bedside monitor may do. **Hybrid**: patient-wise, but the first minutes
# of each test patient are trained on. The standard ANSI/AAMI EC57 allows a learning period
# of five minutes, and judges a program on what follows. Someone must label these minutes.

# %%
hybrid = datasets.hybrid_split(
    beats.record,
    patient,
    beats.class_name,
    start=(beats.r_sample - recipe.before) / recipe.fs,  # s
    end=(beats.r_sample + recipe.after) / recipe.fs,
    train=train_records,
    test=held_records,
    adapt_minutes=adapt_minutes,
)

# %%
parts = {"patient-wise": by_patient, "hybrid": hybrid, "beat-wise": beat_wise}
sizes = []
for part in parts.values():
    sizes.append({"train": len(part.train)} | beats[part.test].counts().to_dict())
pd.DataFrame(sizes, index=list(parts))  # test beats of each class

# %% tags=["hide-input"]
n_normal = int(np.sum(beats.label[hybrid.test] == 0))
if n_normal < 40:
    raise UsageError(
        f"test_records={test_records} have {n_normal} N beats to compare with; "
        "name more"
    )
if len(held_records) < 5:
    show_text("**Few test records:** an interval over records says little here.")

# %% [markdown]
# Before you trust a score of S, look at who has the S beats. From here on, `test` holds the
# test beats of the split that the parameters choose.

# %%
test = parts[split].test
s_beats = pd.Series(beats.record[test][beats.label[test] == 1])
s_by_record = s_beats.value_counts()
s_by_record.head(5).rename("S beats").to_frame().T

# %% tags=["hide-input"]
most_s = s_by_record.index[0] if len(s_beats) else "none"
share_most_s = s_by_record.max() / len(s_beats) if len(s_beats) else 0.0
show_text(
    f"Record {most_s} alone has **{share_most_s:.0%}** of the S beats in this test. "
    "Remember its number."
    if len(s_beats)
    else "There is no S beat in this test."
)

# %% [markdown]
# As in lesson 02, the macro F1 runs over all five classes beat-wise. Where patients are kept
# apart it runs over N, S and V, for few test patients have any F or Q beats.

# %%
over = {"patient-wise": range(3), "hybrid": range(3), "beat-wise": range(5)}
macro = metrics.macro_f1(over[split])

# %% [markdown]
# ## Baselines first
#
# *Starts from: The data; Three ways to split.*
#
# What is the simplest thing that reconstructs a beat from a few numbers, and classifies it
# from the same few? **Principal components** (PCA) reconstruct: they are the best *linear*
# autoencoder there is. A **logistic regression** on them classifies. Both take seconds.
#
# <details><summary>Guess first: how well do as many principal components as the network has latent numbers
# (64 by default) reconstruct a beat of 288 samples?</summary>
#
# Very well. A beat is smooth, so neighbouring samples say nearly the same. A network that
# encodes it in 64 numbers has to beat that, and it has to be trained.
# </details>

# %% [markdown]
# First, which beats do we train on? We shuffle the rows so that the first so many hold each
# class in its share, and keep every twentieth for validation.


# %%
def sample_rows(split_name, n_rows, sample_seed):
    """Return rows to train on, and rows of the same patients to validate on."""
    rows = parts[split_name].train
    rows = datasets.stratified_order(rows, beats.label, seed=sample_seed)
    held_out = np.arange(len(rows)) % 20 == 19  # every twentieth beat
    return rows[~held_out][:n_rows], rows[held_out][:2000]


# %%
train_rows, val_rows = sample_rows(split, train_beats, seed)
shares = pd.DataFrame(
    {
        "all": beats[parts[split].train].counts() / len(parts[split].train),
        "sample": beats[train_rows].counts() / len(train_rows),
    }
)
shares.T.map("{:.2%}".format)

# %% [markdown]
# ### Reconstruct: principal components

# %%
n_components = min(latent_dim, 288, len(train_rows))
pca = PCA(n_components, svd_solver="full").fit(scaled[train_rows])
pca_latent = pca.transform(scaled[test])  # (n, n_components)
pca_reconstruction = pca.inverse_transform(pca_latent)  # (n, 288)

# %% [markdown]
# The **mean squared error** (MSE) of a beat is taken over its 288 samples. Times the beat's
# squared scale, it is in mV².


# %%
def squared_error(rows, reconstruction):
    """Return each beat's mean squared error, (n,), in z-score²."""
    return ((np.asarray(reconstruction) - scaled[rows]) ** 2).mean(axis=1)


# %%
pca_error = squared_error(test, pca_reconstruction)  # z-score²
pca_error_mv = pca_error * scale[test] ** 2  # mV²
pca_error[:3].round(5), pca_error_mv[:3].round(7)

# %% [markdown]
# Fewer components, larger error. How fast does it grow?

# %%
table = []
for n in sorted({1, 2, 4, 8, 16, 32, 64, n_components}):
    keep = pca.components_[:n]  # (n, 288)
    few = pca.mean_ + (scaled[test] - pca.mean_) @ keep.T @ keep
    error = squared_error(test, few)
    table.append([len(keep), error.mean(), (error * scale[test] ** 2).mean()])
table = pd.DataFrame(table, columns=["components", "MSE (z-score²)", "MSE (mV²)"])
table.drop_duplicates("components").set_index("components").round(5)

# %% [markdown]
# The last row has as many components as our network has latent numbers, or all there are.
# The components were fitted to training beats and reconstruct test beats. *That* is what "a
# good reconstruction" means.
#
# ### Classify: logistic regression on the components


# %%
def regression():
    """Return a logistic regression on standardised columns."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))


linear = regression().fit(pca.transform(scaled[train_rows]), beats.label[train_rows])
linear_predicted = linear.predict(pca_latent)


# %% [markdown]
# Beats of one recording resemble each other, so all intervals are over records, as lesson 02
# explains. For that we need one confusion matrix a record.


# %%
def confusion(rows, predicted):
    """Return the confusion matrix of each record, (n_records, 5, 5)."""
    return metrics.confusion_by_record(
        beats.label[rows], predicted, beats.record[rows], n_classes=5
    )


baselines = {
    "majority class": confusion(test, np.zeros(len(test), dtype=int)),
    "PCA + logistic regression": confusion(test, linear_predicted),
}

# %%
measures = {
    "accuracy": metrics.accuracy,
    "macro F1": macro,
    "S sensitivity": metrics.of_class(metrics.recall, 1),
    "V sensitivity": metrics.of_class(metrics.recall, 2),
}
metrics.table(baselines, **measures)

# %% [markdown]
# Keep both rows in mind. "Always N" has a high accuracy and finds nothing: the macro F1 sees
# that, the accuracy doesn't.
#
# ## The model
#
# *Starts from: The data; Three ways to split.*
#
# Three networks are built alike: an **encoder** makes the latent vector (the
# **bottleneck**), a **decoder** reconstructs the beat from it, and a small **head**
# classifies it, by five **logits**: scores that a softmax turns into probabilities.


# %%
def new_network(kind, n_latent, network_seed):
    """Return a network with fresh weights."""
    own = {"samples_per_step": samples_per_step} if kind.startswith("lstm") else {}
    set_seed(network_seed)
    return models.create(kind, n_samples=288, latent_dim=n_latent, **own)


network = new_network(model, latent_dim, seed)
print(f"{models.count_parameters(network):,} parameters")

# %% tags=["hide-input"]
inner = {
    lstm: ("2 LSTM layers", f"{288 // samples_per_step} × 128"),
    "simple_cnn": ("4 convolutions", "24 × 18"),
    "complex_cnn": ("4 blocks of convolutions", "288 × 18"),
}
encoder, shape = inner[model]
decoder = encoder if model == lstm else "4 transposed conv."
decoded = shape if model == lstm else "1 × 288"

# %% tags=["hide-input"]
run.show(
    dual_loss.plot_two_heads(
        [
            ("beat", "288"),
            (f"encoder:\n{encoder}", shape),
            ("latent vector", latent_dim),
        ],
        [(f"decoder:\n{decoder}", decoded), ("reconstruction", 288)],
        [("head:\nlinear layer", 64), ("linear layer:\nlogits of N S V F Q", 5)],
    ),
    "network",
    alt=f"The network as boxes. A beat of 288 samples goes through the encoder, "
    f"{encoder}, into a latent vector of {latent_dim} numbers. From there one branch, "
    "the decoder, leads to the reconstruction; the other, the head, to five logits.",
)

# %% [markdown]
# Here is what happens to a batch of beats. The method `forward` is the same for all three
# networks; `encode` and `decode` are those of the one you chose.

# %%
show_source(type(network).forward)

# %%
show_source(type(network).encode)
show_source(type(network).decode)

# %% [markdown]
# And these are the layers. By default two LSTM layers read eight samples a step, so 36
# steps a beat; `squeeze` makes the latent vector from the states of *all* steps, `spread`
# prepares the decoder's steps from it, `read_out` gives eight samples a step. Convolutional
# networks halve the number of positions four times instead.

# %%
print(network)

# %% [markdown]
# Look at the shapes before you train anything.

# %%
reconstruction, logits, latent = network(x[:3], return_latent=True)
assert reconstruction.shape == (3, 288)
assert logits.shape == (3, 5)
assert latent.shape == (3, latent_dim)

# %% [markdown]
# ### Why several samples a step?
#
# In textbooks an LSTM reads one sample a step: 288 steps, each waiting for the one before.
# What does that cost? We time a few batches of the textbook form (one sample a step, a
# bottleneck at the last state alone, single precision, 32 beats a batch) and a few of ours.


# %%
def beats_per_second(network, n_beats, **options):
    """Return how many beats a second train, from the second of two epochs."""
    some = (x[:n_beats], x[:n_beats], y[:n_beats])
    history = fit(network, some, None, DualLoss(), epochs=2, verbose=False, **options)
    return n_beats / history.seconds[1]


# %% tags=["nbval-ignore-output"]
textbook = models.create(lstm, n_samples=288, samples_per_step=1)
rates = {"textbook": beats_per_second(textbook, 256, batch_size=32)}
rates["ours"] = beats_per_second(
    new_network(lstm, latent_dim, seed), 2048, batch_size=batch_size, bf16=bf16
)

# %% tags=["hide-input", "nbval-ignore-output"]
n_epoch = len(beat_wise.train)
show_text(
    f"An epoch of the {n_epoch:,} training beats of the beat-wise split would take "
    f"**{n_epoch / rates['textbook'] / 60:.1f} min** in the textbook form and "
    f"**{n_epoch / rates['ours'] / 60:.1f} min** with {samples_per_step} samples a "
    "step, on this machine."
)

# %% [markdown]
# ## Training with two losses
#
# *Starts from: all sections above.*
#
# $$L = \alpha \cdot \underbrace{\frac{1}{T} \sum_t (x_t - \hat x_t)^2}_{\text{mean squared
# error}} \; + \; \beta \cdot \underbrace{(-\log p_y)}_{\text{cross-entropy}}$$
#
# With $\beta = 0$ it is an autoencoder that never sees a label, with $\alpha = 0$ a plain
# classifier. In code:

# %%
show_source(DualLoss.forward)

# %% [markdown]
# By hand, for the three beats above:

# %%
mse = ((reconstruction - x[:3]) ** 2).mean()
p_true = logits.softmax(dim=1)[torch.arange(3), y[:3]]  # (3,)
by_hand = alpha * mse + beta * (-p_true.log()).mean()
computed = DualLoss(alpha, beta)((reconstruction, logits), x[:3], y[:3])
assert torch.isclose(by_hand, computed, rtol=1e-4)

# %% [markdown]
# The classification part may follow one of the class-imbalance strategies of lesson 02, if
# the parameters ask for it.


# %%
def head_loss(rows):
    """Return the loss of the head: cross-entropy, weighted or focal where asked for."""
    rarity = training.class_weights(beats.label[rows], 5)
    weight = rarity if class_weights else None
    return FocalLoss(2.0, weight) if focal_loss else nn.CrossEntropyLoss(weight)


def sample_weight(rows):
    """Return each beat's chance to be sampled, or None: each beat comes once."""
    rarity = training.class_weights(beats.label[rows], 5)
    return rarity[y[rows]] if oversample else None


# %% [markdown]
# The sum of two losses hides which of the two falls. So after each epoch we look at each
# loss on its own: on 2,000 beats that were trained on, and on validation beats of the same
# patients that were not.


# %%
def two_losses(network, rows):
    """Return the mean squared error (z-score²) and the cross-entropy of some beats."""
    reconstruction, logits = predict(network, x[rows], bf16=bf16)
    mse = ((reconstruction - x[rows]) ** 2).mean()
    cross_entropy = nn.functional.cross_entropy(logits, y[rows])
    return mse.item(), cross_entropy.item()


# %%
noted = []


def note_losses(epoch, network):
    """Note both losses after an epoch."""
    for part, rows in (("training", train_rows[:2000]), ("validation", val_rows)):
        noted.append([epoch, part, *two_losses(network, rows)])


# %% [markdown]
# Now train. `fit` runs the loop that lesson 01 shows, `train_one_epoch`; the inputs are the
# beats, and the loss needs the beats again (to compare with) and the labels.

# %% tags=["nbval-ignore-output"]
noted.clear()
network = new_network(model, latent_dim, seed)
history = fit(
    network,
    (x[train_rows], x[train_rows], y[train_rows]),
    None,  # no validation: all epochs are run, the last weights stay
    DualLoss(alpha, beta, head_loss(train_rows)),
    sample_weight=sample_weight(train_rows),
    epochs=epochs,
    batch_size=batch_size,
    lr=lr,
    weight_decay=0.01,
    bf16=bf16,
    seed=seed,
    after_epoch=note_losses,
)

# %%
curves = pd.DataFrame(noted, columns=["epoch", "part", "mse", "cross_entropy"])
pca_val = pca.inverse_transform(pca.transform(scaled[val_rows]))
pca_val_error = squared_error(val_rows, pca_val).mean()
val_mse, val_cross_entropy = two_losses(network, val_rows)

# %% tags=["hide-input"]
run.show(
    dual_loss.plot_two_losses(curves, reference=pca_val_error),
    "training_curves",
    alt="Two panels, the reconstruction loss and the classification loss by epoch, for "
    f"training and validation beats. On validation beats they end at {val_mse:.3f} "
    f"z-score² and {val_cross_entropy:.3f}. A dotted line marks the error of PCA, "
    f"{pca_val_error:.4f} z-score².",
)

# %% [markdown]
# What to look for: does each curve still fall when training ends? Do training and
# validation part, the sign of **overfitting**? And how far above the dotted line, the error
# of PCA, does the network stay? These beats tell when training is done. They don't tell how
# new patients fare.
#
# ### How the learning rate was chosen
#
# Many networks will be compared below, so we wrap the training in a function. With it, a
# small **hyperparameter search** on validation beats; no test beat has a part in it.


# %%
def train(
    rows, loss_weights, n_epochs, *, kind=model, n_latent=latent_dim, at=seed, rate=lr
):
    """Train a new network; `loss_weights` are alpha and beta, `at` is the seed."""
    network = new_network(kind, n_latent, at)
    history = fit(
        network,
        (x[rows], x[rows], y[rows]),
        None,
        DualLoss(*loss_weights, head_loss(rows)),
        sample_weight=sample_weight(rows),
        epochs=n_epochs,
        batch_size=batch_size,
        lr=rate,
        weight_decay=0.01,
        bf16=bf16,
        seed=at,
        verbose=False,
    )
    return network, history


# %%
search = []
few_rows, _ = sample_rows(split, compare_beats, seed)
for rate in (0.001, 0.005, 0.02):
    trial, _ = train(few_rows, (alpha, beta), compare_epochs, rate=rate)
    search.append([rate, *two_losses(trial, val_rows)])
search = pd.DataFrame(search, columns=["lr", "mse", "cross_entropy"]).set_index("lr")
search.round(4)

# %% tags=["hide-input"]
search["sum"] = alpha * search["mse"] + beta * search["cross_entropy"]
show_text(
    f"The weighted sum of both losses is lowest at {search['sum'].idxmin():g}; "
    f"this run uses a learning rate of {lr:g}."
)

# %% [markdown]
# Batch size and the form of the bottleneck were chosen in the same way while the lesson was
# written, on validation beats of the *beat-wise* split. So beats of DS2's patients took part in
# that choice, though no test beat of the beat-wise split did. That search isn't in the lesson. To repeat it,
# run the lesson with another `batch_size`: both validation losses are in its record. DS2 was
# scored more than once while the lesson was written, and no setting was picked by it.

# %% [markdown]
# ## Evaluation
#
# *Starts from: all sections above.*
#
# What the network makes of the test beats, in one place. Several networks will be tested, so
# it's a function again.


# %%
class Tested(NamedTuple):
    """What a network makes of n beats."""

    reconstruction: np.ndarray  # (n, 288), z-score
    probability: np.ndarray  # (n, 5)
    latent: np.ndarray  # (n, latent_dim)
    error: np.ndarray  # (n,), mean squared error in z-score²
    error_mv: np.ndarray  # (n,), the same in mV²
    matrices: np.ndarray  # (n_records, 5, 5), one confusion matrix a record
    seconds: float


# %%
def test_on(network, rows):
    """Test a network on some beats."""
    started = time.perf_counter()
    found = predict(network, x[rows], bf16=bf16, return_latent=True)
    seconds = time.perf_counter() - started
    reconstruction, logits, latent = (part.numpy() for part in found)
    error = squared_error(rows, reconstruction)
    return Tested(
        reconstruction,
        torch.from_numpy(logits).softmax(dim=1).numpy(),
        latent,
        error,
        error * scale[rows] ** 2,
        confusion(rows, logits.argmax(axis=1)),
        seconds,
    )


# %%
tested = test_on(network, test)
predicted = tested.probability.argmax(axis=1)

# %% tags=["hide-input"]
if not (alpha and beta):
    show_text("**One loss has no weight:** what it should have taught was not learned.")

# %% [markdown]
# ### Classification
#
# <details><summary>Guess first: will the network's accuracy be higher than that of "always N"?</summary>
#
# Remember how many beats are N. A network that looks for S and V beats also calls some N
# beats S or V, and accuracy counts that error like any other. The table says how this run came out.
# </details>

# %%
metrics.table({"our network": tested.matrices} | baselines, **measures)

# %%
beyond_majority = metrics.difference(
    tested.matrices, baselines["majority class"], metrics.accuracy
)
beyond_linear = metrics.difference(
    tested.matrices, baselines["PCA + logistic regression"], macro
)


# %% [markdown]
# Two differences with their intervals. What do they allow us to say? One rule for the whole
# lesson, in words:


# %%
def verdict(gap):
    """Say in words what a paired difference and its interval allow us to say."""
    if gap.value == gap.low == gap.high == 0:
        return "the same"
    direction = "higher" if gap.value > 0 else "lower"
    if gap.low > 0 or gap.high < 0:
        return f"{direction}, and the interval excludes zero"
    return f"{direction}, but the interval includes zero: this test can't tell"


# %% tags=["hide-input"]
show_text(
    f'**Accuracy** minus that of "always N": {beyond_majority:+.3f}. It is '
    f"{verdict(beyond_majority)}.\n\n"
    f"**Macro F1** minus that of PCA + logistic regression: {beyond_linear:+.3f}. It "
    f"is {verdict(beyond_linear)}."
)

# %% [markdown]
# In both recorded runs the accuracy on these beats is *below* that of "always N", though with
# these records the default run's interval includes zero. So an accuracy of more than 0.8
# sounds good and shows nothing. And in the recorded default run the macro F1 can't be told from that of the linear
# baseline: the interval of the difference includes zero.

# %% tags=["hide-input"]
total = tested.matrices.sum(axis=0)
found = pd.Series(metrics.recall(total), names).dropna()
run.show(
    plotting.plot_confusion_matrix(total, names, names),
    "confusion_matrix",
    alt="Confusion matrix of the test beats. Classified as what they are: "
    + ", ".join(f"{share:.0%} of {name}" for name, share in found.items())
    + ".",
)

# %%
metrics.in_words(metrics.report(tested.matrices, names))

# %% [markdown]
# ### Reconstruction
#
# The mean error with its interval over records, of the network and of PCA, on the same
# beats.


# %%
def totals(rows, error):
    """Return each record's sum of errors and number of beats."""
    return metrics.totals_by_record(error, beats.record[rows])


def mean_error(rows, error):
    """Return the mean error over beats, with its interval over records."""
    return metrics.estimate(totals(rows, error), metrics.mean_of_totals)


# %%
mse_mv = mean_error(test, tested.error_mv)
pca_mse_mv = mean_error(test, pca_error_mv)
beyond_pca = metrics.difference(
    totals(test, tested.error_mv), totals(test, pca_error_mv), metrics.mean_of_totals
)

# %% tags=["hide-input"]
show_text(
    f"Network: **{mse_mv:.5f} mV²**. PCA of {n_components} components: "
    f"**{pca_mse_mv:.5f} mV²**. The network's error is "
    f"{mse_mv.value / pca_mse_mv.value:.3g} times that of PCA. It is "
    f"{verdict(beyond_pca)}."
)

# %% [markdown]
# In the recorded runs PCA reconstructs far better, from as many numbers, and it took a
# second. More training helps: in the recorded full run, with all training beats and more
# epochs, the network's error is about half of that in the default run. It's still many times
# the error of PCA. The macro F1 over new patients is no higher there.
#
# Does reconstruction generalise to other patients? Compare the test beats with the
# validation beats, which are of the training patients.

# %%
whose = {
    "patient-wise": "of patients that were never met in training",
    "hybrid": "of patients whose first minutes were trained on",
    "beat-wise": "of patients that were trained on too",
}
ratios = {
    "network": tested.error.mean() / val_mse,
    "PCA": pca_error.mean() / pca_val_error,
}

# %% tags=["hide-input"]
show_text(
    f"The test beats are {whose[split]}. Error there over error on validation beats: "
    f"**{ratios['network']:.1f}** for the network, **{ratios['PCA']:.1f}** for PCA."
)

# %% [markdown]
# Around 1 means that the test beats are as easy as the validation beats. In the recorded
# default run, on unseen patients, the network's error is several times as large:
# reconstruction has to generalise just as classification has. PCA suffers less: smooth curves
# are built from the same few waves in everybody.
#
# ### The beats and their reconstructions
#
# One beat of each class: the one whose error is the median of its class, so neither the best
# nor the worst.

# %%
typical = []
for label in np.unique(beats.label[test]):
    of_class = np.flatnonzero(beats.label[test] == label)
    by_error = of_class[np.argsort(tested.error[of_class])]
    typical.append(by_error[len(by_error) // 2])

# %% tags=["hide-input"]
seconds_from_r = np.arange(-recipe.before, recipe.after) / recipe.fs
run.show(
    plotting.plot_reconstructions(
        x[test[typical]],
        tested.reconstruction[typical],
        beats.class_name[test[typical]],
        tested.error[typical],
        columns=len(typical),
        time=seconds_from_r,
    ),
    "hero",
    alt="One typical test beat of each class in its colour, and dashed over it its "
    f"reconstruction from {latent_dim} numbers; the gap between the two is shaded.",
)

# %%
errors = pd.DataFrame({"z-score²": tested.error, "mV²": tested.error_mv})
by_class = errors.groupby(beats.class_name[test]).mean()
by_class.reindex([name for name in names if name in by_class.index]).round(4)

# %% [markdown]
# ## The latent space: the class, or the patient?
#
# *Starts from: all sections above.*
#
# The **latent space** is the space of all latent vectors: each beat is one point in it. Two
# ways to look at it in two dimensions: **PCA** shows the directions of largest spread;
# **t-SNE** (van der Maaten and Hinton 2008) keeps near neighbours together and gives up on
# distances. Its `perplexity` is about how many neighbours count as near.
#
# <details><summary>Guess first: coloured by class, and then by record: which map is more orderly?</summary>
#
# The network was asked for shapes and classes, never for patients. But a patient's beats
# look alike, and most beats of a rare class come from few patients. Compare the islands in
# the two columns.
# </details>

# %%
rng = np.random.default_rng(seed)
shown = []
for label in range(5):
    shown.append(rng.permutation(np.flatnonzero(beats.label[test] == label))[:400])
shown = np.concatenate(shown)  # at most 400 beats of each class
points = tested.latent[shown]

# %%
perplexity = min(30, len(points) // 4)
maps = {
    "PCA": PCA(2).fit_transform(points),
    "t-SNE": TSNE(perplexity=perplexity, random_state=seed).fit_transform(points),
}

# %% tags=["hide-input"]
shown_class, shown_record = beats.class_name[test[shown]], beats.record[test[shown]]
run.show(
    dual_loss.plot_latent_maps(maps, shown_class, shown_record),
    "latent_space",
    alt="Four maps of the latent vectors, by PCA and by t-SNE, on the left coloured by "
    "class and on the right by record.",
)

# %% [markdown]
# Whose beats are the islands? For each class: the record that has the largest share of its
# beats shown above.

# %%
by_record = pd.crosstab(shown_class, shown_record, normalize="index")
islands = pd.DataFrame(
    {"largest part": by_record.idxmax(axis=1), "share": by_record.max(axis=1)}
)
islands.rename_axis("class").round(2)

# %% [markdown]
# In the recorded runs the big islands "of S" and "of F" are one record's each. Where a class
# comes from few patients, a tidy map by class and a tidy map by patient are the same map.
#
# ### Can one beat give its patient away?
#
# A test of **re-identification**: take an N beat of the second half of a recording, and find
# its nearest neighbour among the N beats of all first halves. Is it the same patient's?


# %%
def reidentified(latent, rows):
    """Return how often a late N beat's nearest early one is the same patient's."""
    normal = beats.label[rows] == 0
    points, person = latent[normal], patient[rows][normal]
    sample = pd.Series(beats.r_sample[rows][normal])
    middle = sample.groupby(beats.record[rows][normal]).transform("median")
    early = (sample < middle).to_numpy()
    nearest = KNeighborsClassifier(1).fit(points[early], person[early])
    return nearest.score(points[~early], person[~early])


# %% [markdown]
# One in a few test beats is enough here, and for the comparisons below. We sample them at
# random: a rhythm may repeat itself every second beat.

# %%
rng = np.random.default_rng(seed)
kept = rng.permutation(len(test))[: max(1, len(test) // compare_every)]
few_test = test[kept]
same_patient = {
    "network": reidentified(tested.latent[kept], few_test),
    "PCA": reidentified(pca_latent[kept], few_test),
}

# %% tags=["hide-input"]
chance = 1 / len(np.unique(patient[few_test]))
show_text(
    "The nearest neighbour is the same patient's in "
    f"**{same_patient['network']:.0%}** of cases for the network's latent vectors and "
    f"in **{same_patient['PCA']:.0%}** for principal components. By chance it would be "
    f"about {chance:.0%}."
)

# %% [markdown]
# Nobody asked for it, and yet in the recorded runs one beat's latent vector points to its
# recording. (Strictly to the recording: the electrodes of that half hour didn't move.) It
# wasn't learned either: PCA, which sees no more than the samples, does it as well. Anonymous
# beats aren't anonymous.
#
# > *Halfway: a good place for a break. So far you have one network with two heads, and three
# > surprises. Next comes the use of its error, and then the question of the title.*
#
# ## Does a high reconstruction error mean an abnormal beat?
#
# *Starts from: all sections above, but for: The latent space: the class, or the
# patient?*
#
# In lesson 01 the reconstruction error detected anomalies: that network had seen normal
# beats only, of one patient. Ours has learned to reconstruct V beats too. Six scores, each
# asked to rank the beats of a class above N beats:
#
# - the error of **our network**, in z-score² (the shape alone) and in mV² (where a tall beat
#   counts for more),
# - the **scale** of the window, which needs no network at all,
# - the error of a network trained **on N beats alone**, without labels,
# - the error of as many **principal components of N beats**,
# - the supervised score: our network's probability that the beat is **not N**.
#
# <details><summary>Guess first: which class will the error detect best, and which not at all?</summary>
#
# V best, with its strange form, and S not at all, for its form is normal? So one would
# think.
# </details>

# %%
normal_rows = train_rows[beats.label[train_rows] == 0]
normal_network, _ = train(normal_rows, (1.0, 0.0), epochs)
normal_tested = test_on(normal_network, test)

# %%
normal_pca = PCA(min(latent_dim, 288, len(normal_rows)), svd_solver="full")
normal_pca.fit(scaled[normal_rows])
normal_reconstruction = normal_pca.inverse_transform(normal_pca.transform(scaled[test]))

# %%
detectors = {
    "error of our network (z-score²)": tested.error,
    "error of our network (mV²)": tested.error_mv,
    "scale alone (mV)": scale[test],
    "error, trained on N alone (z-score²)": normal_tested.error,
    "error, PCA of N alone (z-score²)": squared_error(test, normal_reconstruction),
    "1 - probability of N": 1 - tested.probability[:, 0],
}


# %%
def auroc_against_normal(rows, score, name):
    """Return how well a score ranks a class above N; None for fewer than 20 beats."""
    either = np.isin(beats.class_name[rows], ["N", name])
    is_class = beats.class_name[rows][either] == name
    if is_class.sum() < 20:
        return None
    counts = metrics.histogram_by_record(
        score[either], is_class, beats.record[rows][either]
    )
    return metrics.estimate(counts, metrics.auroc_of_histogram)


# %%
auroc = {}
for detector, score in detectors.items():
    auroc[detector] = {name: auroc_against_normal(test, score, name) for name in "VSFQ"}
measured = [name for name in "VSFQ" if auroc["scale alone (mV)"][name]]

# %% tags=["hide-input"]
shown_auroc = pd.DataFrame(auroc).T[measured]
shown_auroc.map("{:.2f}".format)

# %% [markdown]
# The rule for reading: 1 is perfect, 0.5 is chance, below 0.5 the score ranks the wrong way
# round. A class with fewer than 20 test beats has no column. Read the column of V from the
# top down, and compare the first three rows: shape, shape and size, size alone.


# %%
def against_chance(found):
    """Say in words whether an AUROC can be told from chance."""
    if found.low > 0.5:
        return "better than chance"
    if found.high < 0.5:
        return "worse than chance"
    return "not told from chance"


# %% tags=["hide-input"]
lines = []
for name in measured:
    by_shape = auroc["error of our network (z-score²)"][name]
    best = shown_auroc[name].map(lambda one: one.value).idxmax()
    lines.append(
        f"- **{name}** by shape, our network: {by_shape:.2f}, "
        f"{against_chance(by_shape)}. Best of the six: {best}, {auroc[best][name]:.2f}."
    )
show_text("\n".join(lines) or "No class has 20 test beats.")

# %% [markdown]
# In the recorded runs, V beats of new patients aren't reconstructed worse than N beats: they
# are wide and smooth, and what is smooth is easy to reconstruct. In mV² the error seems to
# find them, until you see that *size* alone does it at least as well. No error comes near
# the classifier, which has seen what V looks like.
#
# The S beats are found by shape, of all things! Look at the width of the interval, and
# remember the record that has more than half of them: the error finds *that patient*
# (exercise 2). In lesson 01 there was one patient, whose normal beats were known. With many,
# the error says first how unfamiliar a patient is, and unfamiliar isn't abnormal.

# %% [markdown]
# ## The ablation: does the second loss help?
#
# *Starts from: all sections above, but for: Does a high reconstruction error mean an
# abnormal beat?*
#
# An **ablation** takes one part of a method away and looks at what changes. Here only the
# weights of the two losses differ; network, beats, epochs and seeds stay the same. In each
# row the two weights sum to 2.

# %%
mixtures = {
    "reconstruction only": (2.0, 0.0),
    "10 : 1": (20 / 11, 2 / 11),
    "1 : 1": (1.0, 1.0),
    "1 : 10": (2 / 11, 20 / 11),
    "classification only": (0.0, 2.0),
}

# %% [markdown]
# Each network is judged in four ways:
#
# - the macro F1 of its **head** (never trained in "reconstruction only"),
# - the macro F1 of a **probe**: a simple classifier, here a logistic regression, fitted
#   afterwards to the latent vectors of the training beats. It asks what these hold, whatever
#   they were trained for,
# - its reconstruction **error** (never trained in "classification only"),
# - how often its latent vector re-identifies the **patient**, as above.


# %%
def probe(network, rows, latent):
    """Classify latent vectors by a regression on those of the training rows."""
    learned = predict(network, x[rows], bf16=bf16, return_latent=True)[2]
    return regression().fit(learned.numpy(), beats.label[rows]).predict(latent)


# %%
def one_trial(mixture, at):
    """Train one network of the ablation with seed `at`, and judge it in four ways."""
    rows, _ = sample_rows(split, compare_beats, at)
    network, history = train(rows, mixtures[mixture], compare_epochs, at=at)
    found = test_on(network, few_test)
    return {
        "mixture": mixture,
        "network": network,
        "history": history,
        "tested": found,
        "head": found.matrices,
        "probe": confusion(few_test, probe(network, rows, found.latent)),
        "error": totals(few_test, found.error_mv),
        "same patient": reidentified(found.latent, few_test),
    }


# %%
trials = []
for mixture in mixtures:
    for at in range(seed, seed + n_seeds):
        trials.append(one_trial(mixture, at))
trials = pd.DataFrame(trials)

# %% [markdown]
# <details><summary>Guess first: how many of three mixtures must gain before you say "it helps"?</summary>
#
# One gain whose interval excludes zero is little: with three mixtures and two measures of
# the class, chance has six tries. And the interval is over records: it knows nothing of what
# another *training* would give.
# </details>

# %% [markdown]
# What does a mixture gain over the single loss? The differences are paired: in every
# bootstrap resample, both networks are tested on the same records.


# %%
def every(mixture, judged):
    """Return what was found of a mixture, one entry a seed."""
    return list(trials.loc[trials["mixture"] == mixture, judged])


def gain(mixture, alone, judged, statistic):
    """Return what a mixture gains over one loss alone, on the same records."""
    here, there = every(mixture, judged), every(alone, judged)
    return metrics.difference(sum(here), sum(there), statistic)


# %%
against = {
    "head": "classification only",
    "probe": "classification only",
    "error": "reconstruction only",
}
statistics = {"head": macro, "probe": macro, "error": metrics.mean_of_totals}
untrained = [("reconstruction only", "head"), ("classification only", "error")]

# %% [markdown]
# One row a mixture and measure: the level, the gain with its interval, and the gain of each
# training by itself.


# %%
def row_of(mixture, judged):
    """Return level and gain of a mixture by one measure."""
    statistic, alone = statistics[judged], against[judged]
    level = metrics.estimate(sum(every(mixture, judged)), statistic)
    gained = gain(mixture, alone, judged, statistic)
    each = []
    for here, there in zip(every(mixture, judged), every(alone, judged), strict=True):
        each.append(float(statistic(here.sum(axis=0)) - statistic(there.sum(axis=0))))
    return [mixture, judged, level, gained, each]


# %%
gains = []
for judged in against:
    for mixture in mixtures:
        if (mixture, judged) not in untrained:
            gains.append(row_of(mixture, judged))
gains = pd.DataFrame(gains, columns=["mixture", "measure", "level", "gain", "each"])

# %%
levels = gains.pivot_table("level", index="mixture", columns="measure", aggfunc="first")
levels["same patient"] = trials.groupby("mixture")["same patient"].mean()
levels = levels.loc[list(mixtures)]

# %% tags=["hide-input"]
shown_levels = levels.copy()
for column, digits in (("head", 3), ("probe", 3), ("error", 4)):
    as_text = levels[column].map(f"{{:.{digits}f}}".format, na_action="ignore")
    shown_levels[column] = as_text.fillna("–")
shown_levels["same patient"] = levels["same patient"].map("{:.0%}".format)
headings = {
    "head": "head, macro F1",
    "probe": "probe, macro F1",
    "error": "error (mV²)",
}
shown_levels.rename(columns=headings)[[*headings.values(), "same patient"]]

# %% tags=["hide-input"]
bounds = pd.DataFrame(list(gains["gain"]), columns=["gain", "gain_low", "gain_high"])
run.show(
    dual_loss.plot_gains(
        pd.concat([gains[["mixture", "measure", "each"]], bounds], axis=1),
        mixtures=list(mixtures),
        titles={
            "head": "Head: right is better",
            "probe": "Probe: right is better",
            "error": "Reconstruction: left is better",
        },
        xlabels={
            "head": "macro F1, minus classification only",
            "probe": "macro F1, minus classification only",
            "error": "mV², minus reconstruction only",
        },
    ),
    "ablation",
    alt="Three panels: what each mixture of the losses gains over the single loss, as "
    "a point with its interval over records; where there are several trainings, one "
    "red tick for each. Macro F1 of the head, of a probe, and reconstruction error.",
)

# %% tags=["hide-input"]
lines = []
pure = list(against.values())
for row in gains[~gains["mixture"].isin(pure)].itertuples():
    digits = 5 if row.measure == "error" else 3
    cells = [row.mixture, row.measure, f"{row.gain:+.{digits}f}", verdict(row.gain)]
    lines.append("| " + " | ".join(cells) + " |")
show_text(
    "| α : β | measure | gain | which is |\n|---|---|---|---|\n" + "\n".join(lines)
)

# %% [markdown]
# **Reconstruction** pays for classification, once that has some weight: in both recorded
# runs, at 1 : 1 and at 1 : 10, the error is higher and the interval excludes zero.
#
# And 10 : 1? In the recorded default run its error is *lower* than that of reconstruction
# only, and the interval excludes zero: by the rule above a gain. In the recorded full run,
# with more beats and three trainings each, it's level. Nothing is wrong with that interval.
# It asks what other *records* would give, and doesn't know that another *training* makes
# another network: another seed, even another number of threads, is enough.

# %% [markdown]
# **Classification** shows the same from another side. In neither recorded run does an interval
# of a head exclude zero. Of the probes one does: that of 1 : 10 gains in both recorded runs. Is
# that a result? The recorded full run trains each network three times, and of the three
# probes two gain and one loses. The interval knows of other records; a gain smaller than what
# another training does is none to rely on.
#
# What about yours? The figure and the table above are made from your run.

# %% tags=["hide-input"]
best = gains[gains["measure"] != "error"].copy()
best["value"] = [one.value for one in best["level"]]
best = best.loc[best["value"].idxmax()]
unsupervised = gain("reconstruction only", "classification only", "probe", macro)
show_text(
    f"The highest macro F1 in this table: the {best['measure']} of "
    f"**{best['mixture']}**, {best['level']:.3f}. The probe on reconstruction only, "
    f"minus the probe on classification only: {unsupervised:+.3f}. It is "
    f"{verdict(unsupervised)}."
)

# %% [markdown]
# The last sentence is worth a second look. A probe on *reconstruction only* is an autoencoder
# that never saw a label, plus a logistic regression. In both recorded runs the interval of its
# gain includes zero: it holds about as much of the class as the network that learned nothing
# but classes. (Its macro F1 may even be the highest in your table. Before you say that the
# unsupervised network wins, look at that interval.) So there is little for a second loss to
# gain.
#
# So, does the second loss help? In the recorded runs no head gains, one probe gains less than
# another training moves it, and the reconstruction pays once classification has some weight.
# What speaks for two losses in one network is that it's *one* network.
#
# ## Convolutional networks beside it
#
# *Starts from: all sections above, but for: The ablation: does the second loss help?*
#
# The same two losses train convolutional networks: a small one, and a large one with filters
# of three lengths side by side. We train each as briefly as in the ablation, at 1 : 1.

# %% tags=["nbval-ignore-output"]
rivals, rival_tests = {}, {}
for kind in (lstm, *other_models):
    rival, past = train(few_rows, (1.0, 1.0), compare_epochs, kind=kind)
    rival_tests[kind] = test_on(rival, few_test)
    rivals[kind] = {
        "parameters": models.count_parameters(rival),
        "train_beats_per_second": len(few_rows) * compare_epochs / sum(past.seconds),
        "inference_beats_per_second": len(few_test) / rival_tests[kind].seconds,
    }

# %%
for kind, found in rival_tests.items():
    rivals[kind] |= {
        "accuracy": metrics.accuracy(found.matrices.sum(axis=0)),
        "macro_f1": metrics.estimate(found.matrices, macro),
        "reconstruction_mse": found.error_mv.mean(),
        "anomaly_auroc_v": auroc_against_normal(few_test, found.error, "V"),
    }

# %% tags=["hide-input", "nbval-ignore-output"]
shown_rivals = pd.DataFrame(rivals).T
for column in ("parameters", "train_beats_per_second", "inference_beats_per_second"):
    shown_rivals[column] = shown_rivals[column].map("{:,.0f}".format)
shown_rivals["accuracy"] = shown_rivals["accuracy"].map("{:.3f}".format)
shown_rivals["macro_f1"] = shown_rivals["macro_f1"].map("{:.3f}".format)
error = shown_rivals.pop("reconstruction_mse")
shown_rivals["error (mV²)"] = error.map("{:.4f}".format)
shown_rivals.drop(columns="anomaly_auroc_v").T

# %% [markdown]
# Each of the other two over the LSTM network, and the paired difference in macro F1:

# %%
rival_gaps = {}
for kind in other_models:
    matrices = rival_tests[kind].matrices
    rival_gaps[kind] = metrics.difference(matrices, rival_tests[lstm].matrices, macro)


# %% tags=["hide-input", "nbval-ignore-output"]
def over_lstm(kind):
    """Say how a network compares with the LSTM network."""
    keys = ["parameters", "train_beats_per_second", "reconstruction_mse"]
    size, speed, error = (rivals[kind][key] / rivals[lstm][key] for key in keys)
    return (
        f"- **{kind}**: {size:.2f} times the parameters, {speed:.1f} times the speed "
        f"of training, {error:.2f} times the reconstruction error; macro F1 "
        f"{rival_gaps[kind]:+.3f}, {verdict(rival_gaps[kind])}."
    )


show_text("\n".join(over_lstm(kind) for kind in other_models))

# %% [markdown]
# One training each, and a learning rate that was chosen for the LSTM: take a difference
# seriously only if its interval excludes zero and another seed repeats it. In the recorded
# runs the small network trains several times as fast on a processor (on a GPU by a fifth)
# with a small part of the parameters, reconstructs best of the three, and classifies about
# as well. Nothing in 0.8 s of signal seems to ask for the memory of an
# LSTM. Lesson 04 goes on from here.
#
# ## Three splits, side by side
#
# *Starts from: The data; Three ways to split; Baselines first; The model; Training with
# two losses; Evaluation.*
#
# The same training on each split. The one that the parameters choose is there already.

# %%
by_split = {}
for name, part in parts.items():
    if name == split:
        by_split[name] = tested
        continue
    rows, _ = sample_rows(name, train_beats, seed)
    network_of_split, _ = train(rows, (alpha, beta), epochs)
    by_split[name] = test_on(network_of_split, part.test)

# %%
nsv = metrics.macro_f1(range(3))
split_matrices, split_mse = {}, {}
for name, found in by_split.items():
    split_matrices[name] = found.matrices
    split_mse[name] = mean_error(parts[name].test, found.error_mv)

# %% tags=["hide-input"]
split_table = metrics.table(split_matrices, **(measures | {"macro F1": nsv}))
split_table = split_table.rename(columns={"macro F1": "macro F1 of N, S, V"})
split_table["error (mV²)"] = [f"{found:.4f}" for found in split_mse.values()]
split_table.loc[list(parts)].T

# %% tags=["hide-input"]
all_five = metrics.estimate(by_split["beat-wise"].matrices, metrics.macro_f1(range(5)))
show_text(f"Over all five classes, the macro F1 beat-wise is {all_five:.3f}.")

# %%
reports = {}
for name in parts:
    reports[name] = metrics.report(by_split[name].matrices, names)

# %% tags=["hide-input"]
run.show(
    plotting.plot_measure_by_class(
        reports, "f1", ylabel="F1", title="F1 of each class, three splits"
    ),
    "splits",
    alt="F1 of each class with its interval under three splits: patient-wise, hybrid, "
    "beat-wise. F1 of S: "
    + ", ".join(f"{name} {one.loc['S', 'f1']:.2f}" for name, one in reports.items())
    + ".",
)

# %% [markdown]
# ### On the very same beats
#
# The three tests hold different beats. To see what five labelled minutes are worth, we
# compare patient-wise and hybrid on the beats that both test: those after the first minutes.

# %%
both_test = np.isin(by_patient.test, hybrid.test)
unmet = by_split["patient-wise"].probability[both_test].argmax(axis=1)
unmet = confusion(hybrid.test, unmet)  # (n_records, 5, 5)
met = by_split["hybrid"].matrices
adapted = metrics.difference(met, unmet, nsv)

# %% [markdown]
# And once more without the record that has most S beats.

# %%
most = met.sum(axis=2)[:, 1].argmax()
others = np.arange(len(met)) != most
adapted_others = adapted
if len(met) > 1:
    adapted_others = metrics.difference(met[others], unmet[others], nsv)

# %% tags=["hide-input"]
errors_of = {name: found.value for name, found in split_mse.items()}
show_text(
    f"With {adapt_minutes:g} minutes of the patient in training, the macro F1 over N, "
    f"S and V changes by {adapted:+.3f}: it is {verdict(adapted)}. Without record "
    f"{np.unique(beats.record[hybrid.test])[most]} it changes by "
    f"{adapted_others:+.3f}: it is {verdict(adapted_others)}.\n\n"
    "The reconstruction error is "
    f"{errors_of['hybrid'] / errors_of['patient-wise']:.2f} times that of patient-wise."
)

# %% [markdown]
# In the recorded runs a few labelled minutes of each test patient lead most of the way from
# the patient-wise macro F1 to the beat-wise one. That says what a beat-wise figure measures:
# new beats of known patients. The reconstruction gains too.
#
# But read the sentence about the one record. In the recorded runs, most of the gain in this
# mean is one patient's S beats, which five minutes are enough to learn. A mean over three
# classes, one of which comes mostly from one patient, is mostly that patient's score.
#
# ## What goes wrong
#
# *Starts from: The data; Three ways to split; Baselines first; The model; Training with
# two losses; Evaluation.*
#
# If reconstruction and classification went together, the beats that are classified wrongly
# would be the badly reconstructed ones. Are they?

# %%
outcome = pd.DataFrame({"record": beats.record[test], "error": tested.error})
outcome["wrong"] = predicted != beats.label[test]
outcome["rank"] = outcome.groupby("record")["error"].rank(pct=True)  # 1: the worst

# %% [markdown]
# `rank` compares a beat with the others of its record. Of the wrongly and of the rightly
# classified beats: which share is reconstructed worse than the median of the record? Again a
# table of two rows and two columns, one a record.

# %%
badly = (outcome["rank"] > 0.5).to_numpy()
two_by_two = metrics.confusion_by_record(
    outcome["wrong"].astype(int), badly.astype(int), beats.record[test], n_classes=2
)  # (n_records, rightly or wrongly, well or badly)


# %%
def wrong_minus_right(matrix):
    """Share of badly reconstructed beats, of the wrong ones minus of the right ones."""
    shares = matrix[..., 1] / matrix.sum(axis=-1)
    return shares[..., 1] - shares[..., 0]


# %% tags=["hide-input"]
if outcome["wrong"].nunique() == 2:
    of_right, of_wrong = outcome.assign(badly=badly).groupby("wrong")["badly"].mean()
    gap = metrics.estimate(two_by_two, wrong_minus_right)
    goes = "In this run the two errors go together."
    if gap.low <= 0:
        goes = "In this run the one error says little about the other."
    if gap.high < 0:
        goes = "In this run the wrong ones are even reconstructed better."
    show_text(
        "Reconstructed worse than the median of their record: "
        f"**{of_wrong:.0%}** of the wrongly classified beats, {of_right:.0%} of the "
        "rightly classified ones. The "
        f"difference is {gap:+.2f}: {verdict(gap)}. {goes}"
    )

# %% [markdown]
# Now look at the extremes, each of another record: the best reconstructions among the
# wrongly classified beats, and the worst among the rightly classified ones.

# %%
wrong = outcome[outcome["wrong"]].sort_values("error").drop_duplicates("record")
right = outcome[~outcome["wrong"]].sort_values("error", ascending=False)
right = right.drop_duplicates("record")
chosen = np.concatenate([wrong.index[:5], right.index[:5]])


# %% tags=["hide-input"]
def caption(position):
    """Say whose beat it is, what it is, and what it was classified as."""
    true, called = names[beats.label[test[position]]], names[predicted[position]]
    record, error = beats.record[test[position]], tested.error[position]
    return f"{record}: {true}, predicted {called}\nerror {error:.3f}"


# %% tags=["hide-input"]
run.show(
    plotting.plot_reconstructions(
        x[test[chosen]],
        tested.reconstruction[chosen],
        beats.class_name[test[chosen]],
        tested.error[chosen],
        time=seconds_from_r,
        titles=[caption(position) for position in chosen],
    ),
    "worst_errors",
    alt="Ten test beats and their reconstructions, each of another record. First "
    f"{min(5, len(wrong))} that are classified wrongly and have the smallest errors, "
    f"then {min(5, len(right))} that are classified rightly and have the largest.",
)

# %% [markdown]
# Upper row: hardly a gap, and the wrong class. Look for V beats that stand upright and are
# not very wide, and for N beats that are. Lower row: the right class beside a reconstruction
# that misses. Look for noise, for a neighbour's QRS complex at the edge of the window, for an
# annotation that lies beside its R peak.
#
# Reconstruction asks "do I know this curve?". Classification asks "on which side of a border
# does it lie?". With patients kept apart, in the recorded default run, the error of one said
# little about the error of the other.

# %% [markdown]
# ## Exercises
#
# **1. Fewer numbers** (about 15 minutes, of which a few are computing). Give a network and
# the principal components 8 latent numbers, with the training beats and epochs
# of the ablation, and reconstruction only. Which of the two reconstructs `few_test` better
# now, and why? Call the trained network `small`, and the reconstructions from eight
# components, fitted to training beats, `linear_8`: one row a beat of `few_test`, in z-scores.
#
# <details><summary>A solution</summary>
#
# ```python
# rows, _ = sample_rows(split, compare_beats, seed)
# small, _ = train(rows, (1.0, 0.0), compare_epochs, n_latent=8)
# eight = PCA(8).fit(scaled[rows])
# linear_8 = eight.inverse_transform(eight.transform(scaled[few_test]))
#
# linear_error_mv = squared_error(few_test, linear_8) * scale[few_test] ** 2
# print("network   ", mean_error(few_test, test_on(small, few_test).error_mv))
# print("components", mean_error(few_test, linear_error_mv))
# ```
#
# In the recorded default run the gap closes: with eight numbers the two come out about level.
# Where numbers are scarce, a curved surface through the beats begins to pay for its
# training; with 64 of them there's little left for the curve to win.
# </details>
# <details><summary>A check: <code>small, linear_8</code></summary>
#
# ```python
# n_latent = small(x[:2], return_latent=True)[2].shape[1]
# assert n_latent == 8, f"the latent vector of small has {n_latent} numbers, not 8"
# by_small = squared_error(few_test, predict(small, x[few_test])[0]).mean()
# fresh = predict(new_network(model, 8, seed), x[few_test])[0]
# assert by_small < 0.999 * squared_error(few_test, fresh).mean(), (
#     "small reconstructs no better than an untrained network"
# )
# known, _ = sample_rows(split, 2000, seed)
# on_known = squared_error(known, predict(small, x[known])[0]).mean()
# assert by_small > 0.7 * on_known, (
#     "small reconstructs test beats far better than training beats: on which was it trained?"
# )
#
# linear = np.asarray(linear_8, dtype=float)
# assert linear.shape == (len(few_test), 288), (
#     f"linear_8: expected {len(few_test)} beats of 288 samples, not {linear.shape}"
# )
# spread = np.linalg.svd(linear - linear.mean(axis=0), compute_uv=False)
# assert spread[8] <= 1e-3 * spread[0], "linear_8 needs more than 8 components"
#
# def from_eight(rows):
#     fitted = PCA(8, svd_solver="full").fit(scaled[rows])
#     return fitted.inverse_transform(fitted.transform(scaled[few_test]))
#
# for rows in (few_test, test, np.arange(len(x))):
#     assert not np.allclose(from_eight(rows), linear, atol=1e-2), (
#         "fit the components to training beats, not to test beats"
#     )
# honest = squared_error(few_test, from_eight(parts[split].train)).mean()
# by_linear = squared_error(few_test, linear).mean()
# assert by_linear < 1.5 * honest, (
#     f"linear_8 errs by {by_linear:.3f} z-score²; eight components reach {honest:.3f}"
# )
# ```
# </details>
#
# **2. Strange for whom?** (about 15 minutes) Divide each beat's error `tested.error` by the
# median error of its record. No label is needed for that. What becomes of the AUROC of each
# class in `measured`? Call the divided error `relative`, and the new AUROCs `auroc_relative`:
# a dictionary such as `{"V": 0.5, "S": 0.5}`.
#
# <details><summary>A solution</summary>
#
# ```python
# error = pd.Series(tested.error)
# relative = (error / error.groupby(beats.record[test]).transform("median")).to_numpy()
# auroc_relative = {}
# for name in measured:
#     auroc_relative[name] = auroc_against_normal(test, relative, name)
#     before = auroc_against_normal(test, tested.error, name)
#     print(f"{name}: {before:.2f} becomes {auroc_relative[name]:.2f}")
# ```
#
# In the recorded default run S falls to chance: it was the patient that had been detected. V
# stays where it was: smooth waves are easy to reconstruct, in any patient. (The median looks
# at the whole recording, so a live monitor would have to take the beats so far.)
# </details>
# <details><summary>A check: <code>relative, auroc_relative</code></summary>
#
# ```python
# divided = np.asarray(relative, dtype=float)
# assert divided.shape == (len(test),), (
#     f"one number a test beat is {len(test)}, not {divided.shape}"
# )
# for record in np.unique(beats.record[test]):
#     of_record = beats.record[test] == record
#     right = tested.error[of_record] / np.median(tested.error[of_record])
#     assert np.allclose(divided[of_record], right, rtol=1e-3), (
#         f"not its error over the median of record {record}"
#     )
# found = dict(auroc_relative)
# assert set(found) == set(measured), f"expected the classes {', '.join(measured)}"
# for name in measured:
#     right = auroc_against_normal(test, divided, name).value
#     given = float(np.ravel(found[name])[0])
#     assert abs(given - right) < 0.01, (
#         f"the AUROC of {name} is {right:.2f}, not {given:.2f}"
#     )
# ```
# </details>
#
# **3. A third loss** (open; an afternoon). The latent vector gives the patient away. Can you
# teach it not to? Add a second head that predicts the training patient, and subtract its loss
# from the encoder's (Ganin et al. 2016 reverse the gradient). Watch what happens to the macro
# F1 over new patients; choose on folds of the training patients, not on the test.
#
# <details><summary>A hint</summary>
#
# A `torch.autograd.Function` whose `forward` returns its input and whose `backward` returns
# minus the gradient, put between the latent vector and the new head, does it with one
# backward pass. Write your own `nn.Module` in a cell: `fit` takes any.
# </details>

# %% [markdown]
# ## Quiz
#
# <!-- quiz:start -->
# Five questions, whose numbers are those of the recorded run (default size), not of
# yours. Choose an answer, then open it: each says whether it is right, and why. The
# wrong ones are worth opening, too.
#
# **1.** The accuracy on new patients is 0.847. Is that good?
#
# <details class="choice wrong"><summary>A. Yes: more than four beats in five are
# right.</summary>
#
# **No.** "Always N" is right more often: 0.890. Where one class is so common, accuracy
# says little before you have seen that number.
# </details>
# <details class="choice wrong"><summary>B. No: a network below &ldquo;always N&rdquo;
# has learned nothing.</summary>
#
# **No.** It finds 83% of the V beats, "always N" none; the macro F1 is 0.541 against
# 0.314. Accuracy hides what was learned, as well as what wasn't.
# </details>
# <details class="choice right"><summary>C. It can&rsquo;t be called good: it
# isn&rsquo;t ahead of &ldquo;always N&rdquo;.</summary>
#
# **Right.** The accuracy minus that of "always N" is -0.043 (-0.122 to +0.030).
# </details>
#
# **2.** The network reconstructs from 64 numbers, PCA from as many. On new patients the
# network's error is 47 times that of PCA. What do you make of it?
#
# <details class="choice right"><summary>A. The simple method sets the bar, and this
# network, trained as it was, is far below.</summary>
#
# **Right.** PCA takes seconds. Without it you might have been content with the dashed
# line that lies so near the beat.
# </details>
# <details class="choice wrong"><summary>B. There must be a bug: a network can do all
# that PCA can.</summary>
#
# **No.** It could in principle, but training has to find it, in a few epochs. The
# second task isn't the reason alone: in the ablation, reconstruction only has 0.00803
# mV², PCA 0.00015.
# </details>
# <details class="choice wrong"><summary>C. PCA overfits: it learned the test patients
# by heart.</summary>
#
# **No.** It was fitted to the training patients and tested on others, like the network.
# </details>
# <details class="choice wrong"><summary>D. Networks are no good at
# reconstruction.</summary>
#
# **No.** That is far more than one comparison can say. Try 8 numbers instead of 64 in
# exercise 1: the answer belongs to a size and a training, not to a kind of method.
# </details>
#
# **3.** The nearest latent vector is of the same patient in 93% of cases. Did the
# network learn to re-identify patients?
#
# <details class="choice wrong"><summary>A. Yes: to classify beats, it had to learn
# whose they are.</summary>
#
# **No.** Trained to reconstruct only, it does it in 93% of cases. The classes are not
# needed for it.
# </details>
# <details class="choice wrong"><summary>B. No: with so few patients that is what chance
# gives.</summary>
#
# **No.** The test has 22 recordings to choose from, so chance gives some five percent.
# </details>
# <details class="choice wrong"><summary>C. Yes: the bottleneck keeps what is typical of
# a patient.</summary>
#
# **No.** It does, but nothing had to be learned for it: PCA, which knows of no task,
# keeps it as well (95%).
# </details>
# <details class="choice right"><summary>D. No: it&rsquo;s in the beat itself, and PCA
# finds it as often.</summary>
#
# **Right.** With PCA it is 95%. So taking the names off doesn't make beats anonymous.
# </details>
#
# **4.** The reconstruction error ranks S beats above N beats with an AUROC of 0.75
# (0.51 to 0.84), and V beats with 0.42, though it is V that has the strange form. Why?
#
# <details class="choice wrong"><summary>A. The error finds what is abnormal, as in
# lesson 01, and S is the more abnormal class.</summary>
#
# **No.** Then V would have to be found as well. In lesson 01 there was one patient,
# whose normal beats were known. With many, unfamiliar isn't abnormal.
# </details>
# <details class="choice right"><summary>B. More than half of the S beats are one
# patient&rsquo;s, and it&rsquo;s the patient who is unfamiliar.</summary>
#
# **Right.** The width of the interval is a hint: the score hangs on few patients.
# Exercise 2 tests it: divide each error by the median of its record, and see what is
# left of the S beats.
# </details>
# <details class="choice wrong"><summary>C. S beats come early, and the network has
# noticed.</summary>
#
# **No.** Nobody told it about time, and the error asks only how badly a curve is
# reconstructed.
# </details>
#
# **5.** At 10 : 1 the reconstruction error, minus that of reconstruction only, is
# -0.00063 (-0.00112 to -0.00015) mV², from one training of each network. What may you
# report?
#
# <details class="choice wrong"><summary>A. A second loss improves reconstruction: the
# interval excludes zero.</summary>
#
# **No.** The interval asks what other *records* would give. It knows nothing of another
# *training*, and here each network was trained once. The full run trains each three
# times: see there whether the gain stays.
# </details>
# <details class="choice wrong"><summary>B. Nothing changes: a difference that small
# doesn&rsquo;t count.</summary>
#
# **No.** Small or not, an interval like that would count as a gain by the lesson's own
# rule. What it leaves out is the point.
# </details>
# <details class="choice right"><summary>C. A gain on these records, of these two
# trainings. Another seed may not repeat it.</summary>
#
# **Right.** That is what was measured. Only more trainings can tell whether the mixture
# gains, or this one network did.
# </details>
# <!-- quiz:end -->

# %% [markdown]
# ## What you learned
#
# - You *combined* two losses with weights, and watched each one on its own.
# - You *compared* the network with principal components of as many numbers.
# - You *asked* the latent space for the class and for the patient, and both answered.
# - You *judged* the reconstruction error as a sign of an abnormal beat: it tells the
#   unfamiliar from the familiar, and an unfamiliar patient isn't a sick one.
# - You *answered* whether the second loss helps, with the interval of a paired difference,
#   and saw what that interval doesn't know.
#
# **In practice.** Put the linear method beside the deep one before you praise a
# reconstruction. Ask of every second loss what it costs the first. If a system may learn from
# a patient before it's judged on that patient, say so beside the figure, and say who labels
# those minutes.
#
# **Next.** Lesson 04 asks what a network costs: parameters, operations, milliseconds and
# memory, for eight architectures, some light and some not.
#
# ### References
#
# - Liu, Sun, Han, He, Zhang, Wu 2022. Arrhythmia classification of LSTM autoencoder based on
#   time series anomaly detection. *Biomedical Signal Processing and Control* 71.
#   [doi:10.1016/j.bspc.2021.103228](https://doi.org/10.1016/j.bspc.2021.103228)
# - Moody, Mark 2001. The impact of the MIT-BIH Arrhythmia Database. *IEEE Engineering in
#   Medicine and Biology Magazine* 20(3).
#   [doi:10.1109/51.932724](https://doi.org/10.1109/51.932724)
# - de Chazal, O'Dwyer, Reilly 2004. Automatic classification of heartbeats using ECG
#   morphology and heartbeat interval features. *IEEE Transactions on Biomedical Engineering*
#   51(7). [doi:10.1109/TBME.2004.827359](https://doi.org/10.1109/TBME.2004.827359)
# - Ganin et al. 2016. Domain-adversarial training of neural networks. *Journal of Machine
#   Learning Research* 17. [jmlr.org/papers/v17/15-239](https://www.jmlr.org/papers/v17/15-239.html)
# - Szegedy et al. 2015. Going deeper with convolutions. *CVPR*.
#   [doi:10.1109/CVPR.2015.7298594](https://doi.org/10.1109/CVPR.2015.7298594)
# - van der Maaten, Hinton 2008. Visualizing data using t-SNE. *Journal of Machine Learning
#   Research* 9.
#   [jmlr.org/papers/v9/vandermaaten08a](https://www.jmlr.org/papers/v9/vandermaaten08a.html)
#
# ## The record of this run
#
# *Starts from: all sections above, but for: What goes wrong.*

# %%
run.save_model(network, recipe=recipe, classes=names)
run.save_predictions(
    y_true=beats.label[test],
    y_pred=predicted,
    y_probs=tested.probability,
    record=beats.record[test],
    sample=beats.r_sample[test],
    squared_error=tested.error,
)


# %% tags=["hide-input"]
def unfolded(entry):
    """Return an entry of the record, each estimate as value and interval."""
    found = {}
    for name, value in entry.items():
        found[name] = value
        if isinstance(value, metrics.Estimate):
            found |= {name: value.value, f"{name}_interval": value[1:]}
    return found


# %% tags=["hide-input"]
splits = {}
for name, found in by_split.items():
    rows = parts[name].test
    splits[name] = metrics.summary(found.matrices, names, macro_over=over[name])
    splits[name] |= unfolded({"reconstruction_mse": split_mse[name]})
    splits[name]["anomaly_auroc"] = {
        one: auroc_against_normal(rows, found.error, one) for one in "VSFQ"
    }

# %% tags=["hide-input"]
ablation = {}
for mixture, share in levels["same patient"].items():
    ablation[mixture] = {"patient": float(share)}
for row in gains.itertuples():
    entry = ablation[row.mixture]
    entry |= unfolded({row.measure: row.level, f"{row.measure}_gain": row.gain})
    entry[f"{row.measure}_gain_of_each_seed"] = row.each

# %% tags=["hide-input"]
head_gain = gain("1 : 1", "classification only", "head", macro)
error_gain = gain("1 : 1", "reconstruction only", "error", metrics.mean_of_totals)
headline = (
    f"Split {split}: macro F1 {splits[split]['macro_f1']:.3f}, reconstruction error "
    f"{mse_mv.value:.4f} mV². One network for both tasks, minus one for each: macro F1 "
    f"{head_gain:+.3f}, error {error_gain:+.4f} mV². After the first {adapt_minutes:g} "
    f"minutes of each test patient: macro F1 {adapted:+.3f}."
)

# %% tags=["hide-input"]
of_networks = {
    "headline": headline,
    "splits": splits,
    "beat_wise_accuracy": metrics.estimate(
        split_matrices["beat-wise"], metrics.accuracy
    ),
    "beat_wise_reconstruction_mse": split_mse["beat-wise"],
    "reconstruction_mse_z": mean_error(test, tested.error),
    "pca_reconstruction_mse": pca_mse_mv,
    "validation_mse": val_mse,
    "validation_cross_entropy": val_cross_entropy,
    "search": search.reset_index().to_dict("records"),
    "models": {kind: unfolded(rival) for kind, rival in rivals.items()},
    "train_beats_per_second": len(train_rows) * epochs / sum(history.seconds),
    "inference_beats_per_second": len(test) / tested.seconds,
    "textbook": {"train_beats_per_second": rates["textbook"]},
}

# %% tags=["hide-input"]
found = {name: metrics.estimate(m, macro) for name, m in baselines.items()}
by_shape = auroc["error of our network (z-score²)"]
of_questions = {
    "anomaly": auroc,
    "anomaly_auroc": {name: by_shape[name] and by_shape[name].value for name in "VSFQ"},
    "ablation": ablation,
    "names_the_patient": same_patient,
    "adaptation_macro_f1": adapted,
    "adaptation_others": adapted_others,
    "accuracy_beyond_majority": beyond_majority,
    "macro_f1_beyond_linear": beyond_linear,
    "baseline_measure": "macro F1",
    "baselines": {name: one.value for name, one in found.items()},
    "baseline_intervals": {name: one[1:] for name, one in found.items()},
}

# %% tags=["nbval-ignore-output"]
record = run.finish(
    splits[split] | of_networks | of_questions,
    train_seconds=sum(history.seconds),
)

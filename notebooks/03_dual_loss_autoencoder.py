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
# # Draw a heartbeat and name it: does the one help the other?
#
# ![One beat of each class, N, S, V, F and Q, in its class's colour, and over it the drawing that the network made from
# 64 numbers.](images/03_hero.png)

# %% [markdown]
# **You will** train one network with two losses, to draw a beat again and to name it, and find out whether either task
# gains from the other.
#
# **You will learn** to
# - *combine* two losses with weights, and watch each one on its own,
# - *compare* a deep autoencoder with its linear counterpart before believing in it,
# - *ask* of a latent space whether it holds the heart or the patient,
# - *judge* the reconstruction error as a sign of something wrong,
# - *answer* a yes-or-no question by an ablation with paired intervals.
#
# **You need** lessons 01 (autoencoders, AUROC) and 02 (AAMI classes, ways to split, F1).
#
# > **About this lesson.**
# > <!-- times:start -->
# > *Reading:* about 25 minutes. *Running*, as measured on cpu, 2 threads: smoke 18 s · default 4.4 min · full 26.2 min.
# > <!-- times:end -->
# >
# > *Data:* the MIT-BIH Arrhythmia Database (Moody and Mark 2001, ODC-By 1.0), as in lesson 02; here each beat has 288
# > samples at 360 Hz.
# >
# > For learning and research, not for diagnosis.
#
# The idea is that of Liu et al. 2022: let the vector in the middle of an autoencoder serve a classifier too. What follows
# is no replica of their network, and uses other splits.
#
# The next cell holds everything you may want to change. Two words in it that you may not know: in the **one-cycle** schedule
# the learning rate rises and falls once over the whole training; **bfloat16** is a number format of half the length, with
# which a processor computes faster and a little more roughly.

# %% tags=["parameters"]
data: str = "auto"  # where the recordings come from {auto, real, synthetic}
model: str = "lstm_autoencoder_classifier"  # {lstm_autoencoder_classifier, simple_cnn, complex_cnn}
split: str = "patient-wise"  # how beats are divided {patient-wise, beat-wise, hybrid}
test_records: list[str] = []  # records to test on, such as ['207', '217']; none: those of DS2
adapt_minutes: float = 5.0  # hybrid: minutes of each test patient to train on [0.1, 29]
class_weights: bool = False  # weigh each class by its rarity in the loss
oversample: bool = False  # draw training beats so that each class comes equally often
focal_loss: bool = False  # count a beat less the surer the network is of it
alpha: float = 1.0  # weight of the reconstruction loss [0, 1000]
beta: float = 1.0  # weight of the classification loss [0, 1000]
samples_per_step: int = 8  # samples the LSTM reads a step; a divisor of 288; 1: textbook [1, 288]
latent_dim: int = 64  # length of the latent vector [2, 1024]
epochs: int = 4  # passes over the training beats [1, 1000]
batch_size: int = 64  # beats per gradient step [1, 100000]
lr: float = 0.005  # peak of the one-cycle schedule [1e-6, 1]
train_beats: int = 16000  # training beats, drawn at random [100, 1000000]
compare_epochs: int = 4  # passes of each network of a comparison [1, 1000]
compare_beats: int = 5000  # training beats of each of those networks [100, 1000000]
compare_every: int = 4  # they are tested on one in so many test beats [1, 100]
n_seeds: int = 1  # trainings of each network of the ablation, each with its own draw [1, 20]
bf16: bool = True  # compute in bfloat16 where PyTorch deems it safe
seed: int = 0  # decides draws, first weights and order of batches [0, 4294967295]
output_dir: str = ""  # folder for the results; empty for a new one below runs/

# %% [markdown]
# ## Setup

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from IPython.display import display
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from ecgnb import classification, datasets, evaluation, losses, models, plotting
from ecgnb.display import show_markdown, show_source
from ecgnb.errors import UsageError
from ecgnb.runs import Run
from ecgnb.training import fit, predict, set_seed

plotting.use_style()

# %%
parameters = dict(
    data=data, model=model, split=split, test_records=test_records, adapt_minutes=adapt_minutes, alpha=alpha, beta=beta,
    class_weights=class_weights, oversample=oversample, focal_loss=focal_loss, samples_per_step=samples_per_step,
    latent_dim=latent_dim, epochs=epochs, batch_size=batch_size, lr=lr, train_beats=train_beats, bf16=bf16, seed=seed,
    compare_epochs=compare_epochs, compare_beats=compare_beats, compare_every=compare_every, n_seeds=n_seeds,
)  # fmt: skip
losses.DualLoss(alpha, beta)  # what makes no sense is refused before anything is trained
models.create("lstm_autoencoder_classifier", n_samples=288, samples_per_step=samples_per_step)
train_records, held_records = datasets.divide_records(test_records)
before, after, fs = 108, 180, 360.0  # 0.3 s before the R peak and 0.5 s after it
beats = datasets.load_mitdb(data, before=before, after=after, fs=fs)
names = list(beats.class_names)
run = Run("03", parameters, beats, output_dir)

# %% [markdown]
# ## The data
#
# The same 48 recordings as in lesson 02, at their own 360 samples a second; 0.8 s around each R peak. Each window is
# shifted and scaled to mean 0 and standard deviation 1, so what is drawn is the beat's *shape*. The window's own offset and
# scale are kept beside it: with them an error in z-scores (what is trained on) turns into mV (what a reader of an ECG knows).

# %%
x, y = torch.from_numpy(beats.zscored().signal), torch.from_numpy(beats.label)
scale = beats.signal.std(axis=1)  # mV
patient = datasets.patient_of(beats.record)

assert beats.n_samples == 288 and torch.isfinite(x).all() and len(np.unique(beats.record)) == 48
if beats.source == "real":
    assert len(beats) + sum(beats.dropped.values()) == 109494
display(beats.counts().to_frame().T)
run.show(
    plotting.plot_mean_beats(beats, before=before),
    "mean_beats",
    alt="Five panels, the mean beat of each class over 0.8 seconds with a band of one standard deviation. N and S are "
    "narrow, V wide with a very wide band, F tall, Q followed by a deep trough.",
)

# %% [markdown]
# ## Three ways to split
#
# *Starts from: The data.*
#
# **Patient-wise** and **beat-wise** you know from lesson 02. The third is what a monitor at the bedside may do:
#
# - **Hybrid**: patient-wise, but the first five minutes of each test patient are trained on. The standard EC57 allows a
#   program that much to learn a patient by, and judges it on what follows. Someone must label these minutes.

# %%
who = (beats.record, patient, beats.class_name)
to_seconds = dict(start=(beats.r_sample - before) / fs, end=(beats.r_sample + after) / fs)
divided = dict(train=train_records, test=held_records)
parts = {
    "patient-wise": datasets.patient_split(*who, **divided),
    "hybrid": datasets.hybrid_split(*who, **to_seconds, **divided, adapt_minutes=adapt_minutes),
    "beat-wise": datasets.beatwise_split(beats.label, seed=seed, val=0.0),
}
if len(held_records) < 5:
    show_markdown("**Few test records:** an interval over records says little here.")
if (n := np.sum(beats.label[parts["hybrid"].test] == 0)) < 40:
    raise UsageError(f"test_records={test_records} have {n} N beats to compare with; name more")
over = {name: range(5) if name == "beat-wise" else range(3) for name in parts}
assert not set(patient[parts["patient-wise"].train]) & set(patient[parts["patient-wise"].test])
pd.DataFrame({k: {"train": len(s.train)} | beats[s.test].counts().to_dict() for k, s in parts.items()}).T  # fmt: skip

# %% [markdown]
# As in lesson 02, the macro F1 runs over all five classes beat-wise, and over N, S and V where patients are kept apart:
# of F and Q too few test patients have any.
#
# ## Baselines first
#
# *Starts from: The data; Three ways to split.*
#
# What is the simplest thing that draws a beat from a few numbers and names it from the same few? **Principal components**
# draw (they are the best *linear* autoencoder there is), a **logistic regression** on them names. It takes seconds.
#
# The drawing is judged by its **mean squared error** (MSE), the naming as in lesson 02; all intervals are over records.
#
# <details><summary>Guess first: how well do 64 principal components draw a beat of 288 samples?</summary>
#
# Very well. A beat is smooth, so neighbouring samples say nearly the same. An LSTM that squeezes to the same 64 numbers has
# to beat that, and it has to be trained.
# </details>


# %%
def draw(name, n, seed=seed):
    """Return rows to train on, each class with its share, and rows of the same patients to validate on."""
    rows = np.random.default_rng(seed).permutation(parts[name].train)
    groups = pd.Series(beats.label[rows]).groupby(beats.label[rows])
    place = (groups.cumcount() + 0.5) / groups.transform(
        "size"
    )  # spreads each class evenly from 0 to 1
    rows = rows[np.argsort(place, kind="stable")]
    held = np.arange(len(rows)) % 20 == 19
    return rows[~held][:n], rows[held][:2000]


def score(rows, guess):
    """Return the confusion matrix of each record."""
    return classification.confusion_by_record(
        beats.label[rows], guess, beats.record[rows], len(names)
    )


def squared_error(rows, reconstruction):
    """Return each beat's mean squared error as a z-score squared and in mV squared, (n, 2)."""
    error = ((np.asarray(reconstruction) - x[rows].numpy()) ** 2).mean(axis=1)
    return np.column_stack([error, error * scale[rows] ** 2])


# %%
def mean_error(rows, error):
    """Return the mean over beats, with its interval over records."""
    totals = evaluation.totals_by_record(error, beats.record[rows])
    return classification.estimate(totals, evaluation.mean_of_totals)


def regression():
    """Return a logistic regression on standardised columns."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))


rows, val_rows = draw(split, train_beats)
test = parts[split].test
macro = classification.macro_f1(over[split])
components = PCA(min(latent_dim, 288, len(rows)), svd_solver="full").fit(x[rows].numpy())
linear = regression().fit(components.transform(x[rows].numpy()), beats.label[rows])
test_components = components.transform(x[test].numpy())
matrices = {"majority class": score(test, np.zeros(len(test), int)), "PCA + logistic regression": score(test, linear.predict(test_components))}  # fmt: skip
linear_error = squared_error(test, components.inverse_transform(test_components))
baselines = {name: classification.estimate(found, macro) for name, found in matrices.items()}

# %%
table = []
for n in [n for n in (1, 2, 4, 8, 16, 32) if n < components.n_components_] + [components.n_components_]:  # fmt: skip
    keep = components.components_[:n]
    drawn = components.mean_ + (x[test].numpy() - components.mean_) @ keep.T @ keep
    z, mv = squared_error(test, drawn).mean(axis=0)
    table.append({"components": n, "MSE (z-score²)": z, "MSE (mV²)": mv})
display(pd.DataFrame(table).set_index("components").round(5))
pd.DataFrame(
    {k: {"accuracy": f"{classification.estimate(m, classification.accuracy)}", "macro F1": f"{baselines[k]}",
         "S Se / PPV (%)": classification.se_ppv(m)[1]} for k, m in matrices.items()}
).T  # fmt: skip

# %% [markdown]
# Keep the last row of the upper table in mind: as many components as our network has latent numbers, fitted to other
# patients than those they draw here. That is what "a good reconstruction" means.
#
# ## The model
#
# *Starts from: The data; Three ways to split.*
#
# Two LSTM layers read the beat, eight samples a step. A fully connected layer squeezes what they saw into the **latent
# vector** of 64 numbers. From it, a second one prepares 36 steps for two more LSTM layers that draw, while a small head
# names the class.

# %%
show_source(models.LSTMAutoencoderClassifier)


# %%
def create(kind=model):
    """Return a model with fresh weights."""
    own = dict(samples_per_step=samples_per_step) if kind.startswith("lstm") else {}
    return models.create(kind, n_samples=288, latent_dim=latent_dim, **own)


network = create()
reconstruction, logits, latent = network(x[:3], return_latent=True)
shapes = {"beats": x[:3], "reconstruction": reconstruction, "logits": logits, "latent": latent}
for name, tensor in shapes.items():
    print(f"{name:<15}{tuple(tensor.shape)}")
print("parameters", f"{models.count_parameters(network):,}")

# %% [markdown]
# In textbooks an LSTM reads one sample a step: 288 steps, each waiting for the one before. Thirty to forty minutes an epoch
# on a laptop is what one hears of it. Let us measure: a few batches of the textbook form (one sample a step, a bottleneck
# at the last state alone, single precision, 32 beats a batch), a few of ours; a whole epoch follows by proportion.


# %% tags=["nbval-ignore-output"]
def beats_per_second(network, n, **options):
    """Return how many beats a second train, from the second of two passes over n of them."""
    some = (x[:n], x[:n], y[:n])
    history = fit(network, some, None, losses.DualLoss(), epochs=2, verbose=False, **options)
    return n / history.seconds[1]


textbook = models.create("lstm_autoencoder_classifier", n_samples=288, samples_per_step=1)
rates = {"textbook": beats_per_second(textbook, 256, batch_size=32)}
rates["ours"] = beats_per_second(
    create("lstm_autoencoder_classifier"), 2048, batch_size=batch_size, bf16=bf16
)
n_epoch = len(parts["beat-wise"].train)
show_markdown(
    f"An epoch of the {n_epoch:,} beats of the beat-wise split takes **{n_epoch / rates['textbook'] / 60:.0f} min** in the "
    f"textbook form ({rates['textbook']:.0f} beats a second), **{n_epoch / rates['ours'] / 60:.1f} min** in ours "
    f"({rates['ours']:,.0f} a second), on this machine."
)

# %% [markdown]
# ## Training with two losses
#
# *Starts from: The data; Baselines first; The model.*
#
# $$L = \alpha \cdot \underbrace{\frac{1}{T} \sum_t (x_t - \hat x_t)^2}_{\text{mean squared error}} \; + \; \beta \cdot
# \underbrace{(-\log p_y)}_{\text{cross-entropy}}$$
#
# With $\beta = 0$ it is an autoencoder that has never seen a label, with $\alpha = 0$ a plain classifier. One number hides
# which of the two falls, so we look at each on its own, in evaluation mode: on 2,000 beats that were trained on, and on
# validation beats of the same patients that were not. These tell when training is done, not how new patients fare.
#
# Batch size, learning rate and the form of the bottleneck were chosen by validation beats of the *beat-wise* split. The
# patients of DS2 had a part in that choice; no test beat of that split had. DS2 was scored more than once while the lesson was
# written, and no setting was picked by it.


# %%
def train(name, *, kind=model, a=alpha, b=beta, n=train_beats, seed=seed, normal_only=False, watch=None, **options):  # fmt: skip
    """Train a fresh model on beats of a split; return it, its history and the rows it learned from."""
    rows, val_rows = draw(name, n, seed)
    rows = rows[beats.label[rows] == 0] if normal_only else rows
    rare = losses.class_weights(beats.label[rows], len(names))
    weight = rare if class_weights else None
    classify = losses.FocalLoss(2.0, weight) if focal_loss else nn.CrossEntropyLoss(weight)
    set_seed(seed)
    network = create(kind)
    history = fit(
        network, (x[rows], x[rows], y[rows]), None, losses.DualLoss(a, b, classify), seed=seed,
        sample_weight=rare[y[rows]] if oversample else None, batch_size=batch_size, lr=lr, weight_decay=0.01, bf16=bf16,
        after_epoch=None if watch is None else lambda _, model: watch(model, rows[:2000], val_rows),
        **dict(epochs=epochs, verbose=False) | options,
    )  # fmt: skip
    return network, history, rows


def watch(network, *parts_watched):
    """Note both losses, on training and on validation beats."""
    for rows in parts_watched:
        drawn, logits = predict(network, x[rows], bf16=bf16)
        mse, ce = network.reconstruction_loss(drawn, x[rows]), network.classification_loss(logits, y[rows])  # fmt: skip
        curves.append((mse.item(), ce.item()))


# %%
curves = []
network, history, rows = train(split, watch=watch, verbose=True)
train_rate = len(rows) * len(history.seconds) / sum(history.seconds)
both_losses = np.array(curves).reshape(-1, 2, 2)  # epoch, training or validation, MSE or CE
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2))
for axis, column, name in zip(axes, (0, 1), ("mean squared error (z-score²)", "cross-entropy"), strict=True):  # fmt: skip
    for part, colour, label in ((0, plotting.TRAIN_COLOUR, "training"), (1, plotting.VAL_COLOUR, "validation")):  # fmt: skip
        axis.plot(range(1, len(both_losses) + 1), both_losses[:, part, column], "o-", color=colour, label=label)  # fmt: skip
    axis.set(xlabel="epoch", ylabel=name, ylim=(0, None))
linear_val = components.inverse_transform(components.transform(x[val_rows].numpy()))
linear_val = squared_error(val_rows, linear_val)[:, 0].mean()
axes[0].axhline(linear_val, color="black", linestyle=":", label="components, validation")
axes[0].set_title("Drawing")
axes[1].set_title("Naming")
for axis in axes:
    axis.legend()
    axis.xaxis.get_major_locator().set_params(integer=True)
run.show(
    figure,
    "training_curves",
    alt="Two panels, the loss of drawing and the loss of naming by epoch; both fall, training and validation close "
    "together. A dotted line marks the error of as many principal components, far below the curve of drawing.",
)

# %% [markdown]
# ## Evaluation
#
# *Starts from: The data; Three ways to split; Baselines first; Training with two losses.*


# %%
def judge(network, rows):
    """Return what a network makes of beats: drawings, errors, latent vectors, probabilities, confusion by record."""
    started = time.perf_counter()
    drawn, logits, latent = predict(network, x[rows], bf16=bf16, return_latent=True)
    seconds = time.perf_counter() - started
    p = logits.softmax(dim=1).numpy()
    return dict(
        drawn=drawn.numpy(), error=squared_error(rows, drawn), latent=latent.numpy(), probability=p,
        matrices=score(rows, p.argmax(axis=1)), seconds=seconds,
    )  # fmt: skip


main = judge(network, test)
if not (alpha and beta):
    show_markdown("**One loss has no weight:** what it should have taught was not learned.")

# %%
predicted = main["probability"].argmax(axis=1)
run.show(
    plotting.plot_confusion_matrix(main["matrices"].sum(axis=0), names, names),
    "confusion_matrix",
    alt="Confusion matrix of the test beats. Most N and V beats lie on the diagonal; nearly all S and F beats are called N.",
)

# %%
macro_f1 = classification.estimate(main["matrices"], macro)
accuracy = classification.estimate(main["matrices"], classification.accuracy)
gain = classification.difference(main["matrices"], matrices["PCA + logistic regression"], macro)
mse = {unit: mean_error(test, main["error"][:, k]) for k, unit in enumerate(("z", "mV"))}
linear_mse = mean_error(test, linear_error[:, 1])
show_markdown(
    f"Split **{split}**. Naming: accuracy **{accuracy:.4f}**, macro F1 over {', '.join(names[c] for c in over[split])} "
    f"**{macro_f1}**; that is {gain:+.3f} from the linear baseline. Drawing: mean squared error **{mse['mV']:.5f} mV²** "
    f"({mse['z']:.4f} in z-scores); the {components.n_components_} components: {linear_mse:.5f} mV²."
)
classification.in_words(classification.report(main["matrices"], names))

# %% [markdown]
# Look at both halves of that sentence. The linear autoencoder draws better than the LSTM from as many numbers. It is not
# close, and it took a second. Compare the network's error with its validation curve, too: new hearts are drawn several
# times worse than new beats of known hearts. Drawing has to generalise as naming has; the components hardly feel it.
#
# More training helps the one and not the other. In the full profile, on all training beats and for longer, the error of the
# drawing is about half of this, and the macro F1 over new patients is no higher (README has both runs side by side).
#
# ### The beats and their drawings
#
# One beat of each class: the one whose error is the median of its class, so neither the best nor the worst.

# %%
typical = []
for position in range(len(names)):
    of_class = np.flatnonzero(beats.label[test] == position)
    if len(of_class):
        typical.append(of_class[np.argsort(main["error"][of_class, 0])[len(of_class) // 2]])
run.show(
    plotting.plot_reconstructions(
        x[test[typical]],
        main["drawn"][typical],
        beats.class_name[test[typical]],
        main["error"][typical, 0],
        columns=len(typical),
        time=np.arange(-before, after) / fs,
    ),
    "hero",
    alt="One typical test beat of each class in its colour, and dashed over it the drawing from 64 numbers, which "
    "follows the waves closely.",
)
by_class = pd.DataFrame(main["error"], columns=["z-score²", "mV²"]).groupby(beats.class_name[test])
by_class.mean().reindex([name for name in names if name in by_class.groups]).round(4).T

# %% [markdown]
# ## The latent space: the heart, or the patient?
#
# *Starts from: The data; Baselines first; Evaluation.*
#
# Each beat is now a point with 64 coordinates. Two ways to look at it in two dimensions: **PCA** shows the directions of
# largest spread; **t-SNE** (van der Maaten and Hinton 2008) keeps neighbours together and lets distances go.
#
# <details><summary>Guess first: coloured by class, and then by patient: which picture is more orderly?</summary>
#
# The network was asked for classes and shapes, never for patients. But a patient's beats look alike, and a rare class comes
# from few patients. Compare the islands in the two columns.
# </details>

# %%
rng = np.random.default_rng(seed)
shown = np.concatenate(
    [rng.permutation(np.flatnonzero(beats.label[test] == c))[:400] for c in range(len(names))]
)
points = main["latent"][shown]
flat = {"PCA": PCA(2).fit_transform(points)}
flat["t-SNE"] = TSNE(perplexity=min(30, len(points) // 4), random_state=seed).fit_transform(points)
records, whose = np.unique(beats.record[test[shown]], return_inverse=True)
colours = {
    "class": [plotting.CLASS_COLOURS[name] for name in beats.class_name[test[shown]]],
    "record": plt.colormaps["nipy_spectral"](0.05 + 0.9 * whose / max(1, len(records) - 1)),
}

# %%
figure, axes = plt.subplots(2, 2, figsize=(9, 8))
for line, (method, place) in zip(axes, flat.items(), strict=True):
    for axis, (by, colour) in zip(line, colours.items(), strict=True):
        axis.scatter(*place.T, c=colour, s=6, alpha=0.7, linewidths=0)
        axis.set(title=f"{method}, coloured by {by}", xlabel=f"{method} 1", ylabel=f"{method} 2")
for name in np.array(names)[np.unique(beats.label[test[shown]])]:
    axes[0, 0].plot([], [], "o", color=plotting.CLASS_COLOURS[name], label=name)
axes[0, 0].legend()
run.show(
    figure,
    "latent_space",
    alt="Four maps of the latent vectors, by PCA and t-SNE, coloured by class and by record. By class there are islands of S, "
    "of F and of V beats beside N; by record the same islands have one colour each: each is one patient's.",
)


# %%
def names_the_patient(latent, rows):
    """Say how often an N beat of the second half of a recording is nearest to one of its patient's first half."""
    normal = beats.label[rows] == 0
    place, person, moment = latent[normal], patient[rows][normal], beats.r_sample[rows][normal]
    early = moment < pd.Series(moment).groupby(beats.record[rows][normal]).transform("median")
    return (
        KNeighborsClassifier(1)
        .fit(place[early], person[early])
        .score(place[~early], person[~early])
    )


# %%
kept = np.random.default_rng(seed).permutation(len(test))[: max(1, len(test) // compare_every)]
every = test[kept]  # at random: a rhythm may repeat itself every second beat
identity = {"network": names_the_patient(main["latent"][kept], every),
            "PCA": names_the_patient(test_components[kept], every)}  # fmt: skip
n_patients = len(np.unique(patient[every]))
show_markdown(
    f"Take an N beat of the second half of the recordings and find its nearest neighbour among those of the first halves: "
    f"in **{identity['network']:.0%}** of cases it is the same patient's (by chance: about {1 / n_patients:.0%}; by the "
    f"components: {identity['PCA']:.0%})."
)

# %% [markdown]
# Nobody asked for it, and yet the latent vector of one beat points to its recording. (Recording, strictly: the electrodes
# of that half hour did not move.) It was not learned either: the components, which see no more than the samples, do it as
# well. Hence the islands above: an island "of S" is one patient's. Where classes come from few hearts, a tidy map by class
# and a tidy map by patient are the same map.
#
# ## Is a badly drawn beat a sick one?
#
# *Starts from: The data; Baselines first; Training with two losses; Evaluation.*
#
# In lesson 01 the error of the drawing found anomalies: the network had seen normal beats only. Ours has learned to
# draw V beats too. Six scores, of V, S, F and Q beats against N beats:
#
# - the error of **our network**, in z-scores (the shape alone) and in mV² (where a tall beat counts for more),
# - the **scale** of the window, which needs no network at all,
# - the error of one trained **on N beats alone**, without a class to name,
# - the error of as many **principal components of N beats**,
# - the supervised one: how likely our network holds the beat **not to be N**.
#
# <details><summary>Guess first: which class will the drawing find best, and which not at all?</summary>
#
# V best, with its strange form, and S not at all, for its form is normal? So one would think.
# </details>


# %%
def finds(rows, values, name):
    """Return how well a score tells a class from N, the AUROC; None where the class has fewer than 20 beats."""
    part = np.isin(beats.class_name[rows], ["N", name])
    wanted = beats.class_name[rows][part] == name
    if wanted.sum() < 20:
        return None
    counts = evaluation.histogram_by_record(values[part], wanted, beats.record[rows][part])
    return classification.estimate(counts, evaluation.auroc_of_histogram)


normal_network, _, rows = train(split, a=1.0, b=0.0, normal_only=True)
normal_components = PCA(min(latent_dim, 288, len(rows)), svd_solver="full").fit(x[rows].numpy())
drawn = normal_components.inverse_transform(normal_components.transform(x[test].numpy()))
detectors = {
    "our error (z²)": main["error"][:, 0],
    "our error (mV²)": main["error"][:, 1],
    "scale alone (mV)": scale[test],
    "trained on N (z²)": judge(normal_network, test)["error"][:, 0],
    "PCA of N (z²)": squared_error(test, drawn)[:, 0],
    "1 - p(N)": 1 - main["probability"][:, 0],
}
anomaly = {k: {name: finds(test, values, name) for name in "VSFQ"} for k, values in detectors.items()}  # fmt: skip
pd.DataFrame(anomaly).map(lambda found: "–" if found is None else f"{found:.2f}")

# %% [markdown]
# An AUROC below one half ranks the wrong way round; a dash stands for fewer than 20 beats (the record of the run, at the end,
# has the beat-wise figures too, Q among them). Now read the row of V from left to right. By shape, the drawing of a new patient's V beat is no worse than that of an N beat: it is wide and smooth, and
# what is smooth is easy to draw. The same error in mV² seems to find it, until you see the next column: the *size* of the
# beat alone does that. A network trained on N alone does better by shape, and components of N do not. No drawing comes near
# the classifier, which has seen what V looks like.
#
# The S beats are found by shape, of all things. Look at the interval, and remember record 232, which has more than half of
# them: the error finds *that patient* (exercise 2). In lesson 01 there was one patient, and his normal beats were known.
# With many, the error first says how unfamiliar a heart is, and unfamiliar is not sick.
#
# ## The ablation: does the second loss help?
#
# *Starts from: The data; Baselines first; Training with two losses; Evaluation; The latent space: the heart, or the
# patient?*
#
# The lesson's question, asked properly: the same architecture, draws, epochs and seeds; only the weights of the losses
# differ. Each network is judged four ways:
#
# - the **head**'s macro F1 (without a classification loss it was never trained),
# - a **probe**: a logistic regression fitted afterwards to the latent vectors of the training beats, which asks what they
#   hold, whatever they were trained for,
# - the **error** of the drawing (without a reconstruction loss there is none),
# - how often it **names the patient**, as above.
#
# The two weights sum to 2 in every row. Differences are paired: the same records are drawn for both networks. Bands are
# intervals over records; each red tick is one training, for another seed is another network (the full profile trains three).

# %%
ratios = {"drawing alone": (2, 0), "10 : 1": (20 / 11, 2 / 11), "1 : 1": (1, 1), "1 : 10": (2 / 11, 20 / 11), "naming alone": (0, 2)}  # fmt: skip
compared = dict(n=compare_beats, epochs=compare_epochs)
trials = {name: [] for name in ratios}
for name, (a, b) in ratios.items():
    for other in range(seed, seed + n_seeds):
        training = trial, _, rows = train(split, a=a, b=b, seed=other, **compared)
        result = judge(trial, every)
        learned = predict(trial, x[rows], bf16=bf16, return_latent=True)[2].numpy()
        guess = regression().fit(learned, beats.label[rows]).predict(result["latent"])
        trials[name].append(dict(
            training=training, judged=result, head=result["matrices"], probe=score(every, guess),
            error=evaluation.totals_by_record(result["error"][:, 1], beats.record[every]),
            patient=names_the_patient(result["latent"], every),
        ))  # fmt: skip


# %%
measures = {"head": macro, "probe": macro, "error": evaluation.mean_of_totals}
without = {"head": "naming alone", "probe": "naming alone", "error": "drawing alone"}
ablation = {n: {"patient": float(np.mean([t["patient"] for t in trials[n]]))} for n in ratios}
for name, k in [(name, k) for name in ratios for k in measures]:
    if (name, k) in {("drawing alone", "head"), ("naming alone", "error")}:
        continue  # was never trained
    here, alone = ([trial[k] for trial in trials[n]] for n in (name, without[k]))
    value = classification.estimate(sum(here), measures[k])
    gain_ = classification.difference(sum(here), sum(alone), measures[k])
    each = [measures[k](h.sum(axis=0)) - measures[k](a.sum(axis=0)) for h, a in zip(here, alone, strict=True)]  # fmt: skip
    ablation[name] |= {k: value.value, f"{k}_interval": value[1:], f"{k}_gain": gain_.value,
                       f"{k}_gain_interval": gain_[1:], f"{k}_gain_of_each_seed": each}  # fmt: skip
columns = {"head": "head, macro F1", "probe": "probe, macro F1", "error": "error (mV²)", "patient": "names the patient"}  # fmt: skip
pd.DataFrame(ablation).T[list(columns)].rename(columns=columns).astype(float).round(4).astype(object).fillna("–")  # fmt: skip

# %%
figure, axes = plt.subplots(1, 3, figsize=(11, 3.2), sharey=True)
titles = {"head": "Head: right is better", "probe": "Probe: right is better", "error": "Drawing: left is better"}  # fmt: skip
for axis, (k, title) in zip(axes, titles.items(), strict=True):
    for position, name in enumerate(ratios):
        if f"{k}_gain" in ablation[name]:
            axis.plot(ablation[name][f"{k}_gain_interval"], [position] * 2, color="#444444", linewidth=4, alpha=0.35)  # fmt: skip
            axis.plot(ablation[name][f"{k}_gain"], position, "o", color="#444444")
            each = ablation[name][f"{k}_gain_of_each_seed"]
            axis.plot(each, [position] * len(each), "|", color=plotting.ALARM_COLOUR)
    axis.axvline(0, color="black", linewidth=0.8, linestyle=":")
    unit = "mV²" if k == "error" else "macro F1"
    axis.set(title=title, xlabel=f"{unit}, minus {without[k]}")
    axis.locator_params(axis="x", nbins=5)
axes[0].set_yticks(range(len(ratios)), list(ratios))
axes[0].set_ylabel("α : β")
axes[0].invert_yaxis()
run.show(
    figure,
    "ablation",
    alt="Three panels, the gain of each ratio of the losses over the single loss, with its interval over records and a tick "
    "for each training: macro F1 of the head, macro F1 of a probe, and error of the drawing.",
)

# %% [markdown]
# **Drawing** gives a clear answer: the more the loss counts naming, the worse the drawing. From 1 : 1 on, the interval lies to
# the right of zero.
#
# **Naming** gives none. In this run, of few beats and one training each, the heads of all three mixtures lie right of zero. In
# the full profile, of more beats and three trainings each, all three lie *left* of it. In neither run does an interval of
# a head leave out zero. The probe has intervals that do, of one sign in this run and of the other in the full profile: an
# interval over records does not know that another training makes another network. Whoever stops at the first run can
# report a gain.
#
# So, does the second loss help? Not here. Drawing pays for naming, and naming gains nothing that can be told from chance.
# The probe on "drawing alone" says why there is little to gain: a network that never saw a label while it learned holds
# about as much of the class as any other. What speaks for two losses in one network is that it is *one* network.
#
# ## Convolutions beside it
#
# *Starts from: Baselines first; Training with two losses; Evaluation; The latent space: the heart, or the patient?; Is
# a badly drawn beat a sick one?; The ablation: does the second loss help?*
#
# The same two losses train convolutional networks: a small one, and one with three lengths of filter side by side.

# %% tags=["nbval-ignore-output"]
rivals, rivals_f1 = {}, {}
for kind in ("lstm_autoencoder_classifier", "simple_cnn", "complex_cnn"):
    known = trials["1 : 1"][0]["training"] if kind == model else None  # trained already
    trial, past, rows = known or train(split, kind=kind, a=1.0, b=1.0, **compared)
    result = judge(trial, every)
    found = finds(every, result["error"][:, 0], "V")
    rivals_f1[kind] = classification.estimate(result["matrices"], macro)
    rivals[kind] = dict(
        parameters=models.count_parameters(trial),
        train_beats_per_second=len(rows) * len(past.seconds) / sum(past.seconds),
        inference_beats_per_second=len(every) / result["seconds"],
        accuracy=classification.accuracy(result["matrices"].sum(axis=0)),
        reconstruction_mse=result["error"][:, 1].mean(),
        anomaly_auroc_v=None if found is None else found.value,
    )
table = pd.DataFrame(rivals).map(lambda v: "–" if pd.isna(v) else f"{v:.4f}" if v < 1 else f"{v:,.0f}")  # fmt: skip
table.loc["macro F1"] = {kind: f"{found}" for kind, found in rivals_f1.items()}
rivals = {k: v | {"macro_f1": rivals_f1[k].value, "macro_f1_interval": rivals_f1[k][1:]} for k, v in rivals.items()}  # fmt: skip
table

# %% [markdown]
# The small network has a sixteenth of the parameters, trains several times as fast, draws better, and names about as well
# (look at the intervals). The large one is no faster than the LSTM and no better than the small one, at least in so short
# a training at a learning rate that was chosen for the LSTM. One training each: differences of a few hundredths are within
# what another seed gives. Still, nothing in 0.8 s of signal asks for a memory of 36 steps. Lesson 04 goes on from here.
#
# ## The three splits side by side
#
# *Starts from: Three ways to split; Baselines first; Training with two losses; Evaluation.*

# %%
results = {split: main}
for name in parts:
    if name != split:
        trial, _, _ = train(name)
        results[name] = judge(trial, parts[name].test)
split_table = {}
for name in parts:
    r, f1 = results[name], classification.macro_f1(over[name])
    split_table[name] = {
        "accuracy": f"{classification.estimate(r['matrices'], classification.accuracy)}",
        "macro F1, N S V": f"{classification.estimate(r['matrices'], classification.macro_f1(range(3)))}",
        "macro F1, all five": f"{classification.estimate(r['matrices'], f1)}"
        if name == "beat-wise"
        else "",
        "S Se / PPV (%)": classification.se_ppv(r["matrices"])[1],
        "V Se / PPV (%)": classification.se_ppv(r["matrices"])[2],
        "MSE (mV²)": f"{mean_error(parts[name].test, r['error'][:, 1]):.4f}",
    }
pd.DataFrame(split_table).T

# %%
same = np.isin(parts["patient-wise"].test, parts["hybrid"].test)  # both test the same beats here
apart = results["patient-wise"]["probability"][same].argmax(axis=1)
apart, met = score(parts["hybrid"].test, apart), results["hybrid"]["matrices"]
nsv = classification.macro_f1(range(3))
adapted = classification.difference(met, apart, nsv)
most_s = met.sum(axis=2)[:, 1].argmax()  # half of all S beats are one patient's
others = np.arange(len(met)) != most_s
adapted_others = classification.difference(met[others], apart[others], nsv) if len(met) > 1 else adapted  # fmt: skip
show_markdown(
    f"On the very same beats, those after the first {adapt_minutes:g} minutes, having met the patient changes the macro F1 "
    f"over N, S and V by **{adapted:+.3f}**; without record {np.unique(beats.record[parts['hybrid'].test])[most_s]}, which has "
    f"most S beats, by {adapted_others:+.3f}."
)
reports = {name: classification.report(results[name]["matrices"], names) for name in parts}
run.show(
    plotting.plot_measure_by_class(
        reports, "f1", ylabel="F1", title="F1 of each class, three splits"
    ),
    "splits",
    alt="F1 of each class under three splits. Patient-wise S, F and Q are near zero; hybrid comes close to beat-wise for N, "
    "S and V, and stays below it for F and Q.",
)

# %% [markdown]
# A few labelled minutes of each test patient lead most of the way from the patient-wise figure to the beat-wise one. That
# says what the beat-wise figure measures: beats of hearts that were met before. The drawing gains too: its error falls by
# half.
#
# But read the sentence about record 232. Most of the gain in this mean is one patient's S beats, which five minutes are
# enough to learn; without him the gain is far smaller. A mean over three classes, one of which lives in one heart, is that
# heart's story.
#
# ## What goes wrong
#
# *Starts from: The data; Baselines first; Evaluation.*
#
# If drawing and naming went together, the wrongly named beats would be the badly drawn ones.

# %%
table = pd.DataFrame({"record": beats.record[test], "error": main["error"][:, 0], "wrong": predicted != beats.label[test]})  # fmt: skip
table["rank"] = table.groupby("record")["error"].rank(pct=True)  # among the beats of the same heart
well = table[table["wrong"]].sort_values("error").drop_duplicates("record").index[:5]
badly = table[~table["wrong"]].sort_values("error").drop_duplicates("record", keep="last").index[-5:]  # fmt: skip
chosen = [*well, *badly]
titles = [
    f"{beats.record[test[i]]}: {names[beats.label[test[i]]]}, named {names[predicted[i]]}\nerror {main['error'][i, 0]:.3f}"
    for i in chosen
]
run.show(
    plotting.plot_reconstructions(
        x[test[chosen]], main["drawn"][chosen], beats.class_name[test[chosen]], main["error"][chosen, 0],
        time=np.arange(-before, after) / fs, titles=titles,
    ),
    "worst_errors",
    alt="Ten test beats and their drawings, each of another record. Upper row: drawn almost perfectly and named wrongly. "
    "Lower row: named rightly, and drawn with large gaps.",
)  # fmt: skip
show_markdown(
    f"Of the wrongly named beats {table.loc[table['wrong'], 'rank'].gt(0.5).mean():.0%} are drawn worse than the median beat of "
    f"the same record; of the rightly named ones {table.loc[~table['wrong'], 'rank'].gt(0.5).mean():.0%}."
)

# %% [markdown]
# Upper row: hardly a gap, and the wrong name. There are V beats that stand upright and are not very wide, an S beat of normal
# form, an N beat with an odd neighbour. Lower row: the right name beside a drawing that misses. There is noise, a
# neighbour's QRS at the edge of the window, a mark beside its R peak. And within one heart, the sentence says, the wrongly
# named beats are hardly worse drawn than the others.
#
# Drawing asks "do I know this curve?". Naming asks "on which side of a border does it lie?". The error of one is a poor
# witness to the error of the other.
#
# ## Exercises
#
# **1. Fewer numbers.** Give the network and the components 8 latent numbers instead of 64. Who draws better now, and why?
# Keep both mean errors in a dictionary, `eight["network"]` and `eight["components"]`.
#
# <details><summary>A solution</summary>
#
# ```python
# latent_dim = 8  # create() reads it; set it back afterwards
# small, _, rows = train(split, a=1.0, b=0.0, **compared)
# pca = PCA(8).fit(x[rows].numpy())
# drawn = pca.inverse_transform(pca.transform(x[every].numpy()))
# errors = {"network": judge(small, every)["error"], "components": squared_error(every, drawn)}
# eight = {name: mean_error(every, error[:, 1]) for name, error in errors.items()}
# print("\n".join(f"{name:<10} {error:.4f}" for name, error in eight.items()))
# latent_dim = parameters["latent_dim"]
# ```
#
# The gap closes: the two come out about level. Where numbers are scarce, a curved surface through the beats begins to pay
# for its training; with 64 of them there is little left for the curve to win.
# </details>
# <details><summary>A check: <code>eight</code></summary>
#
# ```python
# assert set(eight) == {"network", "components"}, f"expected network and components, got {', '.join(eight)}"
# most = mean_error(every, squared_error(every, 0 * x[every])[:, 1]).value  # of a flat line
# for name, error in eight.items():
#     assert 0 < np.ravel(error)[0] < most, f"{name}: {np.ravel(error)[0]:.4f} mV², and a flat line errs by {most:.4f}"
# assert latent_dim == parameters["latent_dim"], "set latent_dim back: later cells read it"
# ```
# </details>
#
# **2. Strange for whom?** Divide each beat's error by the median error of its record. No label is needed for that. What
# becomes of the AUROC for S, and for V? Call the divided error `relative`.
#
# <details><summary>A solution</summary>
#
# ```python
# error = pd.Series(detectors["our error (z²)"])
# relative = (error / error.groupby(beats.record[test]).transform("median")).to_numpy()
# for name in "SV":
#     print(name, "as it is", finds(test, error.to_numpy(), name), "relative", finds(test, relative, name))
# ```
#
# S falls to chance: it was the patient that had been found. V stays where it was: smooth waves are easy to draw, in
# whatever heart. (The median looks at the whole recording, so a live monitor would have to take the beats so far.)
# </details>
# <details><summary>A check: <code>relative</code></summary>
#
# ```python
# assert np.shape(relative) == (len(test),), f"one error a test beat is {len(test)} numbers, not {np.shape(relative)}"
# medians = [np.median(np.asarray(relative)[beats.record[test] == record]) for record in np.unique(beats.record[test])]
# assert np.allclose(medians, 1), f"the median of each record should be 1; they reach from {min(medians):.2f} to {max(medians):.2f}"
# ```
# </details>
#
# **3. A third loss.** The latent vector names the patient. Can you teach it not to? Add a second head that names the training
# patient, and subtract its loss from the encoder's (Ganin et al. 2016 turn the gradient round). Watch what happens to the
# macro F1 over new patients; choose on folds of the training patients, not on the test.
#
# <details><summary>A hint</summary>
#
# A `torch.autograd.Function` whose `forward` returns its input and whose `backward` returns minus the gradient, put between
# the latent vector and the new head, does it with one backward pass.
# </details>

# %% [markdown]
# ## What you learned
#
# - You *combined* two losses with weights, and saw which one falls when.
# - You *compared* the network with principal components, and the components drew better.
# - You *asked* the latent space for the patient, and it answered.
# - You *judged* the reconstruction error as a sign of something wrong: it tells the unfamiliar from the familiar, and an
#   unfamiliar heart is not a sick one.
# - You *answered* whether the second loss helps, with the interval of a paired difference.
#
# **In practice.** Put the linear method beside the deep one before you praise a reconstruction. Ask of every second loss
# what it costs the first. If a system may learn from a patient before it is judged on that patient, say so beside the
# figure, and say who labels those minutes.
#
# **Next.** Lesson 04 asks what a network costs: parameters, operations, milliseconds and memory, for seven small
# architectures.
#
# ### References
#
# - Liu, Sun, Han, He, Zhang, Wu 2022. Arrhythmia classification of LSTM autoencoder based on time series anomaly
#   detection. *Biomedical Signal Processing and Control* 71.
#   [doi:10.1016/j.bspc.2021.103228](https://doi.org/10.1016/j.bspc.2021.103228)
# - Moody, Mark 2001. The impact of the MIT-BIH Arrhythmia Database. *IEEE Engineering in Medicine and Biology Magazine*
#   20(3). [doi:10.1109/51.932724](https://doi.org/10.1109/51.932724)
# - de Chazal, O'Dwyer, Reilly 2004. Automatic classification of heartbeats using ECG morphology and heartbeat interval
#   features. *IEEE Transactions on Biomedical Engineering* 51(7).
#   [doi:10.1109/TBME.2004.827359](https://doi.org/10.1109/TBME.2004.827359)
# - Ganin et al. 2016. Domain-adversarial training of neural networks. *Journal of Machine Learning Research* 17.
#   [jmlr.org/papers/v17/15-239](https://www.jmlr.org/papers/v17/15-239.html)
# - Szegedy et al. 2015. Going deeper with convolutions. *CVPR*.
#   [doi:10.1109/CVPR.2015.7298594](https://doi.org/10.1109/CVPR.2015.7298594)
# - van der Maaten, Hinton 2008. Visualizing data using t-SNE. *Journal of Machine Learning Research* 9.
#   [jmlr.org/papers/v9/vandermaaten08a](https://www.jmlr.org/papers/v9/vandermaaten08a.html)
#
# ## The record of this run
#
# *Starts from: Three ways to split; Baselines first; The model; Training with two losses; Evaluation; The latent space:
# the heart, or the patient?; Is a badly drawn beat a sick one?; The ablation: does the second loss help?; Convolutions
# beside it; The three splits side by side.*

# %%
run.save_model(network, before=before, after=after, fs=fs, lead="MLII", unit="z-score", classes=" ".join(names))  # fmt: skip
run.save_predictions(
    y_true=beats.label[test], y_pred=predicted, y_probs=main["probability"], record=beats.record[test],
    sample=beats.r_sample[test], squared_error=main["error"][:, 0],
)  # fmt: skip

# %% tags=["nbval-ignore-output"]
splits = {k: classification.metrics(results[k]["matrices"], names, macro_over=over[k]) for k in parts}  # fmt: skip
for name, values in splits.items():
    e = mean_error(parts[name].test, results[name]["error"][:, 1])
    found = {c: finds(parts[name].test, results[name]["error"][:, 0], c) for c in "VSFQ"}
    values |= {"reconstruction_mse": e.value, "reconstruction_mse_interval": e[1:], "anomaly_auroc": found}  # fmt: skip
both = {k: evaluation.Estimate(ablation["1 : 1"][f"{k}_gain"], *ablation["1 : 1"][f"{k}_gain_interval"]) for k in ("head", "error")}  # fmt: skip
headline = (
    f"Split {split}: macro F1 {macro_f1.value:.3f}, error of the drawing {mse['mV'].value:.4f} mV². One network for both tasks, "
    f"minus one for each: macro F1 {both['head']:+.3f}, error {both['error']:+.4f} mV². After the first {adapt_minutes:g} minutes "
    f"of each test patient: macro F1 {adapted:+.3f}."
)
record = run.finish(
    splits[split] | dict(
        reconstruction_mse_z=mse["z"].value, reconstruction_mse_z_interval=mse["z"][1:], headline=headline, splits=splits,
        pca_reconstruction_mse=linear_mse.value, pca_reconstruction_mse_interval=linear_mse[1:], models=rivals,
        **{f"beat_wise_{k}": v for k, v in splits["beat-wise"].items() if "accuracy" in k or "mse" in k},
        anomaly_auroc={c: e and e.value for c, e in anomaly["our error (z²)"].items()}, anomaly=anomaly,
        adaptation_macro_f1=adapted.value, adaptation_macro_f1_interval=adapted[1:], adaptation_others=adapted_others,
        ablation=ablation, names_the_patient=identity,
        train_beats_per_second=train_rate, inference_beats_per_second=len(test) / main["seconds"],
        textbook={"train_beats_per_second": rates["textbook"]}, baseline_measure="macro F1",
        baselines={k: e.value for k, e in baselines.items()}, baseline_intervals={k: e[1:] for k, e in baselines.items()},
    ),
    train_seconds=sum(history.seconds),
)  # fmt: skip

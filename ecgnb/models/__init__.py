"""Models by name: `create` makes one, `save` and `load` keep one in a file that holds no code."""

from ecgnb.models.files import load, save
from ecgnb.models.pretrained import load_pretrained, pretrained_names
from ecgnb.models.registry import (
    CNNLSTM,
    LDCNN,
    BeatSequenceNet,
    BiRCNN,
    ComplexCNN,
    DeepECGNet,
    ECGNet,
    LiteECGNet,
    LSTMAutoencoder,
    LSTMAutoencoderClassifier,
    MicroECGNet,
    ResNet1d,
    SEECGNet,
    SimpleCNN,
    WaveUNet,
    count_parameters,
    create,
    names,
)

__all__ = [
    "CNNLSTM",
    "LDCNN",
    "BeatSequenceNet",
    "BiRCNN",
    "ComplexCNN",
    "DeepECGNet",
    "ECGNet",
    "LSTMAutoencoder",
    "LSTMAutoencoderClassifier",
    "LiteECGNet",
    "MicroECGNet",
    "ResNet1d",
    "SEECGNet",
    "SimpleCNN",
    "WaveUNet",
    "count_parameters",
    "create",
    "load",
    "load_pretrained",
    "names",
    "pretrained_names",
    "save",
]

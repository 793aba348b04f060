"""The DeepECGNet: strided convolutions make tokens of the signal, a transformer encoder relates them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ecgnb.models.layers import BeatClassifier, conv_block, scaled

HEADS = 4


class DeepECGNet(BeatClassifier):
    """Three strided convolutions, two pre-norm transformer layers of four heads, attentive pooling.

    Vaswani et al. 2017, Attention is all you need, arXiv:1706.03762; pre-norm: Xiong et al. 2020, arXiv:2002.04745.

    Parameters
    ----------
    n_samples, n_classes, width
        As for `BeatClassifier`.
    """

    shortest = 32

    def __init__(self, n_samples: int, n_classes: int = 5, width: float = 1.0) -> None:
        super().__init__(n_samples, n_classes, width)
        d_model = HEADS * scaled(32, width)
        self.tokens = nn.Sequential(
            conv_block(1, scaled(32, width), 15, stride=2),
            conv_block(scaled(32, width), scaled(64, width), 7, stride=2),
            conv_block(scaled(64, width), d_model, 5, stride=2),
        )
        n_tokens = -(-n_samples // 8)  # three halvings, each rounded up
        self.place = nn.Parameter(0.02 * torch.randn(1, n_tokens, d_model))  # attention alone knows no order
        layer = nn.TransformerEncoderLayer(
            d_model, HEADS, 2 * d_model, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(d_model), enable_nested_tensor=False)
        self.attention = nn.Linear(d_model, 1, bias=False)  # softmax takes a common shift away, so no bias
        self.head = nn.Linear(d_model, n_classes)

    def score(self, image: Tensor) -> Tensor:
        """Score the classes: (n, 1, 1, n_samples) to (n, n_classes)."""
        states = self.encoder(self.tokens(image)[:, :, 0].transpose(1, 2) + self.place)  # (n, n_tokens, d_model)
        share = self.attention(states).softmax(dim=1)  # (n, n_tokens, 1): where to look
        return self.head((share * states).sum(dim=1))

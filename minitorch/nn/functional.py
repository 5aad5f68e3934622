"""The functions of networks, under torch's names: activations, losses, convolutions, norms.

`import minitorch.nn.functional as F`, as in torch. They hold no parameters: weights are arguments.
"""

from minitorch.ops.activation import (
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    logsigmoid,
    prelu,
    relu,
    relu6,
    sigmoid,
    softshrink,
    softsign,
    tanhshrink,
    threshold,
)
from minitorch.ops.adaptive_pool import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from minitorch.ops.arrange import pad
from minitorch.ops.attention import scaled_dot_product_attention
from minitorch.ops.avg_pool import avg_pool1d, avg_pool2d, avg_pool3d
from minitorch.ops.bags import embedding_bag
from minitorch.ops.class_margin import (
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
)
from minitorch.ops.conv import conv1d, conv2d, conv3d
from minitorch.ops.conv_transpose import conv_transpose1d, conv_transpose2d, conv_transpose3d
from minitorch.ops.cross_entropy import cross_entropy, nll_loss
from minitorch.ops.ctc import ctc_loss
from minitorch.ops.distance import pdist
from minitorch.ops.dropout import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from minitorch.ops.einsum import bilinear
from minitorch.ops.elementwise import tanh
from minitorch.ops.gate import glu
from minitorch.ops.grid import affine_grid, grid_sample
from minitorch.ops.gumbel import gumbel_softmax
from minitorch.ops.lookup import embedding, one_hot
from minitorch.ops.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    smooth_l1_loss,
)
from minitorch.ops.lp_pool import lp_pool1d, lp_pool2d, lp_pool3d
from minitorch.ops.margin import (
    cosine_embedding_loss,
    cosine_similarity,
    gaussian_nll_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    pairwise_distance,
    poisson_nll_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from minitorch.ops.matmul import linear
from minitorch.ops.max_pool import max_pool1d, max_pool2d, max_pool3d
from minitorch.ops.norm import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    normalize,
    rms_norm,
)
from minitorch.ops.pixels import channel_shuffle, pixel_shuffle, pixel_unshuffle
from minitorch.ops.resize import interpolate
from minitorch.ops.response import local_response_norm
from minitorch.ops.rrelu import rrelu
from minitorch.ops.smooth import celu, elu, gelu, mish, selu, silu, softplus
from minitorch.ops.softmax import (
    log_softmax,
    log_softmax_naive,
    log_softmax_simplified,
    softmax,
    softmin,
)
from minitorch.ops.unpool import max_unpool1d, max_unpool2d, max_unpool3d
from minitorch.ops.window import col2im, fold, im2col, unfold

celu_, elu_, relu_, selu_ = celu.inplace, elu.inplace, relu.inplace, selu.inplace
upsample = interpolate  # its older name
hardtanh_, leaky_relu_, threshold_ = hardtanh.inplace, leaky_relu.inplace, threshold.inplace

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "affine_grid",
    "alpha_dropout",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "celu_",
    "channel_shuffle",
    "col2im",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "elu_",
    "embedding",
    "embedding_bag",
    "feature_alpha_dropout",
    "fold",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "grid_sample",
    "group_norm",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "hinge_embedding_loss",
    "huber_loss",
    "im2col",
    "instance_norm",
    "interpolate",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "leaky_relu_",
    "linear",
    "local_response_norm",
    "log_softmax",
    "log_softmax_naive",
    "log_softmax_simplified",
    "logsigmoid",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
    "mish",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pdist",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rms_norm",
    "rrelu",
    "scaled_dot_product_attention",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "unfold",
    "upsample",
]

"""A few networks for images, by name: small enough to read, and none says the size of its input."""

from __future__ import annotations

from collections.abc import Callable

from minitorch import nn
from minitorch.nn import functional as F
from minitorch.tensor import Tensor


def linear(classes: int = 10) -> nn.Module:
    """One layer: softmax regression."""
    return nn.Sequential(nn.Flatten(), nn.Linear(classes))


def mlp(classes: int = 10) -> nn.Module:
    """50 hidden units: 784-50-10 on images of 28x28."""
    return nn.Sequential(nn.Flatten(), nn.Linear(50), nn.ReLU(), nn.Linear(classes))


class LeNet(nn.Module):
    """Two convolutions with pooling, two linear layers; about LeNet-5.

    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document
    recognition", 1998; with rectifiers, and max in place of mean.
    """

    def __init__(self, classes: int = 10):
        self.cv1 = nn.Conv2d(20, kernel_size=5)
        self.cv2 = nn.Conv2d(50, kernel_size=5)
        self.mp = nn.MaxPool2d(2)
        self.hidden = nn.Linear(500)
        self.classifier = nn.Linear(classes)

    def forward(self, x: Tensor) -> Tensor:
        """Scores (N, classes) of images (N, C, H, W)."""
        x = self.mp(self.cv1(x).relu())
        x = self.mp(self.cv2(x).relu())
        return self.classifier(self.hidden(x.flatten(1)).relu())


class Residual(nn.Module):
    """y = relu(x + f(x)), where f is two convolutions with batch norm.

    K. He, X. Zhang, S. Ren and J. Sun, "Deep residual learning for image recognition", 2016.
    """

    def __init__(self, channels: int):
        self.first = nn.Conv2dBatchNorm(channels, channels, 3, padding=1, activation=F.relu)
        self.second = nn.Conv2dBatchNorm(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        return (x + self.second(self.first(x))).relu()


def resnet(classes: int = 10) -> nn.Module:
    """Two residual blocks between a convolution and a mean over the image."""
    return nn.Sequential(
        nn.Conv2dBatchNorm(16, kernel_size=3, stride=2, padding=1, activation=F.relu),
        Residual(16),
        nn.Conv2dBatchNorm(32, kernel_size=3, stride=2, padding=1, activation=F.relu),
        Residual(32),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(classes),
    )


MODELS: dict[str, Callable[[], nn.Module]] = {
    "linear": linear,
    "mlp": mlp,
    "lenet": LeNet,
    "resnet": resnet,
}

r"""Looking inside a network: what goes through its layers, and what happens to its parameters.

    with ActivationStats(model) as activations, GradientStats(model, optimizer) as gradients:
        train(model)
    print(activations, gradients, sep="\n\n")

Numbers only, and tables of them as text; the pictures are drawn by what draws, from these numbers.
Before training, `init_report` looks at the first weights, and `first_loss_check` at the first loss.
"""

from minitorch.diagnostics.activations import ActivationStats
from minitorch.diagnostics.first_loss import FirstLoss, first_loss_check
from minitorch.diagnostics.gradients import (
    GradientStats,
    ParameterRow,
    ParameterTable,
    parameter_stats,
    unused_parameters,
)
from minitorch.diagnostics.measuring import Stats, stats
from minitorch.diagnostics.series import Series
from minitorch.diagnostics.start import InitReport, InitRow, init_report

__all__ = [
    "ActivationStats",
    "FirstLoss",
    "GradientStats",
    "InitReport",
    "InitRow",
    "ParameterRow",
    "ParameterTable",
    "Series",
    "Stats",
    "first_loss_check",
    "init_report",
    "parameter_stats",
    "stats",
    "unused_parameters",
]

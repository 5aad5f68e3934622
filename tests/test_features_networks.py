"""The feature table, row by row, for networks: where each is checked, and other checks."""

from __future__ import annotations

import copy
import inspect
import pickle
from dataclasses import FrozenInstanceError, dataclass
from typing import Any

import numpy as np
import pytest

import minitorch
import minitorch.nn.functional as F
from minitorch import nn, optim
from minitorch.utils.data import sine, xor
from tests.helpers import absent_tests, rows_by_name

# Where a row is checked that has no test of its name, here or in test_features.py.
ELSEWHERE = {
    "A02": "test_init_draws::test_uniform_stays_in_bounds",
    "A11": "test_build::test_a_model_in_float64_is_built_in_float64",
    "A13": "test_nn_conv::test_lenet_finds_the_six_sizes",
    "A14": "test_nn_conv::test_lenet_finds_the_six_sizes",
    "A15": "test_nn_conv::test_lenet_parameters_have_their_names_and_shapes",
    "A16": "test_nn_conv::test_bias_can_be_left_out",
    "A17": "test_nn_pool::test_pools_hold_no_parameters",
    "A20": "test_build::test_two_inputs_by_place_or_by_name",
    "A22": "test_module::test_two_instances_share_no_memory",
    "A23": "test_module::test_members_are_found_in_attributes_lists_tuples_and_dicts_in_order",
    "A24": "test_save::test_a_model_comes_back_and_gives_the_same_outputs",
    "A25": "test_optim::test_a_model_and_its_parameters_in_any_form_train_alike",
    "A26": "test_optim::test_loose_tensors_are_all_updated",
    "A27": "test_learner::test_open_model_and_default_optimizer_and_loss",
    "A28": "test_learner_predict::test_in_evaluation_mode_without_a_tape_short_last_batch_included",
    "A29": "test_learner::test_losses_and_metrics_are_weighted_by_the_size_of_the_batch",
    "A30": "test_containers::test_sequential_from_arguments_a_list_a_generator_or_a_dict",
    "A31": "test_stateless::test_a_two_branch_model_of_symbols_equals_the_class",
    "A32": "test_build::test_an_inferred_model_starts_from_the_same_numbers_as_an_explicit_one",
    "A33": "test_build::test_a_mis_sized_layer_is_found_by_path_before_any_data",
    "A37": "test_train_runs::test_lenet_learns_the_digits",
    "A38": "test_build::test_a_model_in_float64_is_built_in_float64",
    "B04": "test_vmap::test_a_layer_under_vmap_is_single_calls_stacked",
    "B05": "test_nn_conv::test_output_shape_is_the_shape_of_forward",
    "B07": "test_build::test_build_creates_every_parameter_and_returns_the_model",
    "B09": "test_stateless::test_functional_call_uses_what_it_is_given_and_puts_everything_back",
    "B14": "test_nn_conv::test_inferred_and_written_lenet_start_from_the_same_numbers",
    "B15": "test_module::test_activation_by_function_module_or_name",
    "B16": "test_nn_conv::test_same_padding_keeps_the_size",
    "B17": "test_nn_pool::test_means_by_hand",
    "B18": "test_features_networks::test_b18",
    "B19": "test_nn_conv::test_bias_can_be_left_out",
    "B20": "test_containers::test_sequential_from_arguments_a_list_a_generator_or_a_dict",
    "B21": "test_build::test_a_mis_sized_layer_is_found_by_path_before_any_data",
    "B22": "test_build::test_build_creates_every_parameter_and_returns_the_model",
    "B23": "test_build::test_a_model_in_float64_is_built_in_float64",
    "B24": "test_build::test_a_build_needs_no_memory",
    "B25": "test_build::test_a_model_in_float64_is_built_in_float64",
    "C24": "test_init_signals::test_dividing_by_the_root_of_m_keeps_the_std_of_a_linear_layer",
    "C26": "test_init_signals::test_relu_takes_half_of_the_second_moment",
    "C27": "test_init_signals::test_without_the_factor_2_every_layer_takes_half",
    "C28": "test_init_signals::test_the_factor_2_gives_second_moment_1_not_std_1",
    "C29": "test_nn_conv::test_a_shifted_relu_has_mean_near_zero",
    "C30": "test_init_signals::test_kaiming_normal_as_a_call",
    "C46": "test_init_signals::test_the_default_of_torch_leaves_a_conv_with_std_0_6",
    "C47": "test_nn_conv::test_kaiming_with_slope_1_keeps_the_standard_deviation",
    "C49": "test_init_signals::test_a_slope_of_0_gives_a_rectified_conv_second_moment_1",
    "C51": "test_init_fans::test_receptive_field_size",
    "C52": "test_init_fans::test_fans",
    "C53": "test_init_gains::test_leaky_relu",
    "C54": "test_init_scaled::test_std_is_the_formulas",
    "C55": "test_init_scaled::test_use_fan_out_changes_std_by_the_root_of_their_ratio",
    "C56": "test_init_scaled::test_torchs_default_comes_from_the_root_of_five",
    "C57": "test_module::test_members_are_found_in_attributes_lists_tuples_and_dicts_in_order",
    "C58": "test_features_networks::test_a12_a36",
    "C71": "test_metrics::test_accuracy_is_the_share_of_right_answers",
    "C72": "test_train_runs::test_the_lesson_network_learns_the_digits",
    "C73": "test_loader::test_minibatches_in_order_with_a_short_last_one",
    "C74": "test_optim::test_nothing_is_recorded",
    "D03": "test_module::test_init_functions_of_the_user",
    "D04": "test_init_draws::test_constants",
    "D05": "test_init_draws::test_uniform_stays_in_bounds",
    "D06": "test_init_draws::test_normal_has_its_mean_and_std",
    "D07": "test_init_scaled::test_the_bound_of_glorot_is_linear_in_its_gain",
    "D08": "test_init_scaled::test_std_is_the_formulas",
    "D09": "test_init_scaled::test_he_mean",
    "D10": "test_init_scaled::test_he_by_its_own_gain_is_kaiming_by_its_root",
    "D11": "test_init_scaled::test_use_fan_out_changes_std_by_the_root_of_their_ratio",
    "D12": "test_init_fans::test_fans",
    "D13": "test_init::test_an_unseeded_stream_tells_the_seed_that_repeats_it",
    "D14": "test_module::test_a_generator_makes_a_layer_independent_of_all_others",
    "D16": "test_module::test_init_functions_of_the_user",
    "D17": "test_module::test_init_functions_of_the_user",
    "D18": "test_module::test_init_functions_of_the_user",
    "D20": "test_nn_conv::test_input_channels_may_be_left_out",
    "D21": "test_nn_conv::test_input_channels_may_be_left_out",
    "D22": "test_nn_conv::test_gradients_of_a_convolution",
    "D23": "test_nn_conv::test_padding_in_pairs_is_padding_before",
    "D24": "test_nn_conv::test_dilation_is_a_kernel_with_zeros_between",
    "D25": "test_nn_conv::test_two_groups_are_two_convolutions",
    "D26": "test_nn_conv::test_init_functions_and_streams",
    "D27": "test_nn_conv::test_channels_last_gives_the_transposed_result",
    "D28": "test_nn_norm::test_each_channel_has_mean_0_and_variance_1",
    "D29": "test_nn_norm::test_running_statistics_take_a_tenth_of_each_batch",
    "D30": "test_nn_norm::test_constant_channels_become_zero",
    "D31": "test_nn_norm::test_init_functions",
    "D32": "test_nn_norm::test_running_statistics_are_saved_and_not_trained",
    "D33": "test_nn_norm::test_eval_uses_the_running_statistics",
    "D34": "test_nn_conv::test_conv_batch_norm_is_the_two_in_a_row",
    "D35": "test_nn_activation::test_backward_uses_the_mask_of_forward",
    "D36": "test_nn_activation::test_without_normalize_survivors_stay_as_they_are",
    "D45": "test_stateless::test_value_and_grad_equals_the_eager_step_and_keeps_nothing",
    "D46": "test_state_dict::test_loading_writes_in_place_and_round_trips",
    "D47": "test_state_dict::test_loading_writes_in_place_and_round_trips",
    "D48": "test_stateless::test_value_and_grad_equals_the_eager_step_and_keeps_nothing",
    "D49": "test_stateless::test_value_and_grad_equals_the_eager_step_and_keeps_nothing",
    "D50": "test_stateless::test_value_and_grad_equals_the_eager_step_and_keeps_nothing",
    "D51": "test_stateless::test_evaluation_has_no_tape_and_puts_the_modes_back",
    "D52": "test_stateless::test_evaluation_has_no_tape_and_puts_the_modes_back",
    "D53": "test_stateless::test_value_and_grad_leaves_frozen_and_unused_parameters_out",
    "D54": "test_optim_rules::test_sgd_subtracts_lr_times_the_gradient",
    "D55": "test_optim_rules::test_sgd_weight_decay_shrinks_by_lr_times_decay",
    "D56": "test_optim_rules::test_sgd_momentum_keeps_its_direction",
    "D57": "test_optim_rules::test_sgd_nesterov_looks_ahead",
    "D58": "test_optim_rules::test_the_first_step_of_adam_is_lr_whatever_the_scale",
    "D59": "test_optim_rules::test_adam",
    "D60": "test_optim_rules::test_adam",
    "D61": "test_optim_rules::test_adam",
    "D62": "test_optim_rules::test_adam_corrects_its_bias_at_step_1_and_at_step_1000",
    "D63": "test_optim_rules::test_adamw_shrinks_a_parameter_with_zero_gradient",
    "D64": "test_optim::test_weight_decay_leaves_biases_alone_by_a_flag_and_not_by_name",
    "D65": "test_optim_state::test_a_resumed_run_is_bit_equal_to_an_unbroken_one",
    "D66": "test_optim::test_the_functional_step_is_the_step",
    "D67": "test_optim::test_lr_is_the_last_value_set",
    "D68": "test_optim::test_lr_is_the_last_value_set",
    "D69": "test_optim::test_repr_shows_what_is_not_the_default",
    "D70": "test_optim::test_a_rule_of_ones_own_is_one_method",
    "D71": "test_lr_scheduler::test_step_is_down_by_gamma_every_step_size",
    "D72": "test_lr_scheduler::test_linear_is_exact_at_both_ends_between_and_after",
    "D73": "test_lr_scheduler::test_cosine_at_its_ends_and_in_the_middle",
    "D74": "test_lr_scheduler_combined::test_warm_up_then_cosine_in_series",
    "D75": "test_lr_scheduler_combined::test_init_equals_stepping",
    "D76": "test_lr_scheduler_combined::test_restored_in_the_middle_it_goes_on_as_if_unbroken",
    "D77": "test_lr_scheduler_errors::test_repr_names_every_stage_and_its_arguments",
    "D78": "test_lr_scheduler::test_a_schedule_in_three_lines_works_in_a_chain",
    "D79": "test_lr_scheduler_errors::test_numbers_are_written_in_three_digits",
    "D80": "test_stateless::test_value_and_grad_equals_the_eager_step_and_keeps_nothing",
    "E02": "test_containers::test_sequential_from_arguments_a_list_a_generator_or_a_dict",
    "E03": "test_features_networks::test_d15",
    "E04": "test_nn_activation::test_an_activation_is_its_function",
    "E06": "test_features_networks::test_e07_e08_e09_e12",
    "E10": "test_containers::test_the_nets_of_the_fifth_source_document",
    "E11": "test_nn_activation::test_a_function_inside_forward_is_as_good_as_a_module",
    "E14": "test_containers::test_the_nets_of_the_fifth_source_document",
    "E15": "test_containers::test_the_nets_of_the_fifth_source_document",
    "E16": "test_containers::test_the_nets_of_the_fifth_source_document",
    "E17": "test_module::test_a_shared_layer_is_listed_once_and_its_gradient_sums_over_both_uses",
    "E18": "test_containers::test_the_nets_of_the_fifth_source_document",
    "E19": "test_containers::test_the_nets_of_the_fifth_source_document",
    "E20": "test_containers::test_the_nets_of_the_fifth_source_document",
    "E23": "test_containers::test_the_nets_of_the_fifth_source_document",
    "E24": "test_containers::test_the_nets_of_the_fifth_source_document",
    "E25": "test_containers::test_the_nets_of_the_fifth_source_document",
    "I07": "test_wengert::test_backward_is_explained_step_by_step",
    "I08": "test_diagnostics::"
    "test_weights_without_the_two_halve_the_second_moment_and_the_report_says_so",
    "I09": "test_diagnostics::test_layers_are_heard_before_and_after_their_activation",
    "I10": "test_plot::test_without_matplotlib_a_plot_is_a_table",
    "I13": "test_diagnostics::test_measured_gains_are_the_tables",
    "I14": "test_cuda::test_parity_of_a_label_out_of_range",
    "I17": "test_diagnostics::test_the_first_loss_is_compared_with_guessing",
    "I18": "test_train_command::test_a_run_and_the_same_run_again",
}

# Table 1 but for what is the lessons' to show, and the rows beyond it that concern these parts.
ROWS = [
    *(f"A{i:02}" for i in range(1, 39)),
    *(f"B{i:02}" for i in range(1, 29)),
    *(f"C{i:02}" for i in (*range(4, 17), 18, 19, *range(23, 31), 32, 33, *range(38, 50))),
    *(f"C{i:02}" for i in range(51, 77)),
    *(f"D{i:02}" for i in range(1, 81)),
    *(f"E{i:02}" for i in range(1, 26)),
    *(f"F{i:02}" for i in (1, 2, 3, 4, 5, 8)),
    *(f"I{i:02}" for i in (*range(7, 11), 13, 14, 17, 18)),
]


def test_every_row_is_checked():
    checked = set(ELSEWHERE) | rows_by_name("test_features", "test_features_networks")
    assert [row for row in ROWS if row not in checked] == []


def test_the_tests_named_are_there():
    assert absent_tests(ELSEWHERE.values()) == []


class LeNet(nn.Module):
    def __init__(self) -> None:
        self.cv1 = nn.Conv2d(20, kernel_size=5)
        self.cv2 = nn.Conv2d(50, kernel_size=5)
        self.mp = nn.MaxPool2d(2)
        self.hidden = nn.Linear(500)
        self.classifier = nn.Linear(10)

    def forward(self, x: Any) -> Any:
        x = self.mp(self.cv1(x).relu())
        x = self.mp(self.cv2(x).relu())
        return self.classifier(self.hidden(x.flatten(1)).relu())


def images(n: int) -> Any:
    return minitorch.from_numpy(
        np.random.default_rng(0).standard_normal((n, 1, 28, 28)).astype(np.float32)
    )


def same_state(a: Any, b: Any) -> bool:
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(minitorch.equal(a[k], b[k]) for k in a)


# A: declaring a network -----------------------------------------------------------------------


def test_a10():
    lines = [line for line in inspect.getsource(LeNet).splitlines() if line.strip()]
    assert len(lines) <= 12
    assert repr(LeNet()).startswith("LeNet(")


def test_a12_a36():
    model = LeNet().build((1, 28, 28))
    for n in (1, 7, 64):
        assert model(images(n)).shape == (n, 10)


def test_a18():
    model = LeNet().build((1, 28, 28))
    x = images(2)
    m = model
    nested = F.relu(m.hidden(F.max_pool2d(F.relu(m.cv2(m.mp(F.relu(m.cv1(x))))), 2).flatten(1)))
    assert minitorch.equal(m.classifier(nested), model(x))


def test_a19_a37():
    """Layers and functions in one forward; loss falls on a few images."""
    model = LeNet().build((1, 28, 28))
    optimizer = optim.SGD(model, lr=0.05)
    x, t = images(16), minitorch.arange(16) % 10
    losses = []
    for _ in range(20):
        loss = F.cross_entropy(model(x), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


def test_a21():
    class Twice(nn.Module):
        def forward(self, x: Any) -> Any:
            temporary = x * 3
            return temporary + temporary * temporary

    x = minitorch.tensor([2.0], requires_grad=True)
    Twice()(x).sum().backward()
    assert x.grad.tolist() == [3 + 2 * 9 * 2]


def test_a34():
    def random_lenet(seed: int) -> Any:
        minitorch.manual_seed(seed)
        return LeNet().build((1, 28, 28))

    assert same_state(random_lenet(0), random_lenet(0))
    assert not same_state(random_lenet(0), random_lenet(1))


def test_a35():
    minitorch.manual_seed(0)
    x, t = xor()
    model = nn.Sequential(nn.Linear(8), nn.Tanh(), nn.Linear(2)).build((2,))
    optimizer = optim.Adam(model, lr=0.05)
    for _ in range(200):
        F.cross_entropy(model(x), t).backward()
        optimizer.step()
        optimizer.zero_grad()
    corners = minitorch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    assert model(corners).argmax(1).tolist() == [0, 1, 1, 0]


# B: shapes ------------------------------------------------------------------------------------


def test_b02():
    model = nn.Sequential(nn.Conv2d(3, kernel_size=3), nn.ReLU(), nn.Flatten(), nn.Linear(4))
    rows = model.summary((2, 8, 8)).rows[1:]
    model.build((2, 8, 8))
    seen: list[str] = []
    for module in model:
        module.register_forward_hook(lambda m, args, y: seen.append(y.shape[1:]))
    model(minitorch.zeros(5, 2, 8, 8))
    assert [row.output for row in rows] == [f"(N, {', '.join(map(str, s))})" for s in seen]


def test_b08():
    @dataclass(frozen=True)
    class Dense(nn.Module):
        out: int

        def forward(self, x: Any) -> Any:
            return self.attached("linear", lambda: nn.Linear(self.out))(x)

    layer = Dense(3)
    assert list(layer.parameters()) == []
    assert layer(minitorch.zeros(2, 5)).shape == (2, 3)
    assert [name for name, _ in layer.named_parameters()] == ["linear.weight", "linear.bias"]
    assert layer == Dense(3)  # by its fields
    with pytest.raises(FrozenInstanceError):
        layer.out = 4
    assert Dense(3).build((7,)).linear.in_features == 7


def test_b01_b10_b11():
    def made(make: Any) -> Any:
        minitorch.manual_seed(5)
        return make()

    explicit = made(lambda: nn.Linear(784, 10))
    assert same_state(made(lambda: nn.Linear(10).build((784,))), explicit)


def test_b12():
    """A layer without sizes is its hyperparameters: it prints, compares by that, and is copied."""
    hyper = nn.Linear(10, bias=False)
    assert repr(hyper) == "Linear(in_features=?, out_features=10, bias=False)"
    for twin in (copy.deepcopy(hyper), pickle.loads(pickle.dumps(hyper))):
        assert repr(twin) == repr(hyper)
        assert twin.build((3,)).weight.shape == (10, 3)
    assert hyper.in_features is None


def test_b13():
    model = nn.Sequential(*[nn.Linear(n) for n in (784, 400, 100, 10)])
    assert model.build((784,))(minitorch.zeros(10_000, 784)).shape == (10_000, 10)


def test_b18():
    x = images(2)
    assert minitorch.equal(nn.Flatten()(x), x.reshape(2, -1))


def test_b26():
    """Widths that are merely handed on (120, 84) are written once."""
    source = inspect.getsource(test_b28)
    assert source.count("120") == 1
    assert source.count("84") == 1


def test_b28():
    model = nn.Sequential(
        nn.Conv2d(6, kernel_size=5, padding=2, activation="relu"),
        nn.AvgPool2d(2),
        nn.Conv2d(16, kernel_size=5, activation="relu"),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(120, activation="relu"),
        nn.Linear(84, activation="relu"),
        nn.Linear(10),
    )
    model.build((1, 28, 28))
    assert model(images(3)).shape == (3, 10)
    assert model[5].in_features == 400


# C --------------------------------------------------------------------------------------------


def test_c75():
    """A sine is fitted by one hidden layer."""
    minitorch.manual_seed(0)
    x = minitorch.linspace(0, 1, 100).reshape(-1, 1)
    t = (2 * np.pi * x).sin()
    model = nn.Sequential(nn.Linear(32), nn.Tanh(), nn.Linear(1)).build((1,))
    optimizer = optim.Adam(model, lr=0.02)
    for _ in range(400):
        loss = F.mse_loss(model(x), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05
    assert len(sine(50)) == 2


def test_c76():
    """The same training from functions and from classes: bit-equal losses."""
    minitorch.manual_seed(0)
    layer, out = nn.Linear(4, 8), nn.Linear(8, 2)
    model = nn.Sequential(copy.deepcopy(layer), nn.ReLU(), copy.deepcopy(out))
    optimizer = optim.SGD(model, lr=0.1)
    w = [p.detach().clone().requires_grad_() for p in (*layer.parameters(), *out.parameters())]
    x, t = minitorch.randn(32, 4), minitorch.randint(0, 2, (32,))
    for _ in range(5):
        a = F.cross_entropy(F.linear(F.linear(x, w[0], w[1]).relu(), w[2], w[3]), t)
        a.backward()
        with minitorch.no_grad():
            for p in w:
                p -= 0.1 * p.grad
                p.grad = None
        b = F.cross_entropy(model(x), t)
        optimizer.zero_grad()
        b.backward()
        optimizer.step()
        assert a.item() == b.item()


# D: the module table --------------------------------------------------------------------------


def test_d01():
    w = nn.Parameter(minitorch.ones(2), requires_grad=False)
    v = nn.Parameter(minitorch.ones(2))
    (w * v).sum().backward()
    assert w.grad is None
    assert v.grad.tolist() == [1, 1]
    assert v.data.tolist() == [1, 1]


def test_d02():
    stream = lambda: minitorch.Generator().manual_seed(3)
    a, b = (nn.Parameter(nn.init.draw(nn.init.he(), (3, 4), generator=stream())) for _ in range(2))
    assert minitorch.equal(a, b)


def test_d15():
    assert nn.Linear(3, 2).weight.shape == (2, 3)
    x = minitorch.randn(4, 3).double().requires_grad_()
    assert minitorch.gradcheck(nn.Linear(3, 2).double(), (x,))


def norm_net() -> Any:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))


def test_d19_d37_d44():
    names = [name for name, _ in norm_net().named_parameters()]
    assert names == ["0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias"]
    assert len(set(names)) == len(names)


def test_d38():
    assert [name for name, _ in norm_net().named_buffers()] == [
        "1.running_mean",
        "1.running_var",
        "1.num_batches_tracked",
    ]


def test_d39():
    """The mode changes dropout and batch norm only."""
    x = minitorch.randn(8, 3)
    plain = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.LayerNorm(4))
    assert minitorch.equal(plain.train()(x), plain.eval()(x))
    model = norm_net()
    assert not minitorch.equal(model.train()(x), model.eval()(x))


def test_d40():
    text = repr(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.Conv2d(2, 2, 3, padding=1))))
    assert "  (0): Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))" in text
    assert "    (0): Conv2d(2, 2, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))" in text


def test_d41():
    a, b = nn.Sequential(nn.Linear(3, 4)), nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5))
    joined = a + b
    assert joined.count_parameters() == a.count_parameters() + b.count_parameters()
    assert list(joined.state_dict())[:4] == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert next(name for name, _ in joined.named_buffers()) == "2.running_mean"


def test_d42_d43():
    model = nn.Module()
    model.register_parameter("w", nn.Parameter(minitorch.ones(1)))
    model.register_parameter("fixed", nn.Parameter(minitorch.ones(1), requires_grad=False))
    assert [name for name, _ in model.named_parameters()] == ["w", "fixed"]
    assert [name for name, p in model.named_parameters() if p.requires_grad] == ["w"]


# E: blocks ------------------------------------------------------------------------------------


def test_e01():
    """A neuron, a layer of them, a group of layers, a network: one idea."""
    x = minitorch.randn(5, 3)
    layer = nn.Linear(3, 4)
    neurons = [nn.Linear(3, 1) for _ in range(4)]
    for i, neuron in enumerate(neurons):
        neuron.weight = nn.Parameter(layer.weight.detach()[i : i + 1])
        neuron.bias = nn.Parameter(layer.bias.detach()[i : i + 1])
    want = layer(x)
    np.testing.assert_allclose(
        minitorch.cat([neuron(x) for neuron in neurons], 1).detach().numpy(),
        want.detach().numpy(),
        rtol=1e-6,
    )
    block = nn.Sequential(layer)
    assert minitorch.equal(block(x), want)
    assert minitorch.equal(nn.Sequential(block)(x), want)


def test_e05():
    y = nn.Linear(2, 1)(minitorch.ones(1, 2))
    assert "linear" in repr(y)
    assert "relu" in repr(y.relu())


def test_e07_e08_e09_e12():
    class MLP(nn.Module):
        def __init__(self, inputs: int, hidden: int, outputs: int):
            super().__init__()
            self.hidden = nn.Linear(inputs, hidden)
            self.out = nn.Linear(hidden, outputs)

        def forward(self, x: Any) -> Any:
            return self.out(F.relu(self.hidden(x)))

    net = MLP(20, 256, 10)
    x = minitorch.rand(2, 20)
    assert net(x).shape == (2, 10)
    assert len(list(net.parameters())) == 4
    assert {"hidden.weight", "out.weight"} <= set(dict(net.named_parameters()))
    assert minitorch.equal(net(x), net.forward(x))


def test_e13_e21_e22():
    class Branching(nn.Module):
        def __init__(self) -> None:
            self.up, self.down = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x: Any) -> Any:
            layer = self.up if x.sum() > 0 else self.down
            return layer(x).sum()

    model = Branching().double()
    x = minitorch.from_numpy(np.random.default_rng(0).standard_normal((2, 3))).requires_grad_()
    assert minitorch.gradcheck(model, (x,))
    model(x).backward()  # a scalar
    with pytest.raises(ValueError, match="only one has a single answer"):
        bool(x > 0)

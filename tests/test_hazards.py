"""What goes wrong in practice, situation by situation, and what is answered to it.

The numbers are those of one list of hazards. Each has a row below or a test elsewhere; a test
counts them.
"""

from __future__ import annotations

import copy
from math import inf, nan
from typing import Any

import numpy as np
import pytest

import minitorch as mt
import minitorch.nn.functional as F
from minitorch.autograd import Function, detect_anomaly, grad
from minitorch.tensor import ShapeError, Tensor
from tests.helpers import absent_tests

# where each hazard is answered ------------------------------------------------------------------

ELSEWHERE = {
    "H001": "test_softmax::test_refused",
    "H002": "test_softmax::test_refused",
    "H003": "test_learner::test_ignored_labels_are_counted",
    "H004": "test_softmax::test_refused",
    "H005": "test_softmax::test_ignored_rows_have_no_gradient_and_do_not_count",
    "H006": "test_softmax::test_empty_batch_sums_to_zero",
    "H007": "test_softmax::test_refused",
    "H008": "test_softmax::test_wrong_probabilities",
    "H009": "test_softmax::test_refused",
    "H010": "test_softmax::test_any_integers_are_labels",
    "H011": "test_softmax::test_refused",
    "H012": "test_softmax::test_refused",
    "H013": "test_softmax::test_refused",
    "H014": "test_softmax::test_float64_weight_leaves_float32",
    "H015": "test_softmax::test_refused",
    "H016": "test_softmax::test_refused",
    "H017": "test_softmax::test_label_smoothing_range",
    "H018": "test_softmax::test_smoothing_meets_a_class_ruled_out",
    "H019": "test_softmax::test_refused",
    "H020": "test_softmax::test_extreme_logits",
    "H021": "test_softmax::test_extreme_logits",
    "H023": "test_softmax::test_extreme_logits",
    "H024": "test_softmax::test_extreme_logits",
    "H025": "test_softmax::test_probability_zero_of_a_class_ruled_out",
    "H027": "test_softmax::test_classes_last",
    "H028": "test_softmax::test_probabilities_in_place_of_logits_are_pointed_out_once",
    "H029": "test_softmax::test_raw_scores_in_nll_loss_are_pointed_out_once",
    "H030": "test_loss::test_nothing_broadcasts",
    "H031": "test_loss::test_mean_of_nothing",
    "H032": "test_loss::test_target_takes_the_dtype_of_the_input",
    "H033": "test_loss::test_binary_cross_entropy_wants_probabilities",
    "H034": "test_loss::test_binary_cross_entropy_at_its_ends",
    "H035": "test_loss::test_target_of_integers_is_no_probability",
    "H036": "test_softmax::test_softmax_needs_a_dim_and_floats",
    "H037": "test_softmax::test_softmax_needs_a_dim_and_floats",
    "H038": "test_metrics::test_nan_is_never_right",
    "H039": "test_conv::test_errors_of_conv2d",
    "H040": "test_conv::test_errors_of_conv2d",
    "H041": "test_conv::test_errors_of_conv2d",
    "H042": "test_conv::test_errors_of_conv2d",
    "H043": "test_conv::test_errors_of_conv2d",
    "H044": "test_pool::test_errors",
    "H045": "test_pool::test_errors",
    "H046": "test_conv::test_errors_of_conv2d",
    "H047": "test_conv::test_errors_of_conv2d",
    "H048": "test_conv::test_a_batch_of_zero",
    "H050": "test_conv::test_dtypes_that_do_not_fit",
    "H051": "test_pool::test_errors",
    "H052": "test_pool::test_errors",
    "H053": "test_pool::test_negative_numbers_beat_the_padding",
    "H055": "test_undefined::test_the_op_does_what_the_table_says",
    "H058": "test_module::test_linear_refuses_what_is_no_size",
    "H059": "test_init_errors::test_a_fan_of_zero_has_no_bound",
    "H060": "test_norm::test_batch_norm_refuses",
    "H061": "test_norm::test_batch_norm_refuses",
    "H062": "test_norm::test_a_batch_that_is_not_finite_leaves_the_running_statistics",
    "H063": "test_norm::test_constant_channel",
    "H064": "test_norm::test_batch_norm_refuses",
    "H065": "test_state_dict::test_a_negative_variance_is_refused",
    "H066": "test_norm::test_batch_norm_refuses",
    "H067": "test_norm::test_norms_refuse",
    "H068": "test_norm::test_share_out_of_range",
    "H069": "test_norm::test_everything_dropped",
    "H070": "test_index::test_embedding_says_which_index_is_no_row",
    "H071": "test_index::test_embedding_says_which_index_is_no_row",
    "H072": "test_build::test_build_creates_every_parameter_and_returns_the_model",
    "H073": "test_module::test_a_module_without_forward_says_so",
    "H074": "test_module::test_a_module_cannot_hold_itself",
    "H075": "test_containers::test_wrong_items_are_refused_and_nothing_is_lost",
    "H076": "test_init_errors::test_scaling_a_bias_is_refused_by_name_and_shape",
    "H077": "test_init_errors::test_an_unknown_mode_or_activation_lists_the_known",
    "H078": "test_init_errors::test_nothing_to_initialise_is_an_error",
    "H079": "test_build::test_another_width_later_names_the_layer_and_both_shapes",
    "H080": "test_optim_errors::test_a_parameter_replaced_after_the_optimizer_was_built",
    "H081": "test_hooks::test_a_forward_hook_replaces_the_output_but_not_its_shape",
    "H082": "test_tensor::test_only_floats_require_grad",
    "H083": "test_tensor::test_a_cast_to_integers_cuts_the_graph_and_says_so",
    "H084": "test_tensor::test_what_is_no_number_is_refused",
    "H085": "test_tensor::test_what_is_no_number_is_refused",
    "H086": "test_tensor::test_what_is_no_number_is_refused",
    "H087": "test_tensor::test_data_is_copied_and_sharing_has_a_name",
    "H089": "test_tensor::test_odd_numpy_arrays_are_taken",
    "H090": "test_table::test_memory_layout_does_not_matter",
    "H093": "test_tensor::test_a_leaf_is_not_changed_behind_its_gradients_back",
    "H094": "test_autograd::test_a_parameter_that_was_rebound_is_explained",
    "H098": "test_autograd::test_an_optimizer_step_between_forward_and_backward_is_seen",
    "H099": "test_autograd::test_backward_twice_through_sums_alone_says_so_too",
    "H100": "test_autograd::test_two_losses_that_share_a_part_say_what_to_do",
    "H101": "test_autograd::test_retain_graph_gives_exactly_twice",
    "H102": "test_autograd::test_backward_of_many_numbers_needs_a_gradient",
    "H103": "test_autograd::test_the_gradient_given_may_be_an_array_or_of_another_dtype",
    "H104": "test_autograd::test_no_graph_says_why",
    "H106": "test_autograd::test_grad_by_what_is_not_used",
    "H107": "test_autograd::test_dot_grad_takes_only_what_fits",
    "H108": "test_function::test_a_wrong_backward_is_named",
    "H110": "test_autograd::test_gradients_never_share_memory",
    "H111": "test_cost::test_a_deep_chain_is_freed_without_recursion",
    "H112": "test_modes::test_a_nan_of_the_backward_names_the_forward_line",
    "H113": "test_modes::test_where_around_a_bad_point_is_explained",
    "H114": "test_undefined::test_the_op_does_what_the_table_says",
    "H115": "test_undefined::test_the_op_does_what_the_table_says",
    "H116": "test_undefined::test_the_op_does_what_the_table_says",
    "H117": "test_extremes::test_powers_at_their_undefined_points",
    "H118": "test_reduce::test_prod_with_zeros",
    "H119": "test_extremes::test_extremes_are_exact_and_quiet",
    "H120": "test_modes::test_overflow_is_silent_here_and_not_in_the_users_numpy",
    "H121": "test_operands::test_integers_are_not_divided_by_zero",
    "H122": "test_reduce::test_a_wrong_call_says_what_is_wrong",
    "H123": "test_reduce::test_a_wrong_call_says_what_is_wrong",
    "H124": "test_reduce::test_a_wrong_call_says_what_is_wrong",
    "H125": "test_operands::test_uint8_arithmetic_is_refused",
    "H126": "test_reduce::test_float32_sums_do_not_stop_growing",
    "H127": "test_index::test_wrong_indices_say_axis_and_size",
    "H128": "test_index::test_a_place_named_twice_cannot_receive_a_recorded_value",
    "H129": "test_shape::test_a_wrong_call_says_what_is_wrong",
    "H130": "test_shape::test_view_refuses_to_copy",
    "H131": "test_shape::test_a_wrong_call_says_what_is_wrong",
    "H132": "test_shape::test_a_wrong_call_says_what_is_wrong",
    "H133": "test_matmul::test_mismatch_says_both_shapes",
    "H134": "test_tensor::test_wide_and_narrow_floats_meet_with_a_word_said_once",
    "H135": "test_tensor::test_numbers_and_arrays_on_either_side",
    "H136": "test_tensor::test_numbers_and_arrays_on_either_side",
    "H138": "test_array::test_mixed_devices_name_both_arguments",
    "H139": "test_array::test_no_gpu_is_another_sentence",
    "H140": "test_array::test_unknown_device_lists_the_valid_ones",
    "H141": "test_modes::test_generators_cannot_be_decorated",
    "H142": "test_modes::test_other_threads_go_on_recording",
    "H143": "test_optim_errors::test_no_parameters",
    "H144": "test_optim_errors::test_what_cannot_be_optimized",
    "H145": "test_optim_errors::test_a_parameter_given_twice",
    "H146": "test_optim_errors::test_a_parameter_that_does_not_require_grad",
    "H147": "test_optim_errors::test_a_learning_rate_out_of_range_also_when_it_is_set_later",
    "H148": "test_optim_errors::test_an_option_out_of_range",
    "H149": "test_optim_errors::test_a_step_before_any_backward",
    "H150": "test_optim_errors::test_a_gradient_that_is_not_finite_changes_nothing",
    "H151": "test_optim_clip::test_a_norm_that_is_not_finite_changes_nothing",
    "H152": "test_optim_clip::test_a_negative_cap",
    "H153": "test_optim::test_a_parameter_without_gradient_stays_and_one_with_zeros_decays",
    "H154": "test_lr_scheduler_errors::test_stepped_before_the_optimizer_it_warns_and_goes_on",
    "H155": "test_lr_scheduler_errors::test_refused_where_it_is_written",
    "H156": "test_lr_scheduler::test_cosine_holds_its_minimum",
    "H157": "test_lr_scheduler_plateau::test_plateau_refuses_nan_and_what_is_no_number",
    "H158": "test_lr_scheduler_combined::test_a_schedule_built_after_the_optimizer_was_restored",
    "H159": "test_learner::test_fit_is_the_bare_loop_bit_for_bit",
    "H160": "test_resume::test_interrupt_in_the_middle_of_a_step_waits_for_its_end",
    "H161": "test_learner::test_number_of_epochs",
    "H162": "test_state_dict::test_every_problem_is_listed_at_once",
    "H163": "test_state_dict::test_an_inserted_layer_is_guessed",
    "H164": "test_state_dict::test_not_strict_takes_what_fits_and_still_refuses_what_does_not",
    "H165": "test_state_dict::test_another_dtype_is_refused_unless_it_may_be_rounded",
    "H166": "test_state_dict::test_one_number_is_no_scalar",
    "H167": "test_state_dict::test_values_that_are_not_finite_are_refused_unless_asked_for",
    "H168": "test_state_dict::test_a_state_is_a_copy_that_training_does_not_change",
    "H169": "test_optim_state::test_other_groups_and_other_parameters",
    "H170": "test_optim_state::test_parameters_in_another_order_keep_their_own_state",
    "H171": "test_optim_state::test_state_of_another_class_names_both",
    "H172": "test_save_damage::test_a_missing_file_and_a_folder",
    "H173": "test_save_damage::test_another_kind_of_file_is_named",
    "H174": "test_save_damage::test_every_flipped_bit_is_seen",
    "H175": "test_save_damage::test_another_kind_of_file_is_named",
    "H176": "test_save_damage::test_what_torch_and_numpy_write_is_refused_unopened",
    "H177": "test_save::test_numpy_numbers_become_pythons",
    "H178": "test_save_file::test_a_full_disk_leaves_the_old_file",
    "H179": "test_save_file::test_an_array_that_raises_leaves_the_old_file",
    "H180": "test_save::test_any_key_may_hold_a_tensor",
    "H181": "test_save::test_what_cannot_be_saved_is_named_and_leaves_the_file",
    "H182": "test_save_file::test_a_missing_folder_is_named_before_anything_is_made",
    "H183": "test_loader::test_impossible_batch_sizes",
    "H184": "test_loader::test_an_empty_data_set_is_refused",
    "H185": "test_loader::test_drop_last_that_leaves_nothing_is_refused",
    "H186": "test_dataset::test_collate_says_which_samples_do_not_fit",
    "H187": "test_loader::test_an_error_in_a_sample_names_sample_and_batch",
    "H188": "test_loader::test_a_length_that_is_too_long_is_named",
    "H189": "test_dataset::test_tensor_dataset_of_different_lengths_names_both",
    "H190": "test_dataset::test_random_split_sizes_that_do_not_add_up",
    "H191": "test_dataset_transform::test_a_constant_column_is_named",
    "H192": "test_data_mnist::test_mnist_absent_says_what_to_do",
    "H193": "test_data::test_idx_damage_is_named",
    "H194": "test_data::test_idx_lies_cost_no_memory",
    "H195": "test_data::test_idx_damage_is_named",
    "H196": "test_data::test_idx_damage_is_named",
    "H197": "test_data_mnist::test_mnist_refuses_what_is_not_mnist",
    "H198": "test_data::test_idx_damage_is_named",
    "H199": "test_data_mnist::test_download_names_both_hashes",
    "H200": "test_data_mnist::test_no_network_is_said_in_time",
    "H201": "test_plot::test_without_matplotlib_the_numbers_are_written",
    "H202": "test_plot::test_a_folder_that_cannot_be_written",
    "H203": "test_plot::test_names_are_no_formulas",
    "H204": "test_plot::test_values_that_are_not_finite",
    "H205": "test_plot::test_no_figure_stays_open",
    "H206": "test_plot::test_the_same_numbers_are_the_same_file",
    "H207": "test_data_mnist::test_mnist_refuses_what_is_not_mnist",
}

# What is done on purpose in another way than the list suggests; the rows below hold it.
OTHERWISE = {
    "H054": "amax gives its gradient to the nan as well, where torch answers nan everywhere",
    "H057": "NumPy arrays are taken in place of Tensors, as constants",
    "H062": "detect_anomaly names where a nan is born; one that came in with the data is not",
    "H097": "found under detect_anomaly alone: a checksum of all that is saved costs too much",
    "H126": "a float32 sum is added up in pairs: it loses no more than its own rounding",
    "H137": "== compares elements, as in NumPy and torch, so a list looks at identity, then at ==",
    "H138": "a meta tensor goes with any device, since only its shape is used",
    "H072": "a forgotten super().__init__() just works: nothing is registered there",
    "H154": "a schedule stepped before its optimizer warns and goes on, as in torch",
    "H159": "fit clears the gradients itself; a loop of one's own is its writer's",
}


# situations -------------------------------------------------------------------------------------


def leaf(x: Any, dtype: str = "float32") -> Tensor:
    return Tensor(np.array(x, dtype), requires_grad=True)


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def in_place(x: Tensor) -> Tensor:
    x += 1
    return x


def frozen() -> np.ndarray:
    a = ones(2)
    a.flags.writeable = False
    return a


def anomaly(f: Any) -> Any:
    with detect_anomaly():
        return f()


def swept(y: Tensor) -> None:
    y.backward()


def changed(how: Any) -> None:
    w, c = leaf([1.0, 2.0]), mt.tensor([3.0, 4.0])
    y = (w * c).sum()
    how(c)
    y.backward()


def hooked(hook: Any) -> None:
    w = leaf([1.0, 2.0])
    h = w * w
    h.register_hook(hook)
    h.sum().backward()


def through_a_function(backward: Any) -> None:
    class Same(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

    Same.backward = staticmethod(lambda ctx, g: backward(g))
    Same.apply(leaf([1.0, 2.0])).sum().backward()


def fill(x: Tensor, value: Any) -> None:
    x[...] = value


def set_data(x: Tensor, value: Any) -> None:
    x.data = value


# id: what is tried, the class of the error, and what the message must hold
REFUSED = {
    "H010 bool labels": (
        lambda: F.cross_entropy(ones(2, 3), mt.tensor([True, False])),
        TypeError,
        ["target is bool", "target.long()"],
    ),
    "H022 under anomaly": (
        lambda: anomaly(lambda: F.cross_entropy(leaf([[inf, 0.0]]), mt.tensor([0]))),
        FloatingPointError,
        ["cross_entropy: NaN", "test_hazards.py"],
    ),
    "H026 under anomaly": (
        lambda: anomaly(lambda: mt.log_softmax(leaf([[0.0, 0.0], [-inf, -inf]]), 1)),
        FloatingPointError,
        ["log_softmax: NaN at (1, 0)"],
    ),
    "H049 uint8 images": (
        lambda: mt.conv2d(mt.zeros(1, 3, 8, 8, dtype="uint8"), ones(2, 3, 3, 3)),
        TypeError,
        ["conv2d: x is uint8", "x.float() / 255"],
    ),
    "H050 linear": (
        lambda: F.linear(mt.ones(2, 3, dtype="float64"), leaf(ones(4, 3))),
        TypeError,
        ["linear: 'x' is float64 and 'weight' is float32", ".float()"],
    ),
    "H056 features": (
        lambda: F.linear(ones(3, 5), leaf(ones(2, 4))),
        ShapeError,
        ["linear: x is (3, 5) and weight (2, 4)"],
    ),
    "H057 a list": (
        lambda: F.linear([[1.0, 2.0]], leaf(ones(2, 2))),
        TypeError,
        ["linear: 'x' must be a Tensor", "got list", "minitorch.tensor(x)"],
    ),
    "H057 None": (
        lambda: F.linear(None, leaf(ones(2, 2))),
        TypeError,
        ["linear: 'x' must be a Tensor", "got NoneType"],
    ),
    "H057 None alone": (lambda: F.relu(None), TypeError, ["relu: 'x' must be a Tensor"]),
    "H083 names the op": (
        lambda: swept((leaf([1.5]).int() * 2.0).sum()),
        RuntimeError,
        ["no graph", "discretize has no gradient"],
    ),
    "H088 from_numpy shares": (
        lambda: in_place(mt.from_numpy(frozen())),
        ValueError,
        ["__iadd__: this tensor is", "made of a read-only array", "x.clone()"],
    ),
    "H091 expand": (
        lambda: in_place(mt.ones(1).expand(3)),
        ValueError,
        ["__iadd__: this tensor is expanded", "x.clone()"],
    ),
    "H091 by index": (
        lambda: fill(mt.ones(1).expand(3), 2.0),
        ValueError,
        ["setitem: this tensor is expanded"],
    ),
    "H091 windows": (
        lambda: np.add(1, mt.array.strided(ones(5), (3, 3), (4, 4)), out=np.broadcast_to(0, 3)),
        ValueError,
        ["read-only"],
    ),
    "H092 zeros": (
        lambda: mt.zeros(10**15),
        MemoryError,
        ["(1000000000000000,) of float32", "4,000,000,000,000,000 bytes"],
    ),
    "H092 overflow of the size": (
        lambda: mt.zeros(10**10, 10**10),
        MemoryError,
        ["400,000,000,000,000,000,000 bytes"],
    ),
    "H092 an op": (lambda: mt.ones(1).expand(10**15) + 1, MemoryError, ["(1000000000000000,)"]),
    "H093 +=": (
        lambda: in_place(leaf([1.0])),
        RuntimeError,
        ["this leaf requires grad", "with minitorch.no_grad(): x -= lr * g"],
    ),
    "H095 a view of a leaf": (
        lambda: in_place(leaf([1.0, 2.0])[:1]),
        RuntimeError,
        ["__iadd__: this tensor is a view", "x = x.clone()"],
    ),
    "H095 a view of a view": (
        lambda: fill((leaf([1.0, 2.0, 3.0]) * 1)[1:][:1], 0.0),
        RuntimeError,
        ["setitem: this tensor is a view"],
    ),
    "H096 op and argument": (
        lambda: changed(in_place),
        RuntimeError,
        ["mul: backward needs its 'b' of shape (2,)", "__iadd__ changed", "x.clone()"],
    ),
    "H096 both lines": (
        lambda: anomaly(lambda: changed(in_place)),
        RuntimeError,
        ["recorded at", "test_hazards.py", "y = (w * c).sum()", "x += 1"],
    ),
    "H096 through .data": (lambda: changed(lambda c: in_place(c.data)), RuntimeError, ["__iadd__"]),
    "H097 around the tape": (
        lambda: anomaly(lambda: changed(lambda c: c.numpy().fill(10))),
        RuntimeError,
        ["mul: its saved 'b' of shape (2,)", "y = (w * c).sum()", ".numpy()"],
    ),
    "H103 of a wrong shape": (
        lambda: (leaf([1.0, 2.0]) * 2).backward(ones(3)),
        ShapeError,
        ["gradient has shape (3,), expected (2,)"],
    ),
    "H103 on another device": (
        lambda: (leaf([1.0, 2.0]) * 2).backward(mt.ones(2, device="meta")),
        TypeError,
        ["gradient is on meta, and the tensor on cpu"],
    ),
    "H105 argmax": (
        lambda: swept(leaf([1.0, 2.0]).argmax()),
        RuntimeError,
        ["no graph: argmax has no gradient"],
    ),
    "H105 a comparison, later": (
        lambda: swept((leaf([1.0]) > 0).float() * 2),
        RuntimeError,
        ["no graph: gt has no gradient"],
    ),
    "H106 frozen": (
        lambda: grad(leaf([1.0]) * 2, [mt.ones(1)]),
        ValueError,
        ["inputs[0] of shape (1,) does not require grad"],
    ),
    "H106 backward": (
        lambda: (leaf([1.0]) * 2).backward(inputs=mt.ones(1)),
        ValueError,
        ["backward: inputs[0] of shape (1,) does not require grad"],
    ),
    "H106 of nothing": (
        lambda: (leaf([1.0]) * 2).backward(inputs=[]),
        ValueError,
        ["backward: inputs is empty"],
    ),
    "H107 a stale gradient": (
        lambda: stale_gradient(),
        ShapeError,
        [".grad of shape (2,)", "shape (3,)", "x.grad = None"],
    ),
    "H107 data of another dtype": (
        lambda: set_data(leaf([1.0]), mt.tensor([1])),
        TypeError,
        ["data: got int64 for a tensor of float32", ".to(x.dtype)"],
    ),
    "H108 dtype": (
        lambda: through_a_function(lambda g: g.double()),
        RuntimeError,
        ["Same: the gradient of input 'x' has dtype float64, expected float32"],
    ),
    "H108 edits its g": (
        lambda: through_a_function(in_place),
        ValueError,
        ["__iadd__: this tensor is", "made of a read-only array", "x.clone()"],
    ),
    "H109 shape": (
        lambda: hooked(lambda g: g.sum()),
        ShapeError,
        ["hook: returned a gradient of shape (), expected (2,)"],
    ),
    "H109 dtype": (
        lambda: hooked(lambda g: g.double()),
        TypeError,
        ["hook: returned a gradient of float64, expected float32", ".to(g.dtype)"],
    ),
    "H109 an array": (
        lambda: hooked(lambda g: g.numpy()),
        TypeError,
        ["hook: returned ndarray, expected a Tensor"],
    ),
    "H109 edits g": (lambda: hooked(in_place), ValueError, ["read-only (a shared gradient"]),
    "H109 no function": (
        lambda: leaf([1.0]).register_hook(3),
        TypeError,
        ["register_hook: expected a function, got int"],
    ),
    "H111 deepcopy": (
        lambda: copy.deepcopy(leaf([1.0]) * 2),
        RuntimeError,
        ["deepcopy: this tensor was computed by mul", "x.detach().clone()"],
    ),
    "H112 under anomaly": (
        lambda: anomaly(lambda: swept((leaf([0.0]).sqrt() * 0).sum())),
        FloatingPointError,
        ["sqrt: backward makes NaN at (0,)", "test_hazards.py"],
    ),
    "H117 under anomaly": (
        lambda: anomaly(lambda: swept(mt.tensor([-2.0]) ** leaf([2.0]))),
        FloatingPointError,
        ["pow: backward makes NaN"],
    ),
    "H125 in place": (
        lambda: in_place(mt.tensor([255], dtype="uint8")),
        TypeError,
        ["add: uint8 arithmetic wraps around", "x.float()"],
    ),
    "H133 a number": (
        lambda: leaf(ones(2, 3)) @ mt.tensor(2.0),
        ShapeError,
        ["matmul: 'b' is a number"],
    ),
    "H134 product": (
        lambda: mt.ones(2, 3) @ mt.ones(3, 2, dtype="float64"),
        TypeError,
        ["matmul: 'a' is float32 and 'b' is float64"],
    ),
    "H137 bool of many": (
        lambda: bool(mt.zeros(2)),
        ValueError,
        ["shape (2,) holds 2 values", ".any()"],
    ),
    "H137 bool of none": (lambda: bool(mt.zeros(0)), ValueError, ["holds 0 values"]),
    "H138 the gradient": (
        lambda: swept((leaf([1.0, 2.0]) * mt.ones(2, device="meta")).sum()),
        TypeError,
        ["a leaf of shape (2,) is on cpu and its gradient on meta"],
    ),
    "H138 written": (
        lambda: fill(mt.ones(2), mt.ones(2, device="meta")),
        TypeError,
        ["setitem", "cpu", "meta"],
    ),
    "H140 in to": (
        lambda: mt.ones(2).to("gpu"),
        ValueError,
        ["to: 'gpu' is neither a device ('cpu', 'cuda', 'cuda:N', 'meta')", "float32"],
    ),
}


def stale_gradient() -> None:
    w = leaf([1.0, 2.0])
    (w + 1).sum().backward()
    w.data = mt.ones(3)
    (w + 1).sum().backward()


@pytest.mark.parametrize(("tried", "error", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(tried, error, words):
    with pytest.raises(error) as caught:
        tried()
    for word in words:
        assert word in str(caught.value)


def of(f: Any, *xs: Any, g: float = 1.0) -> list:
    """The value of f at float32 leaves, and their gradients for dL/dy = g everywhere."""
    leaves = [leaf(x) for x in xs]
    y = f(*leaves)
    y.backward(mt.full_like(y, g))
    return [y.tolist(), *[x.grad.tolist() for x in leaves]]


# id: the situation, and its value with the gradients, nan being equal to nan
ANSWERED = {
    "H003 -100 by default": (
        lambda: of(lambda x: F.cross_entropy(x, mt.tensor([0, -100])), [[0.0, 0.0], [1.0, 2.0]]),
        [np.log(2.0), [[-0.5, 0.5], [0.0, 0.0]]],
    ),
    "H004 sum": (
        lambda: of(lambda x: F.cross_entropy(x, mt.tensor([-100]), reduction="sum"), [[1.0, 2.0]]),
        [0.0, [[0.0, 0.0]]],
    ),
    "H022 inf on the right class": (
        lambda: of(lambda x: F.cross_entropy(x, mt.tensor([0])), [[inf, 0.0]]),
        [nan, [[nan, nan]]],
    ),
    "H026 logsumexp": (
        lambda: of(lambda x: x.logsumexp(1), [[-inf, -inf]]),
        [[-inf], [[0.0, 0.0]]],
    ),
    "H026 log_softmax": (lambda: mt.log_softmax(mt.tensor([-inf, -inf]), 0).tolist(), [nan, nan]),
    "H054 max": (lambda: of(lambda x: x.max(), [1.0, nan, 2.0]), [nan, [0.0, 1.0, 0.0]]),
    "H054 min": (lambda: of(lambda x: x.min(), [1.0, nan, 2.0]), [nan, [0.0, 1.0, 0.0]]),
    "H054 max of a dim": (
        lambda: of(lambda x: x.max(0)[0], [1.0, nan, 2.0]),
        [nan, [0.0, 1.0, 0.0]],
    ),
    "H054 max_pool1d": (
        lambda: of(lambda x: F.max_pool1d(x, 2), [[[1.0, nan]]]),
        [[[[nan]]], [[[0.0, 1.0]]]],
    ),
    "H054 relu": (lambda: of(F.relu, [-1.0, nan]), [[0.0, nan], [0.0, 1.0]]),
    "H054 where drops it": (
        lambda: of(lambda x: mt.where(x > 0, x, 0.0), [1.0, nan]),
        [[1.0, 0.0], [1.0, 0.0]],
    ),
    "H057 an array is a constant": (
        lambda: of(lambda w: F.linear(ones(1, 2), w), [[1.0, 2.0]]),
        [[[3.0]], [[1.0, 1.0]]],
    ),
    "H062 a nan that came in": (
        lambda: anomaly(lambda: of(lambda x: x * x, [nan])),
        [[nan], [nan]],
    ),
    "H083 the value": (lambda: leaf([1.5, -1.5]).int().tolist(), [1, -1]),
    "H088 tensor copies": (lambda: in_place(Tensor(frozen())).tolist(), [2.0, 2.0]),
    "H090 negative strides": (
        lambda: of(
            lambda x: x.flip(0) * mt.from_numpy(np.arange(3.0, dtype="f4")[::-1]), [1, 2, 3]
        ),
        [[6.0, 2.0, 0.0], [0.0, 1.0, 2.0]],
    ),
    "H113 a masked root": (
        lambda: of(lambda x: mt.where(x > 0, x.sqrt(), 0.0), [0.0, 4.0]),
        [[0.0, 2.0], [nan, 0.25]],
    ),
    "H113 masked twice": (
        lambda: of(lambda x: mt.where(x > 0, mt.where(x > 0, x, 1.0).sqrt(), 0.0), [0.0, 4.0]),
        [[0.0, 2.0], [0.0, 0.25]],
    ),
    "H117 a constant power takes no log": (
        lambda: anomaly(lambda: of(lambda x: x**3, [-2.0])),
        [[-8.0], [12.0]],
    ),
    "H121 floats": (lambda: (mt.tensor([1.0, 0.0]) / 0).tolist(), [inf, nan]),
    "H126 many ones": (lambda: mt.ones(2**24 + 2).sum().item(), 2.0**24 + 2),
    "H133 nothing inside": (
        lambda: of(lambda a, b: a @ b, np.ones((2, 0)), np.ones((0, 1))),
        [[[0.0], [0.0]], [[], []], []],
    ),
    "H137 identity": (lambda: [_t in [_t, mt.ones(3)], _t in {mt.ones(2): 1}], [True, False]),
    "H138 shapes only": (lambda: (mt.ones(2, 1) + mt.ones(3, device="meta")).shape, (2, 3)),
}

_t = mt.ones(2)


@pytest.mark.parametrize(("tried", "expected"), ANSWERED.values(), ids=ANSWERED)
def test_answered(tried, expected):
    got = tried()
    assert_same(got, expected)


def assert_same(got: Any, expected: Any) -> None:
    if isinstance(expected, (list, tuple)):
        assert len(got) == len(expected)
        for a, b in zip(got, expected):
            assert_same(a, b)
    else:
        assert got == pytest.approx(expected, rel=1e-6, nan_ok=True)


# the count --------------------------------------------------------------------------------------

ALL = [f"H{i:03}" for i in range(1, 208)]


def test_every_hazard_is_answered():
    here = {key.split()[0] for key in (*REFUSED, *ANSWERED)}
    assert sorted(here | set(ELSEWHERE)) == ALL
    assert set(OTHERWISE) <= here | set(ELSEWHERE)


def test_the_tests_named_are_there():
    assert absent_tests(ELSEWHERE.values()) == []


# what a message offers, works -------------------------------------------------------------------

SETTING = """
x, w = mt.ones(2, 3), mt.ones(2, 3, requires_grad=True)
images, kernel = mt.ones(1, 8, 8, 3), mt.ones(2, 3, 3, 3)
plain, wide, small = mt.ones(3, 8, 8), mt.ones(2, 3, dtype="float64"), mt.ones(2, dtype="uint8")
column, labels, onehot = mt.tensor([[0], [2]]), mt.tensor([1, 3]), mt.tensor([[0, 1, 0], [1, 0, 0]])
counts = mt.tensor([[1.0, 1.0, 2.0], [3.0, 1.0, 0.0]])
lr, g = 0.1, mt.ones(2, 3)
"""

# what is wrong, what the message says, and the line that follows it ({} is what it says)
FIXES = [
    ("F.cross_entropy(x, column)", "target.squeeze(1)", "target = column; F.cross_entropy(x, {})"),
    ("F.cross_entropy(x, labels)", "target - 1", "target = labels; F.cross_entropy(x, {})"),
    ("F.cross_entropy(x, onehot)", "target.argmax(1)", "target = onehot; F.cross_entropy(x, {})"),
    ("F.cross_entropy(x, mt.tensor([0.0, 1.0]))", "target.astype(int)",
     "target = mt.tensor([0.0, 1.0]); F.cross_entropy(x, {})"),
    ("F.cross_entropy(x, mt.tensor([True, False]))", "target.long()",
     "target = mt.tensor([True, False]); F.cross_entropy(x, {})"),
    ("F.cross_entropy(x, counts)", "target / target.sum(1, keepdim=True)",
     "target = counts; F.cross_entropy(x, {})"),
    ("F.cross_entropy(x, mt.tensor([-1, 0]))", "ignore_index=-1",
     "F.cross_entropy(x, mt.tensor([-1, 0]), {})"),
    ("F.cross_entropy(x, mt.tensor([-100, -100]))", "reduction='sum'",
     "F.cross_entropy(x, mt.tensor([-100, -100]), {})"),
    ("F.cross_entropy(images, mt.zeros(1, 8, 8, dtype=int))", "input.permute(0, 3, 1, 2)",
     "input = images; F.cross_entropy({}, mt.zeros(1, 8, 8, dtype=int))"),
    ("F.mse_loss(mt.ones(4, 1), mt.ones(4))", "input.squeeze(-1)",
     "input = mt.ones(4, 1); F.mse_loss({}, mt.ones(4))"),
    ("F.binary_cross_entropy(mt.tensor([1.5]), mt.ones(1))", "binary_cross_entropy_with_logits",
     "F.{}(mt.tensor([1.5]), mt.ones(1))"),
    ("F.binary_cross_entropy(mt.ones(1), mt.tensor([1]))", "target.float()",
     "target = mt.tensor([1]); F.binary_cross_entropy(mt.ones(1), {})"),
    ("mt.softmax(x)", "softmax(x, dim=-1)", "mt.{}"),
    ("mt.softmax(mt.tensor([1, 2]), 0)", "x.float()", "x = mt.tensor([1, 2]); mt.softmax({}, 0)"),
    ("F.conv2d(images, kernel)", "x.permute(0, 3, 1, 2)", "x = images; F.conv2d({}, kernel)"),
    ("F.conv2d(plain, kernel)", "x[None]", "x = plain; F.conv2d({}, kernel)"),
    ("F.conv2d(mt.zeros(1, 3, 4, 4, dtype='uint8'), kernel)", "x.float() / 255",
     "x = mt.zeros(1, 3, 4, 4, dtype='uint8'); F.conv2d({}, kernel)"),
    ("F.conv2d(plain[None], kernel, padding='same', stride=2)", "padding=(1, 1)",
     "F.conv2d(plain[None], kernel, stride=2, {})"),
    ("x + [[1.0, 2.0, 3.0]]", "minitorch.tensor(b)", "b = [[1.0, 2.0, 3.0]]; x + {}"),
    ("wide @ x.T", ".float()", "wide{} @ x.T"),
    ("mt.tensor([1, 2], requires_grad=True)", ".float()",
     "mt.tensor([1, 2]){}.requires_grad_()"),
    ("small + 1", "x.int()", "x = small; {} + 1"),
    ("mt.tensor([1, 2]).mean()", "x.float()", "x = mt.tensor([1, 2]); {}.mean()"),
    ("x.T.view(6)", "x.reshape(6,)", "x = x.T; {}"),
    ("mt.ones(2, 3, 4).T", "x.mT", "x = mt.ones(2, 3, 4); {}"),
    ("mt.ones(2, 3, 4).T", "x.permute(*reversed(range(x.ndim)))", "x = mt.ones(2, 3, 4); {}"),
    ("x[mt.ones(2)]", ".long()", "x[mt.ones(2){}]"),
    ("bool(x > 0)", ".any()", "bool((x > 0){})"),
    ("w.__iadd__(1)", "with minitorch.no_grad(): x -= lr * g", "x = w\n{}"),
    ("w[:1].__iadd__(1)", "x = x.clone()", "x = w[:1]; {}; x += 1"),
    ("mt.ones(1).expand(3).__iadd__(1)", "x.clone()", "x = mt.ones(1).expand(3); {}.add_(1)"),
    ("w.numpy()", "x.detach().numpy()", "x = w; {}"),
    ("(w * 2).backward()", "y.sum().backward()", "y = w * 2; {}"),
    ("(w.sum() * 1).requires_grad_(False)", "x.detach()", "x = w.sum() * 1; {}"),
    ("copy.deepcopy(w * 2)", "x.detach().clone()", "x = w * 2; {}"),
    ("mt.ones(2, device='meta').cpu()", "minitorch.empty_like(x, device='cpu')",
     "x = mt.ones(2, device='meta'); {}"),
    ("grad(w.sum(), [w, mt.ones(1, requires_grad=True)])", "allow_unused=True",
     "grad(w.sum(), [w, mt.ones(1, requires_grad=True)], {})"),
    ("F.embedding(mt.ones(2), x)", ".long()", "F.embedding(mt.ones(2){}, x)"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "offered", "right"), FIXES, ids=[fix[0] for fix in FIXES])
def test_what_a_message_offers_works(wrong, offered, right):
    names: dict[str, Any] = {"mt": mt, "minitorch": mt, "F": F, "copy": copy, "grad": grad}
    exec(SETTING, names)
    with pytest.raises((ValueError, TypeError, IndexError, RuntimeError)) as caught:
        exec(wrong, names)
    assert offered in str(caught.value)
    exec(SETTING + right.format(offered), names)

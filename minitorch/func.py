"""Functions of functions: f becomes its gradient, its Jacobian, its products. torch.func's names.

    grad(f)(x)                dL/dx for a scalar L = f(x)
    vjp(f, x)                 y, and g -> Jᵀ g
    jvp(f, (x,), (v,))        y, and J v
    linearize(f, x)           y, and v -> J v for as many v as one likes
    jacrev(f)(x), jacfwd      J itself: a backward for each row, or a forward for each column
    hessian(f)(x)             the Jacobian of the gradient
    vmap(f)(xs)               f of each example of a batch
    functional_call(m, p, x)  a model as a function of its parameters, for all of these

Arguments may be nested tuples, lists and dicts of Tensors; gradients come back nested alike. The
transforms nest: `grad(grad(f))` is the second derivative.
"""

from minitorch.mapped import vmap
from minitorch.nn.stateless import functional_call, stack_module_state
from minitorch.transforms.gradients import elementwise_grad, grad, grad_and_value, value_and_grad
from minitorch.transforms.matrices import hessian, jacfwd, jacrev
from minitorch.transforms.products import jvp, linearize, vjp

__all__ = [
    "elementwise_grad",
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "stack_module_state",
    "value_and_grad",
    "vjp",
    "vmap",
]

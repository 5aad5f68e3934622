"""Checks of the exercises of lesson 6, and wrong answers that they must notice."""

import math
import random

import minitorch

DIAMOND = {"c": ["a", "a"], "x": [], "b": ["a", "c"], "a": ["x", "x"]}
SKIP = {"top": ["low", "mid"], "mid": ["low"], "low": ["leaf"], "leaf": [], "aside": ["leaf"]}


def chain(n):
    """n0 is the leaf; each of the others is made from the one before."""
    return {"n0": [], **{f"n{i}": [f"n{i - 1}"] for i in range(1, n + 1)}}


def doubled(n):
    return {"n0": [], **{f"n{i}": [f"n{i - 1}"] * 2 for i in range(1, n + 1)}}


def random_graph(rng, n=12):
    """Names in no order; the root comes last."""
    names = rng.sample("abcdefghijklmnopqrstuvwxyz", n)
    made = {name: rng.choices(names[:i], k=2) if i > 2 else [] for i, name in enumerate(names)}
    shuffled = rng.sample(names, n)
    return {name: made[name] for name in shuffled}, names[-1]


def below(parents, root):
    found, stack = {root}, [root]
    while stack:
        new = set(parents[stack.pop()]) - found
        found |= new
        stack += new
    return found


def run(function, name, *arguments):
    """Calls it; a recursion that goes too deep is an answer, too."""
    try:
        return function(*arguments)
    except RecursionError:
        raise AssertionError(
            f"{name}: RecursionError: the graph is deeper than Python lets calls go; use a loop "
            "with a list of what is still to do"
        ) from None


def check_quotient(function):
    for a, b in [(6.0, 2.0), (-1.5, 0.3), (2.0, -4.0)]:
        y, da, db = function(a, b)
        assert math.isclose(y, a / b), f"{a} / {b} is {a / b}, not {y}"
        for name, said, up, down in [
            ("dy/da", da, (a + 1e-6) / b, (a - 1e-6) / b),
            ("dy/db", db, a / (b + 1e-6), a / (b - 1e-6)),
        ]:
            slope = (up - down) / 2e-6
            assert abs(said - slope) < 1e-6 * (1 + abs(slope)), (
                f"{name} at a = {a}, b = {b}: by moving it by a millionth {slope:.6f}, "
                f"by yours {said:.6f}"
            )


def check_visiting_order(function):
    rng = random.Random(0)
    graphs = [(DIAMOND, "b"), (SKIP, "top"), (SKIP, "mid"), (chain(50_000), "n50000")]
    graphs += [random_graph(rng) for _ in range(50)]
    for parents, root in graphs:
        order = run(function, "visiting_order", parents, root)
        shown = f"in the graph {parents}" if len(parents) < 15 else "in a chain of 50,000"
        needed = below(parents, root)
        assert len(order) == len(set(order)), f"{shown} a node stands in the order twice"
        assert set(order) >= needed, f"{shown} the order lacks {sorted(needed - set(order))[:5]}"
        assert set(order) <= needed, (
            f"{shown} {root} is not made from {sorted(set(order) - needed)[:5]}"
        )
        place = {node: i for i, node in enumerate(order)}
        for node in order:
            for parent in parents[node]:
                assert place[node] < place[parent], (
                    f"{shown} {node} is made from {parent}, and comes after it: {order[:15]}"
                )


def check_gradients(function):
    rng = random.Random(0)
    cases = [
        (DIAMOND, {"x": [], "a": [2, 2], "c": [4, 4], "b": [1, 1]}, "b", {"x": 36, "a": 9}),
        (doubled(2), {"n0": [], "n1": [1, 1], "n2": [1, 1]}, "n2", {"n0": 4}),
        ({"x": []}, {"x": []}, "x", {"x": 1}),
    ]
    for parents, slopes, root, expected in cases:
        found = run(function, "gradients", parents, slopes, root)
        for name, g in expected.items():
            assert name in found, f"the graph {parents}: no gradient of {root} by {name}"
            assert math.isclose(found[name], g), (
                f"the graph {parents} with slopes {slopes}: d{root}/d{name} is {g}, "
                f"yours is {found[name]}; is each gradient complete before it is passed on?"
            )
        assert set(found) == below(parents, root), f"expected the names {below(parents, root)}"
    for _ in range(50):
        parents, root = random_graph(rng)
        slopes = {name: [rng.uniform(-1, 1) for _ in ps] for name, ps in parents.items()}
        found = function(parents, slopes, root)
        for name in below(parents, root):
            right = along_paths(parents, slopes, root, name)
            assert math.isclose(found[name], right, abs_tol=1e-12), (
                f"the graph {parents}: d{root}/d{name} is {right:.6f}, yours is {found[name]:.6f}"
            )


def along_paths(parents, slopes, root, leaf):
    """The sum over all paths: slow, and right."""
    if root == leaf:
        return 1.0
    pairs = zip(parents[root], slopes[root], strict=True)
    return sum(slope * along_paths(parents, slopes, parent, leaf) for parent, slope in pairs)


def check_count_paths(function):
    cases = [(DIAMOND, "b", "x", 6), (SKIP, "top", "leaf", 2), (SKIP, "mid", "aside", 0)]
    cases += [(doubled(n), f"n{n}", "n0", 2**n) for n in (1, 5, 10)]
    for parents, root, leaf, expected in cases:
        said = function(parents, root, leaf)
        assert said == expected, (
            f"the graph {parents}: {expected} paths from {root} to {leaf}, by yours {said}"
        )
    said = function(doubled(200), "n200", "n0")
    assert said == 2**200, f"200 doublings have 2^200 paths, exactly {2**200}, by yours {said}"


def check_recorded(function):
    x, w = minitorch.randn(2, 3), minitorch.randn(3, 1, requires_grad=True)
    cases = [
        (lambda x: (x * x).sum(), (w,), ["mul", "sum"]),
        (lambda x, w: ((x @ w).tanh() ** 2).mean(), (x, w), ["matmul", "tanh", "pow", "mean"]),
        (lambda x, w: (x * 2).exp() @ w, (x, w), ["matmul"]),
        (lambda x: x.exp().sum(), (x,), []),
    ]
    for f, inputs, expected in cases:
        said = list(function(f, *inputs))
        assert said == expected, (
            f"expected {expected}, by yours {said}; only what leads to a gradient is recorded"
        )


# wrong answers ----------------------------------------------------------------------------------


def depth_first(parents, root):
    order = []

    def visit(node):
        if node not in order:
            order.append(node)
            for parent in parents[node]:
                visit(parent)

    visit(root)
    return order


def breadth_first(parents, root):
    order = [root]
    for node in order:
        order += [p for p in dict.fromkeys(parents[node]) if p not in order]
        if len(order) > 100:
            return order
    return order


def recursive(parents, root):
    order = []

    def visit(node):
        if node not in order:
            for parent in parents[node]:
                visit(parent)
            order.append(node)

    visit(root)
    return order[::-1]


def on_partial_sums(parents, slopes, root):
    found = {root: 1.0}
    for node in breadth_first(parents, root):
        for parent, slope in zip(parents[node], slopes[node], strict=True):
            found[parent] = found.get(parent, 0.0) + found[node] * slope
    return found


def gathered(parents, slopes, root):
    found = {root: 1.0}

    def visit(node):
        for parent, slope in zip(parents[node], slopes[node], strict=True):
            found[parent] = found.get(parent, 0.0) + found[node] * slope
            visit(parent)

    visit(root)
    return found


def overwritten(parents, slopes, root):
    found = {root: 1.0}
    for node in recursive(parents, root):
        for parent, slope in zip(parents[node], slopes[node], strict=True):
            found[parent] = found[node] * slope
    return found


def once_each(parents, slopes, root):
    found = {root: 1.0}
    for node in recursive(parents, root):
        for parent, slope in dict(zip(parents[node], slopes[node], strict=True)).items():
            found[parent] = found.get(parent, 0.0) + found[node] * slope
    return found


def without_repeats(parents, root, leaf):
    found = {root: 1}
    for node in recursive(parents, root):
        for parent in set(parents[node]):
            found[parent] = found.get(parent, 0) + found[node]
    return found.get(leaf, 0)


def by_partial_sums(parents, root, leaf):
    ones = {name: [1] * len(ps) for name, ps in parents.items()}
    return int(on_partial_sums(parents, ones, root).get(leaf, 0))


def all_ops(f, *inputs):
    with minitorch.tape() as tape:
        f(*[x.detach().requires_grad_() for x in inputs])
    return [record.name for record in tape]


def newest_first(f, *inputs):
    with minitorch.tape() as tape:
        f(*inputs)
    return [record.name for record in tape][::-1]


WRONG = {
    "quotient": [
        lambda a, b: (a / b, 1 / b, a / b**2),
        lambda a, b: (a / b, 1 / b, -1 / b**2),
        lambda a, b: (a / b, b, a),
        lambda a, b: (a / b, -a / b**2, 1 / b),
    ],
    "visiting_order": [
        depth_first,
        breadth_first,
        recursive,
        lambda parents, root: list(parents),
        lambda parents, root: sorted(below(parents, root)),
    ],
    "gradients": [on_partial_sums, gathered, overwritten, once_each],
    "count_paths": [
        without_repeats,
        by_partial_sums,
        lambda parents, root, leaf: len(below(parents, root)) - 1,
        lambda parents, root, leaf: 2 ** (len(parents) - 1),
    ],
    "recorded": [all_ops, newest_first, lambda f, *inputs: []],
}

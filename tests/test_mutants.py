"""Every usual mistake in a gradient rule makes a row of the table fail."""

from __future__ import annotations

import functools

from tests.mutate import EQUIVALENT, Tally, run_all


@functools.cache
def tally() -> Tally:
    return run_all([])


def test_no_mutant_survives():
    assert tally().survived == []


def test_nearly_all_die_of_a_wrong_value():
    """Those that only raise are noticed too, but a rule must not be held by them alone."""
    made, killed = tally().made.total(), tally().killed.total()
    assert made > 4000
    assert killed > 0.75 * made


def test_what_is_called_equivalent_is_still_there():
    assert set(tally().equivalent) == EQUIVALENT
    assert len(EQUIVALENT) < 0.02 * tally().made.total()


def test_the_report_names_the_mistake():
    asked, named = tally().asked.total(), tally().named.total()
    assert asked > 500
    assert named >= 0.95 * asked

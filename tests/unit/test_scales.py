"""Sources that write amounts in thousands are found and put right without labels."""

import pytest

from enrich.domain.fields import FieldType
from enrich.domain.normalise import normaliser_of, rescaled, scales_of

AMOUNTS = (71_200_000_000, 4_100_000_000, 950_000_000, 2_700_000_000, 13_500_000_000, 8_000_000)


@pytest.mark.parametrize("short", ["a_source", "z_source"])
def test_a_source_that_leaves_three_zeros_out_is_found_by_one_that_does_not(short: str) -> None:
    cells = [[("full", str(a)), (short, str(a // 1000))] for a in AMOUNTS]

    assert scales_of(cells) == {short: 1000}


def test_scales_are_found_through_a_third_source() -> None:
    cells = [[("full", str(a)), ("short", str(a // 1000))] for a in AMOUNTS]
    cells += [[("short", str(a // 1000)), ("shorter", str(a / 10**6))] for a in AMOUNTS]

    assert scales_of(cells) == {"short": 1000, "shorter": 10**6}


def test_values_of_other_years_do_not_hide_a_scale() -> None:
    cells = [[("full", f"USD {a * 3 // 2}"), ("short", str(a // 1000))] for a in AMOUNTS]

    assert scales_of(cells) == {"short": 1000}


def test_four_cells_are_too_few_to_tell() -> None:
    cells = [[("full", str(a)), ("short", str(a // 1000))] for a in AMOUNTS[:4]]

    assert scales_of(cells) == {}


def test_sources_that_agree_need_no_factor() -> None:
    assert scales_of([[("a", str(a)), ("b", str(a)), ("c", "?unknown")] for a in AMOUNTS]) == {}


@pytest.mark.parametrize(
    ("raw", "canonical", "display"),
    [
        ("71200", "71200000", "71200000"),
        (71200, "71200000", 71_200_000),
        ("USD 1-5", "USD 1000..5000", "USD 1000-5000"),
        ("many", "?many", "many"),
    ],
    ids=["text", "number", "range", "unreadable"],
)
def test_a_scaled_amount_keeps_its_shape(
    raw: str | int, canonical: str, display: str | int
) -> None:
    scaled = rescaled(normaliser_of(FieldType.MONEY).normalise(raw), 1000)

    assert (scaled.canonical, scaled.display, scaled.raw) == (canonical, display, raw)

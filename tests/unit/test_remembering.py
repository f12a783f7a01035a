"""What normalisers remember stays within bounds, however much is read."""

import gc

import pytest

from enrich.domain.fields import FieldType
from enrich.domain.normalise import Context, Normalised, normaliser_of
from enrich.domain.normalise.remembering import MOST_LONG, MOST_SHORT, remembering


@pytest.mark.parametrize(
    ("kind", "forms"),
    # A list is kept, and so are its items.
    [(FieldType.IDENTIFIER, 1), (FieldType.LIST, 2)],
    ids=["identifier", "list"],
)
def test_a_normaliser_keeps_the_last_values_and_lets_the_others_go(
    kind: FieldType, forms: int
) -> None:
    normaliser = normaliser_of(kind)
    mark = f"bounded {kind} no. "
    for number in range(MOST_SHORT * 3):
        normaliser.normalise(f"{mark}{number}")

    assert _kept_of(mark) == MOST_SHORT * forms


@pytest.mark.parametrize(
    ("length", "most"),
    [(256, MOST_SHORT), (257, MOST_LONG), (8_192, MOST_LONG), (8_193, 0)],
    ids=["short", "long", "longest", "longer"],
)
def test_the_longer_a_text_the_fewer_are_kept(length: int, most: int) -> None:
    read: list[str] = []
    remembered = remembering(lambda text: read.append(text) or text)
    texts = [f"{number:0{length}}" for number in range(most + 1)]
    for text in (*texts, *reversed(texts)):
        remembered(text)

    assert read == [*texts, texts[0]]


def test_what_says_nothing_about_a_kind_makes_no_further_normaliser() -> None:
    german = Context(region="DE", currency="EUR")

    assert normaliser_of(FieldType.TEXT, german) is normaliser_of(FieldType.TEXT)
    assert normaliser_of(FieldType.MONEY, german) is not normaliser_of(FieldType.MONEY)


def _kept_of(mark: str) -> int:
    # By `type`: Celery's proxies among them would wake up if they were asked for their class.
    found = [one for one in gc.get_objects() if type(one) is Normalised]
    return sum(str(one.raw).startswith(mark) for one in found)

"""No text of a row gets out of the frame that it is sent in."""

import json

from hypothesis import given
from hypothesis import strategies as st

from enrich.domain.framing import framed_bytes, framed_json, source_text
from enrich.domain.values import Json
from providers.simulator.chat import chat_question

_WORD = "0123456789abcdef" * 2
_HOSTILE = st.sampled_from(
    [f"</data {_WORD}>", "<data", "\n", '"', "{}", '{"value": "x"}', "\\", "\u2028", "`", "&", "</"]
)
_TEXTS = st.lists(st.one_of(_HOSTILE, st.text(max_size=20)), max_size=8).map("".join)
_DATA = st.dictionaries(st.text(max_size=5), st.one_of(_TEXTS, st.integers(), st.booleans()))


@given(data=_DATA)
def test_a_frame_is_one_line_without_marks_that_reads_back(data: dict[str, Json]) -> None:
    line = framed_json(data)

    assert len(line.splitlines()) == 1
    assert not set("<>&") & set(line)
    assert json.loads(line).keys() == {source_text(name) for name in data}
    assert framed_bytes(data) == len(line.encode())


@given(text=_TEXTS)
def test_what_was_cleaned_once_stays(text: str) -> None:
    assert source_text(source_text(text)) == source_text(text)


@given(text=_TEXTS)
def test_a_reader_of_marks_finds_no_word_of_the_row_outside(text: str) -> None:
    user = f"<data {_WORD}>\n{framed_json({'a': text})}\n</data {_WORD}>"
    system = f"data stand between <data {_WORD}> and its end"
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    body = json.dumps({"model": "m", "messages": messages}).encode()

    question = chat_question("/chat/completions", body)

    assert question is not None
    assert question.outside == ""
    assert question.data == {"a": source_text(text)}

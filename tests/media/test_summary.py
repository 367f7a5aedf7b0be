"""A summary without a model says nothing that was not said."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchhook.events.payloads import Speaker
from switchhook.media.transcription.speech import Said
from switchhook.media.transcription.summary import SENTENCES, extract, sentences_of

CALLER, AGENT = Speaker.EXTERNAL, Speaker.USER


def call(*lines: tuple[Speaker, str]) -> list[Said]:
    return [Said(side, float(n), text) for n, (side, text) in enumerate(lines)]


INVOICE = call(
    (AGENT, "Good morning, Acme support. This is Anna speaking."),
    (CALLER, "Hi Anna. How are you today?"),
    (AGENT, "Very well, thank you. And you?"),
    (CALLER, "Fine. I have a question about my last invoice. I was charged twice in March."),
    (AGENT, "I am sorry to hear that. What is the invoice number please?"),
    (CALLER, "It is four seven one one. The second charge of forty two euros is wrong."),
    (AGENT, "I see. The second charge comes from the old plan."),
    (CALLER, "Right. So what happens now?"),
    (AGENT, "I will refund the second charge of forty two euros to your card by Friday."),
    (CALLER, "That is great. Thank you very much. Have a nice day."),
    (AGENT, "You too. Bye bye."),
)


def test_the_request_and_the_promise_are_in_it() -> None:
    text = extract(INVOICE)
    assert "I have a question about my last invoice." in text
    assert "I will refund the second charge of forty two euros to your card by Friday." in text
    assert "Have a nice day" not in text
    assert "Very well" not in text
    assert "How are you" not in text


def test_in_french_as_well() -> None:
    said = call(
        (AGENT, "Bonjour, service client."),
        (CALLER, "Bonjour. Je voudrais changer la date de ma livraison."),
        (AGENT, "Très bien. Je vais vous proposer jeudi matin."),
        (CALLER, "Parfait, merci beaucoup à vous."),
    )
    assert extract(said, most=2) == (
        "Je voudrais changer la date de ma livraison. Je vais vous proposer jeudi matin."
    )


@pytest.mark.parametrize("said", [[], call((CALLER, "Hello?")), call((AGENT, "Bye bye."), (CALLER, "..."))])
def test_where_nothing_is_said_there_is_no_summary(said: list[Said]) -> None:
    assert extract(said) == ""


WORDS = st.sampled_from(["invoice", "refund", "card", "I", "will", "need", "please", "?", "help", "I'll"])
LINES = st.lists(
    st.tuples(
        st.sampled_from([CALLER, AGENT]),
        st.lists(WORDS, max_size=12).map(" ".join) | st.text(max_size=40),
        st.sampled_from([".", "?", "", " ok. Then"]),
    ),
    max_size=12,
)


@given(LINES, st.integers(1, 6))
def test_every_sentence_stands_in_the_transcript_and_in_its_order(
    lines: list[tuple[Speaker, str, str]], most: int
) -> None:
    said = call(*((side, text + end) for side, text, end in lines))
    known = [one.text for one in sentences_of(said)]
    rest = extract(said, most)
    taken, at = 0, -1
    while rest:
        fits = [i for i in range(at + 1, len(known)) if rest == known[i] or rest.startswith(known[i] + " ")]
        assert fits, (rest, known)
        at = max(fits, key=lambda i: (len(known[i]), -i))
        rest = rest[len(known[at]) + 1 :]
        taken += 1
    assert taken <= max(most, 2)
    assert extract(said, most) == extract(said, most)
    assert len(extract(said)) <= sum(len(one.text) + 1 for one in said)


@given(st.text(max_size=200))
def test_any_text_can_be_summarised(text: str) -> None:
    made = extract(call((CALLER, text)))
    squeezed = re.sub(r"\s+", "", text)
    assert all(word in squeezed for word in made.split())
    assert SENTENCES == 4

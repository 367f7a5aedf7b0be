"""A summary without a model: the sentences of the transcript that say most. Pure.

What the outside party asked for first, what our side promised last, and the sentences between whose words are the
call's own: frequent in it, and not in every sentence. Every sentence stands in the transcript as it is here.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

import msgspec

from switchhook.events.payloads import Speaker
from switchhook.media.transcription.speech import Said

SENTENCES = 4  # at most
SHORTEST = 4  # words of a sentence that may say something
_END = re.compile(r"(?<=[.!?…])\s+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_ASKS = re.compile(
    r"\b(i|we) (need|want|would like|have a|am calling|was|cannot|can't)\b|\bi'd like\b|\bi'm calling\b"
    r"|\b(je|nous) (voudrais|voudrions|veux|appelle|souhaite|n'arrive)\b|\bj'(ai|appelle|aimerais)\b",
    re.IGNORECASE,
)
_POLITE = re.compile(
    r"\b(how are you|good (morning|afternoon|evening|day)|nice day|thank(s| you)|you too|bye|speaking)\b"
    r"|\b(bonjour|bonsoir|merci|au revoir|bonne (journée|soirée))\b",
    re.IGNORECASE,
)
_PROMISES = re.compile(
    r"\b(i|we)('ll| will| am going to| are going to|'m going to| can)\b|\blet me\b"
    r"|\byou('ll| will) (get|receive|have)\b"
    r"|\bje (vais|vous envoie|m'en occupe)\b|\b(nous allons|vous (allez recevoir|recevrez))\b",
    re.IGNORECASE,
)


class Sentence(msgspec.Struct, frozen=True):
    """A sentence, who said it, and its words in lower case."""

    source: Speaker
    text: str
    words: tuple[str, ...]


def sentences_of(lines: Sequence[Said]) -> list[Sentence]:
    """The sentences of a transcript, in order."""
    return [
        Sentence(line.source, text.strip(), tuple(word.lower() for word in _WORD.findall(text)))
        for line in lines
        for text in _END.split(line.text)
        if text.strip()
    ]


def extract(lines: Sequence[Said], most: int = SENTENCES) -> str:
    """The sentences that say most, at most so many, in the order in which they were said; empty when none does."""
    found = [
        one
        for one in sentences_of(lines)
        if len(one.words) >= SHORTEST and not (_POLITE.search(one.text) and len(one.words) < SHORTEST * 2)
    ]
    theirs = [i for i, one in enumerate(found) if one.source is Speaker.EXTERNAL]
    asks = [i for i in theirs if _ASKS.search(found[i].text)] or [i for i in theirs if "?" in found[i].text]
    first = asks[0] if asks else None
    last = next(
        (
            i
            for i, one in reversed(list(enumerate(found)))
            if one.source is Speaker.USER and _PROMISES.search(one.text)
        ),
        None,
    )
    chosen = {i for i in (first, last) if i is not None}
    weights = _weights(found)
    for i in sorted(range(len(found)), key=lambda i: (-weights[i], i)):
        if len(chosen) >= most:
            break
        if not any(_alike(found[i], found[other]) for other in chosen):
            chosen.add(i)
    return " ".join(found[i].text for i in sorted(chosen))


def _weights(found: Sequence[Sentence]) -> list[float]:
    """How much each sentence says: its words by TF-IDF, a little more for those near the beginning and the end."""
    count = len(found)
    spread = Counter(word for one in found for word in set(one.words))
    total = Counter(word for one in found for word in one.words)
    rare = {word: math.log((1 + count) / (1 + n)) for word, n in spread.items()}
    weights = []
    for i, one in enumerate(found):
        said = math.fsum(total[word] * rare[word] for word in set(one.words)) / math.sqrt(len(one.words))
        edge = min(i, count - 1 - i) / count  # 0 at the edges, a half in the middle
        weights.append(said * (1.2 - 0.4 * edge))
    return weights


def _alike(one: Sentence, other: Sentence) -> bool:
    mine, theirs = set(one.words), set(other.words)
    return len(mine & theirs) > 0.6 * min(len(mine), len(theirs))

"""Passages and questions of any number, with the word frequencies of natural text.

Words are drawn by Zipf's law (with Mandelbrot's offset) from an English-like and a Korean-like
vocabulary; a share of each passage comes from the words of its topic, which it has in common with
the passages around it, since in real text words come in company. Exponent, offset and share are
set so that English text has as many different words as encyclopedia articles do (in 200,000 words
some 19,500 against 18,800, in a passage 85 of 120 against 76 of 123). The commonest English words
are the real ones, so that a question is made of the same kinds of words as a person's. The same
seed gives the same text in every run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from random import Random

_COMMON_EN = (
    "the of and to a in is for that on with as was by are from at be this an or it which not have "
    "were has its their but one all can more also been other they new when some these after two "
    "who will first may between no than into such there about most time only over many if out up "
    "where during between under through while before year made part used city state both three "
    "since work world well use system known century each early any national several number second"
).split()
_ONSETS = (
    "b bl br c ch cl cr d dr f fl fr g gl gr h j k l m n p pl pr qu r s sh sl sp st str t th tr v w"
).split()
_NUCLEI = "a e i o u ai ea ee ie oa oo ou".split()
_CODAS = ["", "", "", *"b ck d ft g l ll lt m mp n nd ng nt p r rd rk rn s sk ss st t x".split()]
_SUFFIXES = ["", "", "", "s", "ed", "ing", "er", "ly", "ment", "tion", "ness", "al"]
_PARTICLES = "은 는 이 가 을 를 에 의 로 와 과 도 에서 으로 까지 부터 에는".split()
_ENDINGS = "합니다 했다 한다 하는 된다 되었다 하고 이다 있다 없는 하여 하면".split()
_SYLLABLES_KO = (
    "가각간갈감갑강개거건검격견결경계고곡공과관광교구국군권규균그극근금급기긴길나남내년노농능다단달담당대덕도독동두등"
    "라락란람량력련령례로록론료류률리림마만말망매면명모목무문물미민박반발방배백번법변별병보복본봉부북분비빙사산살삼상"
    "새색생서석선설성세소속손송수순술숙습시식신실심아안압애야약양어언업여역연열영예오온왕외요용우운원월위유육은음응의"
    "이익인일임입자작장재쟁저적전절점정제조족존종좌주준중증지직진질집차착찬창채책처천철첩청체초총최추축출충취측치친침"
    "커타탁탄태토통투특파판패편평포표품풍피필하학한할합항해행향허험현혈협형호혼화환활황회획효후훈휘휴흥희"
)
_WORDS_MAX = 60_000
_TOPICS = 400
_TOPIC_WORDS = 150
_TOPIC_SHARE = 0.25
_PASSAGES_A_DOCUMENT = 20
_ZIPF_EXPONENT = 1.15
_ZIPF_OFFSET = 2.0


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words by falling frequency, with their cumulated weights."""

    words: tuple[str, ...]
    cumulated: tuple[float, ...]

    def draw(self, random: Random, count: int) -> list[str]:
        return random.choices(self.words, cum_weights=self.cumulated, k=count)


def passages(count: int, seed: int = 1) -> Iterator[str]:
    """`count` passages: of three documents two English (about 120 words each), one Korean (60)."""
    random = Random(seed)
    english, korean = _english(), _korean()
    topics = [
        [
            _vocabulary(list(dict.fromkeys(vocabulary.draw(random, _TOPIC_WORDS))))
            for vocabulary in (english, korean)
        ]
        for _ in range(_TOPICS)
    ]
    for n in range(count):
        if n % _PASSAGES_A_DOCUMENT == 0:
            in_korean = n // _PASSAGES_A_DOCUMENT % 3 == 2
            topic = random.choice(topics)[in_korean]
        vocabulary = korean if in_korean else english
        length = max(20, round(random.gauss(60 if in_korean else 120, 20)))
        own = round(length * _TOPIC_SHARE)
        words = vocabulary.draw(random, length - own)
        words += topic.draw(random, own)
        random.shuffle(words)
        yield " ".join(_inflected(words, random) if in_korean else words)


def questions(texts: list[str], count: int, seed: int = 2) -> list[str]:
    """Questions of 4 to 9 words, each asking for a passage by words that stand in it."""
    random = Random(seed)
    found = []
    for text in random.choices(texts, k=count):
        words = text.split()
        found.append(" ".join(random.sample(words, min(len(words), random.randint(4, 9)))))
    return found


def _vocabulary(words: list[str]) -> Vocabulary:
    weights = ((rank + _ZIPF_OFFSET) ** -_ZIPF_EXPONENT for rank in range(1, len(words) + 1))
    return Vocabulary(tuple(words), tuple(accumulate(weights)))


def _english() -> Vocabulary:
    random = Random("english")
    made = dict.fromkeys(_COMMON_EN)
    while len(made) < _WORDS_MAX:
        stem = "".join(
            random.choice(_ONSETS) + random.choice(_NUCLEI) + random.choice(_CODAS)
            for _ in range(1 if len(made) < 1_500 else random.choice((1, 2, 2, 3)))
        )
        made[stem + (random.choice(_SUFFIXES) if len(made) > 1_500 else "")] = None
    return _vocabulary(list(made))


def _korean() -> Vocabulary:
    random = Random("korean")
    ranks = list(accumulate(1 / (rank + 10) for rank in range(len(_SYLLABLES_KO))))
    syllables = random.sample(_SYLLABLES_KO, len(_SYLLABLES_KO))
    made: dict[str, None] = {}
    while len(made) < _WORDS_MAX:
        made[
            "".join(random.choices(syllables, cum_weights=ranks, k=random.choice((2, 2, 2, 3, 4))))
        ] = None
    return _vocabulary(list(made))


def _inflected(words: list[str], random: Random) -> list[str]:
    endings = random.choices((*_PARTICLES, *_PARTICLES, *_ENDINGS, *[""] * 20), k=len(words))
    return [word + ending for word, ending in zip(words, endings, strict=True)]

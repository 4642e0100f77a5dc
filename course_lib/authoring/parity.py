"""Do the two languages of a prose cell say the same? What cheap rules can tell.

A prose cell has this shape; the heading may be left out, or stand alone:

    ## 은닉 상태 · Hidden state

    <div lang="ko">

    한국어 Markdown

    </div>

    <div lang="en">

    English Markdown

    </div>

Both languages must carry the same mathematics, numbers, code, links and images. Each has at most 150 words.
The Korean ends its sentences in 합니다체. Whether the meaning agrees, only a reader can tell.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from course_lib.bilingual import Bilingual

MOST_WORDS = 150
SHAPE = re.compile(
    r"(?:#{1,6} [^\n]+\n+)?"
    r'<div lang="ko">\n\n(?P<ko>.+?)\n\n</div>\n\n<div lang="en">\n\n(?P<en>.+?)\n\n</div>',
    re.DOTALL,
)
HEADING = re.compile(r"#{1,6} (?P<ko>.+) · (?P<en>.+)")  # a lesson number may come first
HANGUL = re.compile(r"[가-힣ㄱ-ㅎㅏ-ㅣ]")

FENCE = re.compile(r"^ *(`{3,}|~{3,})[^\n]*\n.*?^ *\1 *$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
DISPLAY_MATH = re.compile(r"\$\$.+?\$\$|\\begin\{(\w+\*?)\}.+?\\end\{\1\}", re.DOTALL)
MATH = re.compile(r"(?<!\\)\$(?![\s$])[^$\n]+?(?<![\s\\])\$")
TEXT_IN_MATH = re.compile(r"\\text\{[^{}]*\}")  # words may differ
IMAGE = re.compile(r'!\[[^\]]*\]\(([^()\s]+)[^)]*\)|<img[^>]*?src="([^"]+)"[^>]*>')
LINK = re.compile(r'(?<=\])\(([^()\s]+)[^)]*\)|<(https?://[^>\s]+)>|href="([^"]+)"|(https?://[^\s<>)\]]+)')
TAG = re.compile(r"</?[A-Za-z][^>]*>")
ORDINAL = re.compile(r"\d+(?:st|nd|rd|th)\b|\d+ ?번째")
NUMBER = re.compile(r"(?:(?<![\w.,)\]¤])[-−])?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")

SENTENCE_END = re.compile(r"([가-힣]+)[*_\"”’)\]]*[.!?:](?=[*_\"”’)\]]*(?:\s|$))")
NOUNS_IN_YO = ("필요", "개요", "수요", "소요", "중요", "주요", "동요", "강요")
FINAL_BIEUP = 17  # the place of ㅂ among the 28 final consonants of a Hangul syllable


class Complaint(NamedTuple):
    """Something an author has to mend, and where."""

    path: Path
    line: int
    message: Bilingual

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Content:
    """What a piece of Markdown carries, apart from its words."""

    code: Counter
    mathematics: Counter
    numbers: Counter
    links: Counter
    images: Counter
    words: int
    prose: str  # without fences and tables; code, mathematics and links are ¤


CARRIED = {  # the Korean with its particle
    "code": Bilingual("코드가", "code"),
    "mathematics": Bilingual("수식이", "mathematics"),
    "numbers": Bilingual("수가", "numbers"),
    "links": Bilingual("링크가", "links"),
    "images": Bilingual("그림이", "images"),
}


def content(markdown: str) -> Content:
    """Take a piece of Markdown apart. Each step removes what the next must not read."""

    def take(pattern: re.Pattern, text: str, instead: str) -> tuple[list[str], str]:
        found = [next((group for group in m.groups() if group), m[0]) for m in pattern.finditer(text)]
        return found, pattern.sub(instead, text)

    fences = [m[0] for m in FENCE.finditer(markdown)]
    text = FENCE.sub("", markdown)
    spans = [m[2].strip() for m in CODE.finditer(text)]
    text = CODE.sub("¤", text)
    displayed = [m[0] for m in DISPLAY_MATH.finditer(text)]
    text = DISPLAY_MATH.sub(" ", text)
    formulas = displayed + [m[0] for m in MATH.finditer(text)]
    text = MATH.sub("¤", text)
    images, text = take(IMAGE, text, "")
    links, text = take(LINK, text, "")
    text = TAG.sub("", text)
    numbers = [
        Decimal(number.replace(",", "").replace("−", "-")) for number in NUMBER.findall(ORDINAL.sub("", text))
    ]
    return Content(
        code=Counter(fences + spans),
        mathematics=Counter("".join(TEXT_IN_MATH.sub(r"\\text{}", formula).split()) for formula in formulas),
        numbers=Counter(numbers),
        links=Counter(links),
        images=Counter(images),
        words=sum(bool(re.search(r"[\w¤]", word)) for word in text.split()),
        prose="\n".join(line for line in text.splitlines() if not line.lstrip().startswith("|")),
    )


def prose_complaints(cell: str, path: Path, line: int) -> Iterator[Complaint]:
    """What is wrong with a Markdown cell that begins at ``line`` of ``path``."""

    def complain(at: int, ko: str, en: str) -> Complaint:
        return Complaint(path, line + cell.count("\n", 0, at), Bilingual(ko, en))

    heading, _, rest = cell.partition("\n")
    if heading.startswith("#"):
        parts = HEADING.fullmatch(heading)
        if not parts or not HANGUL.search(parts["ko"]) or HANGUL.search(parts["en"]):
            yield complain(
                0,
                "제목은 두 언어를 한 줄에 씁니다: '## 한국어 · English'.",
                "A heading carries both languages on one line: '## 한국어 · English'.",
            )
        if not rest.strip():
            return
    shape = SHAPE.fullmatch(cell)
    if not shape:
        for language, name in (("ko", Bilingual("한국어", "Korean")), ("en", Bilingual("영어", "English"))):
            if f'<div lang="{language}">' not in cell:
                yield complain(
                    0,
                    f'{name.ko}가 없습니다. 셀마다 <div lang="ko">와 <div lang="en">이 하나씩 있어야 합니다.',
                    f'{name.en} is missing: each cell holds one <div lang="ko"> and one <div lang="en">.',
                )
                return
        yield complain(
            0,
            '셀의 꼴이 다릅니다: 제목(선택), <div lang="ko">, 빈 줄, 본문, 빈 줄, </div>, 빈 줄, 그리고 en도 같게 씁니다.',
            'The cell has another shape than: optional heading, <div lang="ko">, blank line, Markdown, '
            "blank line, </div>, blank line, and the same for en.",
        )
        return

    ko, en = content(shape["ko"]), content(shape["en"])
    for field, name in CARRIED.items():
        only_ko, only_en = getattr(ko, field) - getattr(en, field), getattr(en, field) - getattr(ko, field)
        if only_ko or only_en:
            in_ko, in_en = (", ".join(map(str, c.elements())) or "–" for c in (only_ko, only_en))
            yield complain(
                shape.start("en"),
                f"두 언어의 {name.ko} 다릅니다. 한국어에만: {in_ko}; 영어에만: {in_en}.",
                f"The {name.en} of the two languages differ. "
                f"Only in Korean: {in_ko}; only in English: {in_en}.",
            )
    for language, part in (("ko", ko), ("en", en)):
        if part.words > MOST_WORDS:
            yield complain(
                shape.start(language),
                f"'{language}' 본문이 {part.words}어절입니다. {MOST_WORDS}어절이 넘으면 셀을 나눕니다.",
                f"The '{language}' text has {part.words} words; split the cell where it passes {MOST_WORDS}.",
            )
        for found in re.finditer(r"^#{1,6} ", FENCE.sub(_blank, shape[language]), re.MULTILINE):
            yield complain(
                shape.start(language) + found.start(),
                "제목은 <div> 밖에, 두 언어를 한 줄에 씁니다.",
                "A heading stands above the <div>s, with both languages on one line.",
            )
    if not HANGUL.search(shape["ko"]):
        yield complain(
            shape.start("ko"), "한국어 본문에 한글이 없습니다.", "The Korean text holds no Hangul."
        )
    if found := HANGUL.search(shape["en"]):
        yield complain(
            shape.start("en") + found.start(),
            "영어 본문에 한글이 있습니다.",
            "The English text holds Hangul.",
        )
    for ending in sentence_endings(ko.prose):
        yield complain(
            shape.start("ko"),
            f"'{ending}'(으)로 끝나는 문장이 합니다체가 아닙니다.",
            f"The sentence ending in '{ending}' is not in the formal style (합니다체).",
        )


def sentence_endings(prose: str) -> list[str]:
    """Last words of the sentences that are plainly not 합니다체. A fragment has no full stop."""
    return [word for word in SENTENCE_END.findall(prose) if not _is_formal(word)]


def _is_formal(word: str) -> bool:
    if word.endswith(("다", "까")):
        stem, ending = word[:-2], word[-2:]
        return ending in ("니다", "니까") and bool(stem) and (ord(stem[-1]) - ord("가")) % 28 == FINAL_BIEUP
    return not word.endswith("요") or word.endswith(NOUNS_IN_YO)


def _blank(found: re.Match) -> str:
    return re.sub(r"[^\n]", " ", found[0])

"""The text of a Word paragraph: its runs, fields, symbols and formulas, and what hangs on it.

Read is what Word shows: results of fields, not their instructions; inserted text, not deleted; no
hidden text; of ruby the base.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from xml.etree.ElementTree import Element

from byline.ingest.readers.list_numerals import numeral
from byline.ingest.readers.office.docx_numbering import Style, Styles, toggle
from byline.ingest.readers.office.ooxml_package import (
    attribute,
    drawn_paragraphs,
    local,
    relation_id,
)

NOT_SHOWN: Final = frozenset(
    {"del", "moveFrom", "pPr", "rPr", "tblPr", "trPr", "tcPr", "sdtPr", "sdtEndPr", "smartTagPr"}
    | {"customXmlPr", "rubyPr", "rt", "delText", "sectPr", "tblGrid", "ctrlPr"}
)
"""Elements without anything that is shown, by their local names."""
_REVISED: Final = frozenset({"del", "moveFrom"})
_PLAIN: Final = Style()
_LINE_BREAKS: Final = frozenset({"br", "cr"})
_TABS: Final = frozenset({"tab", "ptab"})
_PAGE_FIELDS: Final = frozenset({"PAGE", "NUMPAGES", "SECTIONPAGES"})
_PRIVATE: Final = re.compile("[\uf020-\uf0ff]")
_CHECKED, _UNCHECKED = "☒", "☐"
_QUOTED: Final = re.compile(r'"([^"]*)"|(\S+)')
_ENCLOSED: Final = re.compile(r"\\o(?:\\a\w)?\s*\(\s*[○〇◯]\s*[,;]\s*([^)]*)\)", re.IGNORECASE)

_SYMBOL: Final = dict(
    zip(
        "ABGDEZHQIKLMNXOPRSTUFCYWabgdezhqiklmnxoprVstufcyw",
        "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθικλμνξοπρςστυφχψω",
        strict=True,
    )
) | dict(
    zip(
        "\xa3\xa5\xab\xac\xad\xae\xaf\xb0\xb1\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xbb\xc5\xc6\xc7\xc8"
        "\xcc\xce\xcf\xd0\xd1\xd5\xd6\xd7\xd8\xd9\xda\xde\xe5\xf2\xa2\xb2\xd3\xd2\xd4\x22\x24\x27",
        "≤∞↔←↑→↓°±≥×∝∂•÷≠≡≈⊕∅∩∪⊂∈∉∠∇∏√⋅¬∧∨⇒∑∫′″©®™∀∃∋",
        strict=True,
    )
)
_WINGDINGS: Final = dict(
    zip(
        "\x6c\x6d\x6e\x6f\x70\x71\x72\x73\x74\x75\x76\x77\x9e\x9f\xa7\xa8\xd8\xe0\xe8\xe9\xea\xeb"
        "\xec\xfb\xfc\xfd\xfe\xdf\xe1\xe2\x28\x2a\x46\x4a\x4c\xf0\x80\x8b",
        "●❍■□❐❑❒⬧⧫◆❖⬥·•▪◻➢→➔←↑↓→✗✓☒☑←↑↓☎✉☞☺☹⇨⓪⓿",
        strict=True,
    )
) | {chr(0x81 + place): numeral(place + 1, "decimalEnclosedCircle") for place in range(10)}

Hang: TypeAlias = tuple[str, Element | str]
"""What hangs on a paragraph: its kind, and the element, id or words of it."""


@dataclass(slots=True)
class Inline:
    """The text of a paragraph. `hangs` are its text boxes, charts, diagrams, embedded objects and
    notes, in reading order; `has_page_number` says that a field counts pages in it."""

    text: str = ""
    hangs: list[Hang] = field(default_factory=list)
    has_page_number: bool = False


@dataclass(slots=True)
class _Field:
    """A field that has begun. `held` is what stands among its instructions."""

    instruction: str = ""
    is_result: bool = False
    held: list[str] = field(default_factory=list)


class RunReader:
    """RunReader reads the paragraphs of one story (the body, a header, a note), whose fields may
    reach over several of them.

    `mark_of` gives the mark of a note by the name of the reference and its id.
    """

    def __init__(self, styles: Styles, mark_of: Callable[[str, str], str]) -> None:
        self._styles = styles
        self._mark_of = mark_of
        self._fields: list[_Field] = []

    def inline(self, paragraph: Element, style: Style) -> Inline:
        """Read a paragraph of this style."""
        found = Inline()
        pieces: list[str] = []
        walk: list[Iterator[Element]] = [iter(paragraph)]
        while walk:
            for element in walk[-1]:
                name = _LOCAL[element.tag]
                if name == "r":
                    self._run(element, style, pieces, found)
                elif name in NOT_SHOWN:
                    if name in _REVISED:
                        self._follow_fields(element)
                elif name == "oMath":
                    self._say(math_text(element), pieces)
                elif len(element):
                    if name == "fldSimple":
                        found.has_page_number |= _counts_pages(attribute(element, "instr"))
                    is_choice = name == "AlternateContent"
                    walk.append(iter(shown_alternative(element) if is_choice else element))
                    break
            else:
                walk.pop()
        found.text = "".join(pieces)
        return found

    def left_over(self) -> str:
        """What was held back for a field that never ended; to be asked for at the story's end."""
        return "".join(piece for one in self._fields for piece in one.held).strip()

    def _run(self, run: Element, style: Style, pieces: list[str], found: Inline) -> None:
        first = next(iter(run), None)
        properties = first if first is not None and _LOCAL[first.tag] == "rPr" else None
        if self._is_hidden(properties, style):
            self._follow_fields(run)
            return
        for child in run:
            name = _LOCAL[child.tag]
            if name == "t":
                text = child.text or ""
                if not text.isascii() and _PRIVATE.search(text):
                    text = _without_private(text, _font(properties))
                if not self._fields:
                    pieces.append(text)
                else:
                    self._say(text, pieces)
            elif name == "rPr":
                continue
            elif name in _LINE_BREAKS:
                self._say("\n", pieces)
            elif name in _TABS:
                self._say("\t", pieces)
            else:
                self._special(child, name, pieces, found)

    def _special(self, element: Element, name: str, pieces: list[str], found: Inline) -> None:
        """Read what stands in a run beside text, tabs and line breaks."""
        match name:
            case "noBreakHyphen":
                self._say("-", pieces)
            case "sym":
                sign = chr(_code(attribute(element, "char")))
                self._say(_symbol(sign, attribute(element, "font"), ""), pieces)
            case "fldChar":
                self._field_char(element, pieces, found)
            case "instrText":
                if self._fields and not self._fields[-1].is_result:
                    self._fields[-1].instruction += element.text or ""
            case "footnoteReference" | "endnoteReference" | "commentReference":
                self._reference(element, name, pieces, found)
            case "ruby" | "AlternateContent":
                self._within(element, name, pieces, found)
            case "drawing" | "pict" | "object":
                found.hangs += hanging(element) if self._is_shown() else ()

    def _within(self, element: Element, name: str, pieces: list[str], found: Inline) -> None:
        """Read what a run shows by way of another element."""
        if name == "ruby":
            for base in element:
                if _LOCAL[base.tag] == "rubyBase":
                    inside = self.inline(base, _PLAIN)
                    pieces.append(inside.text)
                    found.hangs += inside.hangs
            return
        for child in shown_alternative(element):
            child_name = _LOCAL[child.tag]
            if child_name == "t":
                self._say(child.text or "", pieces)
            else:
                self._special(child, child_name, pieces, found)

    def _reference(self, element: Element, name: str, pieces: list[str], found: Inline) -> None:
        if not self._is_shown():
            return
        note_id = attribute(element, "id")
        if not _is_on(attribute(element, "customMarkFollows")):
            self._say(self._mark_of(name, note_id), pieces)
        found.hangs.append((name, note_id))

    def _is_shown(self) -> bool:
        return all(one.is_result for one in self._fields)

    def _say(self, text: str, pieces: list[str]) -> None:
        for one in self._fields:
            if not one.is_result:
                one.held.append(text)
                return
        pieces.append(text)

    def _field_char(self, element: Element, pieces: list[str], found: Inline) -> None:
        match attribute(element, "fldCharType"):
            case "begin":
                self._say(_form_field(element), pieces)
                self._fields.append(_Field())
            case "separate" if self._fields:
                self._fields[-1].is_result = True
                self._fields[-1].held.clear()
                found.has_page_number |= _counts_pages(self._fields[-1].instruction)
            case "end" if self._fields:
                ended = self._fields.pop()
                if not ended.is_result:
                    self._say(_without_result(ended.instruction), pieces)

    def _follow_fields(self, element: Element) -> None:
        """Keep count of the fields that begin and end in what is not shown."""
        for one in element.iter():
            if _LOCAL[one.tag] == "fldChar":
                self._field_char(one, [], Inline())

    def _is_hidden(self, properties: Element | None, style: Style) -> bool:
        direct, by_style = None, style.vanish
        for one in properties if properties is not None else ():
            name = _LOCAL[one.tag]
            if name == "vanish":
                direct = toggle(properties, "vanish")
            elif name == "rStyle":
                # A style of characters turns over what the paragraph's says.
                by_style ^= self._styles.of(attribute(one, "val")).vanish
        return by_style if direct is None else direct


class _LocalNames(dict[object, str]):
    """The local names of tags, each taken apart once."""

    def __missing__(self, tag: object) -> str:
        name = self[tag] = local(tag)
        return name


_LOCAL: Final = _LocalNames()


def local_name(element: Element) -> str:
    """The name of an element without its namespace."""
    return _LOCAL[element.tag]


def shown_alternative(element: Element) -> Element:
    """The alternative of an `AlternateContent` that is read: the newest one that says anything."""
    for child in element:
        if _LOCAL[child.tag] == "Choice" and any(_LOCAL[e.tag] in _SAYING for e in child.iter()):
            return child
    for child in element:
        if _LOCAL[child.tag] == "Fallback":
            return child
    return element if not len(element) else element[0]


_SAYING: Final = frozenset(
    {"t", "txbxContent", "chart", "relIds", "OLEObject", "textpath", "br", "tab", "sym", "fldChar"}
    | {"footnoteReference", "endnoteReference", "commentReference"}
)


def hanging(element: Element) -> Iterator[Hang]:
    """The boxes, charts, diagrams and embedded objects in a drawing, in reading order. Boxes inside
    boxes are left to whoever reads the outer one."""
    walk = [iter((element,))]
    while walk:
        one = next(walk[-1], None)
        if one is None:
            walk.pop()
            continue
        match _LOCAL[one.tag]:
            case "txbxContent":
                yield "box", one
            case "txBody":
                yield "words", drawn_paragraphs(one)
            case "textpath":
                yield "words", one.get("string", "")
            case "chart":
                yield "chart", relation_id(one)
            case "relIds":
                yield "diagram", attribute(one, "dm")
            case "OLEObject" | "control":
                yield "object", relation_id(one)
            case "AlternateContent":
                walk.append(iter(shown_alternative(one)))
            case _:
                walk.append(iter(one))


def _code(said: str) -> int:
    try:
        code = int(said, 16)
    except ValueError:
        return 0
    return code if 0 < code < 0x110000 else 0


def _symbol(sign: str, font: str, otherwise: str) -> str:
    """A sign of a symbol font in Unicode; a sign of any other font stays as it is."""
    code = ord(sign)
    if not (0xF000 <= code <= 0xF0FF or code < 0x100):
        return sign if code > 0 else ""
    known = {"symbol": _SYMBOL, "wingdings": _WINGDINGS}.get(font.lower())
    sign = chr(code & 0xFF)
    if known is not None:
        is_plain = known is _SYMBOL and " " <= sign <= "?"
        return known.get(sign) or (sign if is_plain else otherwise)
    if font.lower().startswith(("wingdings", "webdings")):
        return otherwise
    return sign if code < 0x100 and code > 0x1F else otherwise


def _without_private(text: str, font: str) -> str:
    """A text with the signs of a symbol font in Unicode, where they are known."""
    return _PRIVATE.sub(lambda sign: _symbol(sign[0], font, sign[0]), text)


def _font(properties: Element | None) -> str:
    for one in properties if properties is not None else ():
        if _LOCAL[one.tag] == "rFonts":
            return attribute(one, "ascii") or attribute(one, "hAnsi")
    return ""


def _is_on(value: str) -> bool:
    return value.lower() in ("1", "true", "on")


def _counts_pages(instruction: str) -> bool:
    words = instruction.split(maxsplit=1)
    return bool(words) and words[0].upper() in _PAGE_FIELDS


def _form_field(element: Element) -> str:
    """What a field of a form shows by itself: its box, or the entry chosen from its list."""
    entries: list[str] = []
    chosen = 0
    shown = ""
    for one in element.iter():
        name = _LOCAL[one.tag]
        if name == "checkBox":
            states = {_LOCAL[state.tag]: attribute(state, "val") or "1" for state in one}
            is_checked = _is_on(states.get("checked", states.get("default", "0")))
            shown = _CHECKED if is_checked else _UNCHECKED
        elif name == "listEntry":
            entries.append(attribute(one, "val"))
        elif name == "result" and attribute(one, "val").isdecimal():
            chosen = _small(attribute(one, "val"))
    return entries[chosen] if chosen < len(entries) else shown


def _small(said: str) -> int:
    return int(said) if len(said) < 6 else 0


def _without_result(instruction: str) -> str:
    """What a field shows that has no result by its nature: a button's words, a circled number."""
    words = instruction.split(maxsplit=2)
    kind = words[0].upper() if words else ""
    if kind == "MACROBUTTON" and len(words) > 2:
        return words[2].strip()
    if kind == "EQ" and (found := _ENCLOSED.search(instruction)):
        inside = found[1].strip()
        is_number = inside.isdecimal() and len(inside) < 3
        return numeral(int(inside), "decimalEnclosedCircle") if is_number else f"({inside})"
    if kind == "QUOTE" and len(words) > 1:
        return next((m[1] or m[2] for m in _QUOTED.finditer(instruction.strip()[5:])), "")
    return ""


def math_text(element: Element) -> str:
    """A formula on one line: a fraction as (a)/(b), powers behind ^, indices behind _."""
    return _math(element, 0)


_MATH_DEPTH_MAX: Final = 40


def _math(element: Element, depth: int) -> str:
    if depth > _MATH_DEPTH_MAX:
        return "".join(one.text or "" for one in element.iter() if _LOCAL[one.tag] == "t")
    parts: dict[str, str] = {}
    said: list[str] = []
    signs: dict[str, str] = {}
    for child in element:
        name = _LOCAL[child.tag]
        if name in NOT_SHOWN:
            continue
        if name == "t":
            said.append(child.text or "")
        elif name in _LINE_BREAKS:
            said.append(" ")
        elif name.endswith("Pr"):
            signs.update({_LOCAL[one.tag]: attribute(one, "val") for one in child})
        else:
            text = _math(child, depth + 1)
            said.append(text)
            parts[name] = text
    return _arranged(_LOCAL[element.tag], said, parts, signs)


def _arranged(kind: str, said: list[str], parts: dict[str, str], signs: dict[str, str]) -> str:
    base = parts.get("e", "")
    match kind:
        case "f":
            text = f"{_grouped(parts.get('num', ''))}/{_grouped(parts.get('den', ''))}"
        case "sSup" | "sSub" | "sSubSup" | "sPre":
            text = _raised(base, parts)
        case "nary":
            text = _raised(signs.get("chr", "∫"), parts) + (f" {base}" if base else "")
        case "rad":
            text = f"{parts.get('deg', '')}√{_grouped(base)}"
        case "d":
            inside = signs.get("sepChr", "|").join(said)
            text = signs.get("begChr", "(") + inside + signs.get("endChr", ")")
        case "func":
            text = f"{parts.get('fName', '')} {base}"
        case "acc" | "bar":
            sign = signs.get("chr", "\u0302") if kind == "acc" else "\u0305"
            text = base + sign if len(base) == 1 else base
        case "limLow" | "limUpp":
            text = f"{base}_{_grouped(parts.get('lim', ''))}"
        case _:
            text = {"m": "; ", "eqArr": "; ", "mr": ", "}.get(kind, "").join(said)
    return text


def _raised(base: str, parts: dict[str, str]) -> str:
    low, high = parts.get("sub", ""), parts.get("sup", "")
    return base + (f"_{_grouped(low)}" if low else "") + (f"^{_grouped(high)}" if high else "")


def _grouped(text: str) -> str:
    return text if len(text) < 2 or text.isalnum() else f"({text})"

"""PDFs made on the spot, page by page: what PDF writes, pictures, form fields, files in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class MadePage:
    """MadePage is one page: its content stream, how far it is turned, and a picture `im` of grey
    `shades` (rows of bytes) that the content may draw; `annotations` are dictionaries."""

    content: str = ""
    turned: int = 0
    shades: Sequence[bytes] = ()
    annotations: Sequence[str] = ()


@dataclass
class MadePdf:
    """MadePdf puts pages into a file. `meanings` are what the codes of font F3 mean."""

    pages: Sequence[MadePage]
    meanings: dict[int, str] = field(default_factory=dict)
    attached: dict[str, bytes] = field(default_factory=dict)
    lost_pages: int = 0

    def to_bytes(self) -> bytes:
        self._objects: list[bytes] = [b"", b""]
        fonts = self._fonts()
        kids = [self._page(page, fonts) for page in self.pages]
        kids += [9_000 + number for number in range(self.lost_pages)]
        listed = " ".join(f"{kid} 0 R" for kid in kids)
        pages = f"<< /Type /Pages /Count {len(kids)} /Kids [{listed}] >>"
        names, form = self._names(), self._form()
        self._objects[0] = f"<< /Type /Catalog /Pages 2 0 R {names} {form} >>".encode()
        self._objects[1] = pages.encode()
        return self._file()

    def _add(self, dictionary: str, stream: bytes | None = None) -> int:
        if stream is not None:
            head = f"<< {dictionary} /Length {len(stream)} >>\nstream\n".encode()
            self._objects.append(head + stream + b"\nendstream")
        else:
            self._objects.append(f"<< {dictionary} >>".encode())
        return len(self._objects)

    def _fonts(self) -> str:
        plain = self._add("/Type /Font /Subtype /Type1 /BaseFont /Helvetica")
        bold = self._add("/Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold")
        told = f"/F1 {plain} 0 R /F2 {bold} 0 R"
        if self.meanings:
            lines = "\n".join(
                f"<{code:02x}> <{text.encode('utf-16-be').hex()}>"
                for code, text in self.meanings.items()
            )
            cmap = (
                "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
                "1 begincodespacerange <00> <ff> endcodespacerange\n"
                f"{len(self.meanings)} beginbfchar\n{lines}\nendbfchar endcmap end end"
            )
            to_unicode = self._add("", cmap.encode())
            named = f"/Type /Font /Subtype /Type1 /BaseFont /Courier /ToUnicode {to_unicode} 0 R"
            told += f" /F3 {self._add(named)} 0 R"
        return told

    def _page(self, page: MadePage, fonts: str) -> int:
        content = self._add("", page.content.encode("latin-1"))
        drawn = ""
        if page.shades:
            size = f"/Width {len(page.shades[0])} /Height {len(page.shades)}"
            grey = "/ColorSpace /DeviceGray /BitsPerComponent 8"
            image = self._add(
                f"/Type /XObject /Subtype /Image {size} {grey}", b"".join(page.shades)
            )
            drawn = f"/XObject << /im {image} 0 R >>"
        numbers = [self._add(annotation) for annotation in page.annotations]
        annotations = " ".join(f"{number} 0 R" for number in numbers)
        self._fields = getattr(self, "_fields", []) + numbers
        return self._add(
            f"/Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Rotate {page.turned} "
            f"/Contents {content} 0 R /Annots [{annotations}] "
            f"/Resources << /Font << {fonts} >> {drawn} >>"
        )

    def _form(self) -> str:
        listed = " ".join(f"{number} 0 R" for number in self._fields)
        return f"/AcroForm << /Fields [{listed}] /DA (/F1 10 Tf) >>" if listed else ""

    def _names(self) -> str:
        if not self.attached:
            return ""
        told = []
        for name, raw in self.attached.items():
            stream = self._add("/Type /EmbeddedFile", raw)
            wide = ("\ufeff" + name).encode("utf-16-be").hex()
            spec = self._add(f"/Type /Filespec /F <{wide}> /UF <{wide}> /EF << /F {stream} 0 R >>")
            told.append(f"<{wide}> {spec} 0 R")
        return f"/Names << /EmbeddedFiles << /Names [{' '.join(told)}] >> >>"

    def _file(self) -> bytes:
        out = bytearray(b"%PDF-1.7\n")
        places: list[int] = []
        for number, content in enumerate(self._objects, 1):
            places.append(len(out))
            out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
        start = len(out)
        out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
        out += b"".join(b"%010d 00000 n \n" % place for place in places)
        out += b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(places) + 1)
        return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def text(line: str, left: float, bottom: float, *, size: float = 11, font: str = "F1") -> str:
    """A line of a content stream."""
    return f"BT /{font} {size} Tf {left} {bottom} Td ({line}) Tj ET\n"


def lines(*told: str, top: float = 720) -> str:
    """Lines one below the other."""
    return "".join(text(line, 72, top - 16 * number) for number, line in enumerate(told))


def print_like(width: int = 120, height: int = 160) -> list[bytes]:
    """Shades of a page with dark strokes on white, as a scan of text has them."""
    rows = []
    for y in range(height):
        is_line = y % 8 in (2, 3, 4)
        rows.append(
            bytes(0 if is_line and x % 5 < 2 and 10 < x < 110 else 255 for x in range(width))
        )
    return rows

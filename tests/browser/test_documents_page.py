"""The documents in a real browser: dropped, sent, read, found, removed and brought back."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import psycopg
import pytest
from browser_checks import DESKTOP, PHONE, OpenPage, assert_accessible, shot
from browser_site import Site
from playwright.sync_api import Page, expect

DROP = """([names, folder]) => {
  const file = (name) => new File([`${name} holds words of its own`], name.split("/").pop());
  const asEntry = (name) => ({
    isFile: true, fullPath: "/" + name, file: (give) => give(file(name)),
  });
  const inFolder = {
    isDirectory: true,
    createReader: () => {
      const parts = [folder.slice(0, 1), folder.slice(1), []].map((part) => part.map(asEntry));
      return { readEntries: (give) => give(parts.shift()) };
    },
  };
  const items = names.map((name) => ({ kind: "file", webkitGetAsEntry: () => asEntry(name) }));
  if (folder.length) items.push({ kind: "file", webkitGetAsEntry: () => inFolder });
  for (const type of ["dragover", "drop"]) {
    const event = new Event(type, { bubbles: true, cancelable: true });
    event.dataTransfer = { types: ["Files"], items };
    document.body.dispatchEvent(event);
  }
}"""
"""Drops files and a folder as a file manager does; scripts can make no such transfer themselves."""


def ids_of(site: Site, words: str) -> list[str]:
    listed = site.api("GET", f"/api/documents?q={words}")
    return [document["id"] for document in listed["documents"]]


def forget(site: Site, words: str) -> None:
    for document_id in ids_of(site, words):
        site.api("DELETE", f"/api/documents/{document_id}")


def row(page: Page, text: str):  # type: ignore[no-untyped-def]
    return page.locator("#list tr[data-id]", has_text=text)


def test_dropped_files_and_folders_are_sent_read_and_listed_with_where_they_lay(
    site: Site, open_page: OpenPage
) -> None:
    page = open_page("/documents")
    page.get_by_text("Collection and tags").click()
    page.get_by_label("With these tags").fill("dropped, 2024")
    page.evaluate(DROP, [["drop-one.txt"], ["letters/drop-two.txt", "letters/.DS_Store"]])
    uploads = page.locator("#uploads")
    expect(uploads.locator("[data-part=summary]")).to_have_text("2 of 2 files sent, 2 read.")
    expect(uploads.locator("li", has_text="letters/drop-two.txt")).to_contain_text("searchable")
    expect(row(page, "letters/drop-two.txt")).to_contain_text("searchable")
    expect(row(page, "letters/drop-two.txt").locator(".tag")).to_have_text(["dropped", "2024"])
    assert_accessible(page)
    shot(page, "documents-uploaded")
    again = "drop-one.txt"
    page.evaluate(DROP, [[again], []])
    expect(uploads.locator("li", has_text="was here already")).to_have_count(1)
    forget(site, "drop-")


def test_a_chosen_folder_keeps_its_paths(site: Site, open_page: OpenPage, tmp_path: Path) -> None:
    inner = tmp_path / "chosen" / "집"
    inner.mkdir(parents=True)
    (inner / "계약서.txt").write_text("임대차 계약 기간은 2년이다.", encoding="utf-8")
    (tmp_path / "chosen" / "top.txt").write_text("top of it", encoding="utf-8")
    page = open_page("/documents")
    page.get_by_label("A folder").set_input_files(tmp_path / "chosen")
    expect(page.locator("#uploads [data-part=summary]")).to_have_text("2 of 2 files sent, 2 read.")
    expect(row(page, "chosen/집/계약서.txt")).to_have_count(1)
    forget(site, "chosen/")


def test_what_fails_says_why_and_can_be_tried_again(
    site: Site, open_page: OpenPage, tmp_path: Path
) -> None:
    broken = tmp_path / "broken-scan.docx"
    broken.write_bytes(b"PK\x03\x04" + b"\0" * 200)
    program = tmp_path / "program.exe"
    program.write_bytes(b"MZ" + b"\0" * 200)
    page = open_page("/documents", viewport=PHONE)
    page.get_by_label("Files", exact=True).set_input_files([broken, program])
    uploads = page.locator("#uploads")
    expect(uploads.locator("li.trouble")).to_have_count(2)
    expect(uploads.locator("[data-part=summary]")).to_contain_text("2 with trouble.")
    expect(uploads.locator("li", has_text="program.exe")).to_contain_text("program")
    failed = row(page, "broken-scan")
    expect(failed).to_contain_text("could not be read")
    assert_accessible(page)
    shot(page, "documents-failed-phone")
    failed.get_by_role("button", name="Try again").click()
    expect(page).to_have_url(re.compile("/documents$"))
    expect(row(page, "broken-scan")).to_contain_text("could not be read")
    forget(site, "broken-scan")


def test_a_lost_connection_is_said_and_the_file_sent_when_it_is_back(
    site: Site, open_page: OpenPage
) -> None:
    page = open_page("/documents")
    page.context.set_offline(True)
    page.evaluate(DROP, [["lost.txt"], []])
    line = page.locator("#uploads li", has_text="lost.txt")
    expect(line).to_contain_text("Byline cannot be reached.")
    page.context.set_offline(False)
    line.get_by_role("button", name="Try again").click()
    expect(line).to_contain_text("searchable")
    forget(site, "lost.txt")


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no script"])
def test_removing_is_undone_by_one_click(site: Site, open_page: OpenPage, javascript: bool) -> None:
    for name in ("undo-a.txt", "undo-b.txt"):
        site.add(f"{name} speaks of removal", name)
    page = open_page("/documents?q=undo-", javascript=javascript)
    for name in ("undo-a", "undo-b"):
        row(page, name).get_by_role("checkbox").check()
    page.locator("[data-part=remove-ticked]").click()
    notice = page.locator(".notice")
    expect(notice).to_contain_text("2 documents removed.")
    expect(page.get_by_text("No document is like that.")).to_be_visible()
    assert ids_of(site, "undo-") == []
    if javascript:
        assert_accessible(page)
        shot(page, "documents-removed", whole=False)
    notice.get_by_role("button", name="Undo").click()
    expect(row(page, "undo-")).to_have_count(2)

    address = page.get_by_role("link", name="undo-a").get_attribute("href")
    assert address is not None
    row(page, "undo-a").get_by_role("button", name="Remove").click()
    expect(page.locator(".notice")).to_contain_text("Removed: undo-a")
    gone = page.goto(address)
    assert gone is not None
    assert gone.status == 404
    page.get_by_role("button", name="Bring it back").click()
    expect(page.get_by_role("heading", name="undo-a")).to_be_visible()
    forget(site, "undo-")
    assert page.goto(address)
    expect(page.get_by_role("heading", name="This document is not here")).to_be_visible()


def test_the_form_sends_files_without_script(
    site: Site, open_page: OpenPage, tmp_path: Path
) -> None:
    file = tmp_path / "plain-form.txt"
    file.write_text("plain words", encoding="utf-8")
    page = open_page("/documents", javascript=False)
    page.get_by_label("Files", exact=True).set_input_files(file)
    page.get_by_role("button", name="Add").click()
    expect(row(page, "plain-form")).to_have_count(1)
    page.get_by_label("Name or title").fill("plain-f")
    page.get_by_label("Order").select_option("name")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(r"q=plain-f.*sort=name"))
    expect(row(page, "")).to_have_count(1)
    page.goto("/documents?state=strange")
    expect(page.get_by_role("alert")).to_contain_text("no such state")
    forget(site, "plain-form")


@pytest.fixture(scope="module")
def ten_thousand(site: Site):  # type: ignore[no-untyped-def]
    url = site.config["database"]["url"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO collections (name) VALUES ('many')")
        connection.execute(
            "INSERT INTO documents (id, name, title, state, collection, sha256, media_type,"
            " bytes_len, path, tags, chunked_by, created_at)"
            " SELECT gen_random_uuid(), '보고서 ' || n || '.pdf', 'Report ' || n, 'indexed',"
            " 'many', 'many ' || n, 'application/pdf', n * 1000, 'many/' || n % 100 || '/보고서 '"
            " || n || '.pdf', ARRAY['year ' || 2000 + n % 25], 2000000000,"
            " now() - n * interval '1 minute'"
            " FROM generate_series(1, 10000) AS n"
        )
        yield
        connection.execute("DELETE FROM documents WHERE collection = 'many'")
        connection.execute("DELETE FROM collections WHERE name = 'many'")


@pytest.mark.usefixtures("ten_thousand")
@pytest.mark.parametrize(
    ("language", "theme", "viewport"),
    [("en-US", "light", DESKTOP), ("ko-KR", "dark", PHONE)],
    ids=["english desktop", "korean phone"],
)
def test_ten_thousand_documents_are_shown_searched_and_paged_at_once(
    open_page: OpenPage, language: str, theme: str, viewport: object
) -> None:
    page = open_page(
        "/documents?collection=many", language=language, theme=theme, viewport=viewport
    )
    korean = language.startswith("ko")
    expect(row(page, "")).to_have_count(50)
    expect(page.locator(".tally")).to_contain_text("문서 10000개" if korean else "10000 documents")
    assert_accessible(page)
    shot(page, f"documents-many-{language[:2]}-{theme}", whole=False)
    ready_ms = page.evaluate("performance.getEntriesByType('navigation')[0].domComplete")
    assert ready_ms < 3_000, ready_ms  # a machine that runs other tests; alone about 200
    page.locator("#q").fill("보고서 999")
    page.locator("#sort").select_option("largest")
    page.locator(".filters button").click()
    expect(row(page, "")).to_have_count(19)
    expect(row(page, "").first).to_contain_text("Report 9999")
    page.goto("/documents?collection=many&sort=oldest")
    expect(row(page, "").first).to_contain_text("Report 10000")
    page.locator("a[rel=next]").click()
    expect(row(page, "").first).to_contain_text("Report 9950")
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0


def test_one_document_shows_text_passages_questions_and_takes_changes(
    site: Site, open_page: OpenPage
) -> None:
    document_id = site.add("# Cellar\n\nThe cellar key hangs by the door.\n", "cellar.md")["id"]
    site.ask("Where does the cellar key hang?", backend="quotes")
    page = open_page(f"/documents/{document_id}?start=10&end=43#passage")
    expect(page.locator("mark#passage")).to_contain_text("cellar key")
    views = page.get_by_role("navigation", name="Of this document")
    assert_accessible(page)
    shot(page, "document-text")
    views.get_by_role("link", name="Passages").click()
    expect(page.locator(".passages li")).to_contain_text("The cellar key hangs by the door.")
    assert_accessible(page)
    page.get_by_role("link", name="Passage 1").click()
    expect(page.locator("mark#passage")).to_be_visible()
    views.get_by_role("link", name="What was asked of it").click()
    expect(page.locator(".asked a")).to_have_text("Where does the cellar key hang?")
    assert_accessible(page)
    page.get_by_text("Title, tags, collection").click()
    page.get_by_label("Tags").fill("house, <b>keys</b>")
    page.get_by_label("Title", exact=True).fill("<i>Keys</i> of the house")
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_role("heading", name="<i>Keys</i> of the house")).to_be_visible()
    expect(page.locator(".tag")).to_have_text(["house", "<b>keys</b>"])
    page.get_by_text("Title, tags, collection").click()
    page.get_by_label("Collection", exact=True).fill("../up")
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_role("alert")).to_contain_text("collection")
    page.get_by_role("button", name="Remove this document").click()
    expect(page.locator(".notice")).to_contain_text("Removed: <i>Keys</i> of the house.")
    site.api("DELETE", f"/api/documents/{document_id}")


def test_the_pages_of_a_pdf_are_shown_as_pictures(site: Site, open_page: OpenPage) -> None:
    letter = resources.files("byline.samples") / "documents" / "council-tax-letter.pdf"
    document_id = site.add(letter.read_bytes(), "pages.pdf")["id"]
    page = open_page(f"/documents/{document_id}?view=pages", language="ko-KR", theme="dark")
    picture = page.get_by_role("img", name="1쪽")
    expect(picture).to_be_visible()
    picture.evaluate("image => image.decode()")
    assert picture.evaluate("image => image.naturalWidth") > 100
    assert_accessible(page)
    shot(page, "document-pages-ko-dark")
    site.api("DELETE", f"/api/documents/{document_id}")

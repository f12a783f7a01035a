"""The pages of the documentation: their blocks of code, and their links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "LANGUAGES",
    "ROOT",
    "Block",
    "Link",
    "Named",
    "blocks_of",
    "documents",
    "links_of",
    "named_in",
    "pages",
    "slug",
]

ROOT = Path(__file__).parents[2]
#: What a block may be written in; `text` is what something prints.
LANGUAGES = frozenset({"sh", "python", "toml", "json", "sql", "ts", "text"})
_FENCE = re.compile(r"^( *)(`{3,})([^\n`]*)\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"(?:`|^)(enrich|make) ((?:'[^'\n]*'|[^'`|&<>;()#\n])+)", re.MULTILINE)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|<img[^>]*\bsrc=\"([^\"]+)\"|srcset=\"([^\"]+)\"")
_REASON = re.compile(r"(?:#|--|//) not run: (.+)$", re.MULTILINE)
_SAVED_AS = re.compile(r"# (\w+\.py)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block. Its first line, which readers see, may tell what to do with it."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def reason(self) -> str:
        """Why it is not run; empty when it is."""
        found = _REASON.match(self.text)
        return found[1] if found else ""

    @property
    def saved_as(self) -> str:
        """The file that it is to be saved as, for a later block; empty when it is run itself."""
        found = _SAVED_AS.match(self.text)
        return found[1] if found else ""

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where a page sends its reader."""

    page: Path
    target: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}->{self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A command line that a page shows without its being run."""

    page: Path
    program: str
    words: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}->{self.program} {self.words}"


def documents() -> tuple[Path, ...]:
    """List all that is written for people, generated or not."""
    below = [
        path for folder in ("docs", "deploy", "tests") for path in (ROOT / folder).rglob("*.md")
    ]
    return (*ROOT.glob("*.md"), *sorted(path for path in below if "node_modules" not in path.parts))


def pages() -> tuple[Path, ...]:
    """List the pages that people read: the README, and all under docs/ that nobody generated."""
    guides = ROOT / "docs"
    kept = [
        path for path in documents() if guides in path.parents and "reference" not in path.parts
    ]
    return (ROOT / "README.md", *kept)


def blocks_of(page: Path) -> tuple[Block, ...]:
    """Read the blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return tuple(
        Block(
            page=page,
            line=text.count("\n", 0, found.start()) + 1,
            language=found[3].strip(),
            text=re.sub(f"^{found[1]}", "", found[4], flags=re.MULTILINE),
        )
        for found in _FENCE.finditer(text)
        # `{image}` and its like are for the site.
        if not found[3].startswith("{")
    )


def named_in(page: Path) -> Iterator[Named]:
    """Read the command lines of a page's prose and of its blocks that are not run."""
    prose = _FENCE.sub("", page.read_text(encoding="utf-8"))
    shown = [block.text for block in blocks_of(page) if block.reason]
    for program, words in _NAMED.findall("\n".join((prose, *shown))):
        yield Named(page=page, program=program, words=words.strip())


def links_of(page: Path) -> Iterator[Link]:
    """Read the links of a page that lead to files or headings of this project."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for found in _LINK.finditer(re.sub(r"`[^`\n]*`", "", text)):
        target = found[1] or found[2] or found[3]
        if not re.match(r"[a-z]+:", target):
            yield Link(page=page, target=target)


def slug(heading: str) -> str:
    """Name a heading as its link does."""
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")

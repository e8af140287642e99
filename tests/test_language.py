"""Checks the words of the project: identifiers in code, phrases in prose, and comments at the end of a line.

The lists below are the rules. Extend them if a review finds a name or a phrase that a person in the field would not
write.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("reidbench", "plugins", "protocols", "leaderboards", "tests", "benchmarks", "examples", "docs")
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "pyproject.toml")
FILES = sorted(
    path
    for path in (
        *(file for folder in FOLDERS for file in (ROOT / folder).rglob("*")),
        *map(ROOT.joinpath, PAGES),
    )
    if path.suffix in (".py", ".md", ".toml") and path != Path(__file__)
)
PYTHON = [path for path in FILES if path.suffix == ".py"]

# Functions are verbs in the base form. A past participle does not start the name of a function, except in the base
# forms and the nouns below.
PARTICIPLES = re.compile(
    r"built|chosen|done|drawn|found|given|gone|held|hidden|kept|known|laid|left|made|met|paid|rebuilt|said|seen|sent"
    r"|shown|spent|taken|told|thrown|written|\w+ed"
)
BASE_FORMS = {"embed", "exceed", "feed", "need", "proceed", "seed", "shed", "speed"}
NOUNS = {
    "paired_permutation_test",
    "paired_permutation_test_seeds",
    "resized_crop",
    "squared_distances",
    "squared_lengths",
    "inverted_lists",
}

# Modules are named by what they contain.
MODULES = {"agreement", "common", "elsewhere", "helpers", "sightings", "utils"}

# Names of anything: functions, classes, arguments, variables, attributes.
IDENTIFIERS = [
    r"demand(s|ed)?(_.*)?",
    r"strangers?",
    r"readings?",
    r"unlikeness",
    r"places?",
    r"floors?",
    r".*in_?hand",
    r"person_batches",
    r"least|above|most|below",
]

UNITS = (
    "query|person|trial|line|record|batch|row|step|run|frame|tracklet|epoch|second|camera|identity|class|clip|pair"
    "|item"
)
COUNTED = (
    "one|two|three|once|twice|[0-9]+|rows?|lines?|images?|seconds?|records?|files?|entry|entries|times|frames?"
    "|tracklets?|boxes|sequences|numbers?|vectors?|values?|tracks?|queries|matches|copies|colou?rs?"
)
PHRASES = [
    # Archaic and poetic words.
    r"goes on where",
    r"goes on with",
    r"at hand",
    r"stands? (behind|before|beside|elsewhere|where|there|alone)",
    r"(lies?|lying) (below|beside|under|there|elsewhere|where)",
    r"(datasets?|data|files?) lies?",
    r"below (a|an|the|its|their|this|that|one) (data root|root|folder|directory|output|place|tree)",
    r"below (`|folder|runs|nowhere)",
    r"whole or not at all",
    r"made[- ]up",
    r"too (much|little|many):",
    r"is none of",
    r"none (is|are|has|comes|came|was)\b",
    r"there (is|are) (none|neither)",
    r"where there (is|are)",
    r"(is|are) not there\b",
    r"to be had",
    r"(is|are|was) (wanted|sought)",
    r"what \w+ came to",
    r"the same again",
    r"come together",
    r"comes? about",
    r"twice over",
    r"anew\b",
    r"nobody|somebody",
    r"nothing but",
    r"the very \w+",
    r"the like\b",
    r"ruinous",
    r"to believe",
    # "per" for rates.
    rf"({COUNTED}) an? ({UNITS})\b",
    # Code has no will.
    r"knows\b",
    r"demand(s|ed)?\b",
    r"(?<!user )asks\b",
    r"asked for",
    r"says (what|where|which|who|how|so|it|whether|that|nothing)",
    r"(?-i:Say) (what|where|whether)",
    r"(?<!cannot )tells? (whether|what|which|where|how|if)\b",
    r"learns? that",
    r"harness meets",
    # The terms of the field.
    r"(two|several|other|another|the) readings?\b(?! of)",
    r"literature reads",
    # Forms of messages: "NAME must be RANGE, got VALUE", "cannot VERB X: REASON".
    r"cannot be (written|read|opened|loaded|decoded|imported|parsed|removed|created)[^.;]*:",
    r"must be [0-9.{}]+ or (more|less|above|below)",
    r"(?<!there )(is|are) no (folder|file|directory|number|tree|array|integer|picture)\b",
]

# Length of a test name; about 60 characters are usual.
MAX_TEST_NAME = 80

# Comments at the end of a line: pragmas, short shapes such as "# (B, T, C)", and numbers of equations such as "# W-4".
PRAGMA = re.compile(r"#\s*(type: ignore|noqa|pragma:|fmt: )")
SHAPES = r"\([\w\s,*+/'()-]*\)"
EQUATION = r"[A-Z]+-[0-9a-z]+"
SHAPE = re.compile(
    rf"#\s*(\w+(, \w+)*: )?({SHAPES}|{EQUATION})([,;]? (and |or |to |-> )?({SHAPES}|{EQUATION}))*\Z"
)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def find_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of everything that a module defines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield node.lineno, node.asname


def is_noun(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether a function is a property or a fixture."""
    return any(re.search(r"property|fixture", ast.unparse(decorator)) for decorator in node.decorator_list)


def find_participles(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of functions named by a past participle; properties and fixtures are nouns."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not is_noun(node):
            name = node.name.lstrip("_")
            first = name.split("_")[0]
            is_participle = PARTICIPLES.fullmatch(first) and first not in BASE_FORMS
            if is_participle and name not in NOUNS:
                yield node.lineno, node.name


def find_identifiers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of forbidden identifiers."""
    forbidden = re.compile(rf"_*({'|'.join(IDENTIFIERS)})", flags=re.IGNORECASE)
    return ((line, name) for line, name in find_names(tree) if forbidden.fullmatch(name))


def find_prose(source: str, suffix: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each comment, string or paragraph, on one line."""
    if suffix != ".py":
        for match in re.finditer(r"(?:.+\n?)+", source):
            text = re.sub(r"^\s*#+ ?", "", match[0], flags=re.MULTILINE)
            yield source.count("\n", 0, match.start()) + 1, " ".join(text.split())
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, " ".join(node.value.split())
        elif isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            yield node.lineno, " ".join("".join(map(str, parts)).split())
    start, block = 0, ""
    for line, comment in find_comments(source):
        text = comment.lstrip("# ")
        if line == start + 1:
            start, block = line, f"{block} {text}"
        else:
            yield start, block
            start, block = line, text
    yield start, block


def find_comments(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def find_phrases(source: str, suffix: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the phrase of forbidden phrases."""
    forbidden = re.compile(rf"(?<![\w-])({'|'.join(PHRASES)})", flags=re.IGNORECASE)
    for line, text in find_prose(source, suffix):
        for match in forbidden.finditer(text):
            yield line, text[max(0, match.start() - 30) : match.end() + 30]


def find_trailing_comments(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of comments that follow code on the same line, except pragmas and shapes."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT or not token.line[: token.start[1]].strip():
            continue
        if not PRAGMA.match(token.string) and not SHAPE.match(token.string):
            yield token.start[0], token.string


def find_long_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of tests that are named by a sentence instead of one behaviour."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
            continue
        if len(node.name) > MAX_TEST_NAME or node.name.startswith(
            ("test_what_", "test_that_", "test_where_")
        ):
            yield node.lineno, node.name


def find_offenders(path: Path) -> list[str]:
    source = path.read_text(encoding="utf-8")
    found = list(find_phrases(source, path.suffix))
    if path.suffix == ".py":
        tree = ast.parse(source)
        found += [
            *find_identifiers(tree),
            *find_participles(tree),
            *find_long_names(tree),
            *find_trailing_comments(source),
        ]
    return [f"{relative(path)}:{line}: {text}" for line, text in sorted(set(found))]


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_file_is_in_plain_english(path: Path) -> None:
    offenders = find_offenders(path)

    assert not offenders, "\n" + "\n".join(offenders)


def test_modules_are_named_by_what_they_contain() -> None:
    assert not [relative(path) for path in PYTHON if path.stem in MODULES]


OFFENDERS = """
def described(strangers):
    place = 1  # where it stands
    # One row a tracklet.
    raise ValueError(f"{place} cannot be read: it is no folder")


def test_what_is_refused():
    \"\"\"Written whole or
    not at all.\"\"\"
"""


def test_checks_find_their_offenders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / "module.py"
    path.write_text(OFFENDERS)

    found = [offender.partition(": ")[2] for offender in find_offenders(path)]

    for expected in (
        "described",
        "strangers",
        "place",
        "# where it stands",
        "One row a tracklet.",
        "cannot be read:",
        "it is no folder",
        "test_what_is_refused",
        "Written whole or not at all.",
    ):
        assert any(expected in text for text in found), expected


def test_checks_accept_pragmas_shapes_and_equations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / "module.py"
    path.write_text(
        "a = 1  # (B, T, C)\nb = 2  # noqa: F841  a reason\nc = 3  # (B, K2), W-3\nd = 4  # CA-4 to CA-8\n"
    )

    assert not find_offenders(path)


def test_checks_find_phrases_of_markdown_across_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / "page.md"
    path.write_text("# Title\n\nThe file is written whole or\nnot at all.\n")

    assert len(find_offenders(path)) == 1

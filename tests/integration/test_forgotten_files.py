"""After `earshot forget` no dump of the database and no file of EARSHOT_HOME holds the person."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from acceptance.earshot import Home
from history import answer, tweet
from people import quick_people
from sqlalchemy import text

from connectors.events import Complaint
from stream.accounts.audit import note
from stream.desk.actions import Note, Tag
from stream.desk.corrections import Corrections
from stream.desk.tickets import Desk
from stream.embedded import Embedded
from stream.postgres.database import dsn, open_engine
from stream.postgres.schema import migrate
from stream.replies.store import Replies
from stream.store.dead_letters import DeadLetter
from stream.store.store import Store
from stream.triage.judgement import Judgement

HANDLE = "zora_quill"
MINE = [
    "@NorthwindAir my grandmother waits in a wheelchair at gate C30 since noon and nobody of yours"
    " ever came back for her",
    "she is eighty one, her medicine lies in the bag that you lost between Oslo and Bergen in May",
]
DID = "did:plc:zora2quill7"  # whose it is, in each id of theirs on Bluesky
ADDRESS = "zq@quills.example"
LETTER = f"{' '.join(MINE)} " + "and so it went on for all of the week. " * 300
KEPT = "my own bag came two hours late and nobody said a word to us"


@pytest.fixture
def home():
    made = Home()
    yield made
    made.kill_everything()
    shutil.rmtree(made.folder, ignore_errors=True)


def pieces(words: str) -> set[str]:
    """Every eight words in a row, as they may stand in a file."""
    spans = [match.span() for match in re.finditer(r"\S+", words)]
    return {words[begin[0] : end[1]] for begin, end in zip(spans, spans[7:], strict=False)}


TRACES = {HANDLE.encode(), b"zora quill", DID.encode(), ADDRESS.encode(), b"zq-laptop.example"} | {
    piece.lower().encode() for words in MINE for piece in pieces(words)
}


def traces_in(content: bytes) -> set[bytes]:
    lower = content.lower()
    return {trace for trace in TRACES if trace in lower}


async def lived(url: str) -> None:
    """A person, who wrote, was noted, quoted, answered, asked after, and who could not be read."""
    engine = open_engine(url)
    store, desk = Store(engine), Desk(engine)
    await store.save(
        [
            tweet(1, 95, author=HANDLE, text=MINE[0]),
            answer(9, of=1, minute=2, text=f"@{HANDLE} so sorry about your bag"),
            tweet(2, 80, of=1, minute=3, author=HANDLE, text=MINE[1]),
            tweet(3, 70, author="bob", text=KEPT),
            tweet(4, 70, of=3, minute=1, author="bob", text=f"as {HANDLE} says: {MINE[1]}"),
            tweet(5, 90, author=f"@{HANDLE.title()}", text=LETTER),
            tweet(6, 90, of=1, minute=9, brand="Other", author=HANDLE, text=MINE[1]),
        ]
    )
    await store.save(on_bluesky_and_by_mail())
    for revision in range(1, 4):  # what an edit replaced is forgotten, too
        edited = MINE[0] + f", and that was edit {revision}"
        await store.save([tweet(1, 95, author=HANDLE, text=edited, revision=revision)])
    await desk.act("x:1", Note(text="Called Zora Quill, she wants her crates back"), "ada")
    await desk.act("x:1", Tag(add=(HANDLE,)), "ada")
    await desk.act("x:3", Note(text=f"{HANDLE} sits beside him"), "ada")
    await Corrections(engine).correct("x:1", "sentiment", "neutral", "ada")
    await Replies(engine).opt_out("x", HANDLE, "ada")
    await note(engine, "ada", "sql", statement=f"select * from events where author = '{HANDLE}'")
    letter = f'{{"author": "{HANDLE}", "text": "{MINE[0]}"'.encode()
    await store_letters(engine, letter)
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "insert into replies (ticket_id, event_id, network, text, drafted, revision)"
                " values ('x:3', 'x:3', 'x', :words, '', 0)"
            ),
            {"words": f"Dear bob and @{HANDLE}"},
        )
        await connection.execute(text("select ensure_partitions(2)"))
    async with engine.connect() as connection:
        outside = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await outside.execute(text("analyze"))  # samples of columns: handles among them
        await outside.execute(text("checkpoint"))
    await quick_people(engine).add("ada", "four quiet otters sing", "agent")
    await engine.dispose()


def elsewhere(id: str, author: str, text: str, *, of: str | None = None, **more) -> Judgement:
    like = tweet(1, 95, author=author, text=text)
    event = Complaint(
        id=id,
        conversation=of or id,
        occurred_at=like.event.occurred_at,
        author=author,
        text=text,
        **more,
    )
    return Judgement(event, text, "Northwind Air", like.analysis)


def on_bluesky_and_by_mail() -> list[Judgement]:
    """Conversations that they began, that others began, and one whose beginning nobody saw."""
    theirs, mail = f"bluesky:{DID}/3k", "email:<20260312.17@zq-laptop.example>"
    unseen, bobs = f"bluesky:{DID}/3unseen", "bluesky:did:plc:bob/3k"
    return [
        elsewhere(theirs, DID, MINE[0]),
        elsewhere(f"bluesky:{DID}/3kx", DID, MINE[1], of=bobs, in_reply_to=bobs),
        elsewhere(bobs, "did:plc:bob", KEPT, in_reply_to=unseen),
        elsewhere("bluesky:did:plc:bob/3m", "did:plc:bob", KEPT, of=theirs, in_reply_to=theirs),
        elsewhere("bluesky:did:plc:bob/3n", "did:plc:bob", KEPT, of=unseen, in_reply_to=unseen),
        elsewhere(mail, ADDRESS, MINE[0]),
        elsewhere("email:<re@bob.example>", "bob@bob.example", KEPT, of=mail, in_reply_to=mail),
        elsewhere(f"email:<{ADDRESS}>", "bob@bob.example", KEPT),
    ]


async def store_letters(engine, *values: bytes) -> None:
    from stores import Stores

    letters = [DeadLetter("c", "tweets", 0, n, b"k", value, "no") for n, value in enumerate(values)]
    await Stores(engine).bury(letters)


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def dumped(url: str, programs: Path) -> bytes:
    """What a backup of that hour holds."""
    line = [programs / "pg_dump", "--inserts", dsn(url)]
    return subprocess.run(line, check=True, capture_output=True).stdout


async def test_neither_a_dump_nor_a_file_holds_a_handle_or_eight_words_of_the_forgotten(
    home, postgres
):
    embedded = Embedded(home.folder)
    url = embedded.acquire("test", broker=False).database_url
    assert url is not None
    await migrate(url)
    await lived(url)
    programs = Path(postgres._server.bin_path)
    before = {name for name, content in files_of(home.folder).items() if traces_in(content)}
    assert any("pg_wal" in name for name in before), "what is looked for can be found"
    assert any("/base/" in name for name in before)
    assert len(traces_in(dumped(url, programs))) > 20

    for name in (f"@{HANDLE}", DID, ADDRESS):
        done = await asyncio.to_thread(home.run, "forget", "--author", name, "--yes")
        assert done.returncode == 0, done.stderr

    left = dumped(url, programs)
    assert traces_in(left) == set()
    assert KEPT.encode() in left
    embedded.release(lambda _: True)
    holders = {name: traces_in(held) for name, held in files_of(home.folder).items()}
    assert {name: found for name, found in holders.items() if found} == {}
    assert any(KEPT.encode() in held for held in files_of(home.folder).values())

"""`earshot init`: a brands.toml and a .env that the real loaders read; nothing is written over."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from stream.brands import load
from stream.cli.main import app, main
from stream.settings import Settings


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder that the command is typed in, with a blank in its path."""
    here = tmp_path / "my desk"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


def typed(monkeypatch, capsys, *words: str) -> tuple[int, str, str]:
    """Exit code, output and errors of `earshot init` as a person has them."""
    monkeypatch.setattr(sys, "argv", ["earshot", "init", *words])
    code = 0
    try:
        main(process_ends=False)
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    return code, *capsys.readouterr()


def test_options_alone_write_a_file_that_is_read_as_typed(folder, monkeypatch, capsys):
    code, out, _ = typed(
        *(monkeypatch, capsys, "--brand", 'Käse "& more" \\ Co', "--handle", "@KaeseHelp,kaese"),
        *("--handle", "KAESE", "--word", "Käse and more", "--locale", "de-DE"),
        *("--time-zone", "europe/berlin", "--hours", "Mon-Fri 08:00-20:00, sat 09:00-18:00"),
    )

    assert code == 0
    assert len(out.splitlines()) == 1
    assert "earshot up" in out
    [brand] = load(folder / "brands.toml")
    assert (brand.name, brand.handles) == ('Käse "& more" \\ Co', ("KaeseHelp", "kaese"))
    assert (brand.words, brand.locale) == (("Käse and more",), "de-DE")
    assert brand.time_zone.key == "Europe/Berlin"
    assert [shift.weekday for shift in brand.hours] == [0, 1, 2, 3, 4, 5]
    assert (brand.networks, brand.automatic) == (frozenset(), None)


def test_a_shell_that_types_the_next_step_has_the_settings(folder, monkeypatch, capsys):
    _, out, _ = typed(monkeypatch, capsys, "--brand", "Acme", "--broker", "k1:9092,k2:9092")
    line = out.partition("Next: ")[2].partition("; earshot up")[0]
    told = 'printf "%s\\n" "$EARSHOT_BRANDS" "$EARSHOT_BROKER" "$EARSHOT_PORT"'
    clean = {name: value for name, value in os.environ.items() if not name.startswith("EARSHOT_")}
    shell = subprocess.run(
        ["sh", "-c", f"{line}; {told}"], capture_output=True, text=True, check=True, env=clean
    )

    assert shell.stdout.splitlines() == [str(folder / "brands.toml"), "k1:9092,k2:9092", ""]
    assert (folder / ".env").stat().st_mode & 0o077 == 0


def test_a_line_of_the_settings_counts_once_its_sign_is_taken_away(folder, monkeypatch, capsys):
    typed(monkeypatch, capsys, "--brand", "Acme")
    text = (folder / ".env").read_text().replace("#EARSHOT_", "EARSHOT_")
    (folder / ".env").write_text(text)
    for name in [name for name in os.environ if name.startswith("EARSHOT_")]:
        monkeypatch.delenv(name)

    settings = Settings(_env_file=folder / ".env")
    assert (settings.port, settings.broker) == (8080, "broker1:9092")
    assert settings.brands == folder / "brands.toml"
    assert settings.database_url is not None
    assert settings.alerts is not None


def test_every_comment_of_the_brand_is_a_line_that_works_without_its_sign(
    folder, monkeypatch, capsys
):
    typed(monkeypatch, capsys, "--brand", "Acme")
    lines = (folder / "brands.toml").read_text().splitlines()
    (folder / "brands.toml").write_text(
        "\n".join(line.removeprefix("# ") if " = " in line else line for line in lines)
    )

    [brand] = load(folder / "brands.toml")
    assert len(brand.hours) == 5
    assert "x" in brand.networks
    assert brand.automatic is not None


def test_five_questions_are_asked_and_a_wrong_answer_is_asked_for_again(folder):
    answers = [
        "Acme",
        "@acme, acmehelp",
        "ailrine",
        "Airline",
        "Mars",
        "europe/london",
        "8-9",
        "mon 08:00-09:00",
    ]
    done = CliRunner().invoke(app, ["init"], input="\n".join(answers) + "\n")

    assert done.exit_code == 0
    for question in ("Name", "accounts", "trades in", "zone of its", "staffed"):
        assert question in done.output
    assert "no time zone" in done.output
    assert "no hours" in done.output
    assert "the taxonomy has no 'ailrine'" in done.output
    [brand] = load(folder / "brands.toml")
    assert (brand.name, brand.handles, brand.words) == ("Acme", ("acme", "acmehelp"), ("Acme",))
    assert (brand.time_zone.key, len(brand.hours)) == ("Europe/London", 1)
    assert brand.trade == "airline"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ([], "--brand NAME"),  # nobody answers
        (["--brand", " "], "has a name"),
        (["--brand", "a\x7fb"], "cannot be printed"),
        (["--brand", "Acme", "--handle", "two words"], "--handle two words"),
        (["--brand", "Acme", "--time-zone", "Mars"], "Europe/London"),
        (["--brand", "Acme", "--trade", "circus"], "supermarket"),
        (["--brand", "Acme", "--trade", "7"], "--trade 7"),
        (["--brand", "Acme", "--hours", "mon 8-9"], "mon-fri 08:00-20:00"),
        (["--brand", "Acme", "--hours", "mon 08:00-09:00, mon 10:00-11:00"], "twice"),
        (["--brand", "Acme", "--locale", "english"], "locale"),
        (["--brand", "Acme", "--broker", "kafka"], "EARSHOT_BROKER"),
        (["--brand", "Acme", "--in", "nowhere"], "no such folder"),
    ],
)
def test_a_wrong_option_is_one_line_and_nothing_is_written(
    words, part, folder, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    code, _, errors = typed(monkeypatch, capsys, *words)

    assert code == 2
    assert part in errors
    assert len(errors.splitlines()) == 1
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["brands.toml", ".env"])
def test_an_existing_file_stays_unless_it_is_forced(name, folder, monkeypatch, capsys):
    (folder / name).write_text("mine")
    code, _, errors = typed(monkeypatch, capsys, "--brand", "Acme")

    assert code == 2
    assert name in errors
    assert "--force" in errors
    assert [path.name for path in folder.iterdir()] == [name]
    assert (folder / name).read_text() == "mine"
    assert typed(monkeypatch, capsys, "--brand", "Acme", "--force")[0] == 0
    assert sorted(path.name for path in folder.iterdir()) == [".env", "brands.toml"]
    assert [brand.name for brand in load(folder / "brands.toml")] == ["Acme"]


def test_a_name_that_no_text_can_be_searched_for_is_no_word(folder, monkeypatch, capsys):
    assert typed(monkeypatch, capsys, "--brand", "X")[0] == 0
    [brand] = load(folder / "brands.toml")
    assert (brand.name, brand.words) == ("X", ())

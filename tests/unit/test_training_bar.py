"""What a person sees of a training run."""

from __future__ import annotations

import io

from rich.console import Console

from stream.cli.training_bar import watched


def test_on_a_terminal_there_is_a_bar_and_looks_are_lines_above_it():
    screen = io.StringIO()

    with watched(Console(file=screen, force_terminal=True, width=100)) as say:
        say('{"step": 10, "of": 40, "loss": 0.5}')
        say('{"step": 10, "score": 0.7, "validation_loss": 0.4}')
        say("plain [words]")

    shown = screen.getvalue()
    assert "10/40" in shown
    assert "loss 0.5" in shown
    assert "step 10, score 0.7, validation loss 0.4" in shown
    assert "plain [words]" in shown


def test_elsewhere_there_are_the_lines_of_the_log(capsys):
    with watched(Console(file=io.StringIO(), force_terminal=False)) as say:
        say('{"step": 10, "of": 40}')

    assert capsys.readouterr().err == '{"step": 10, "of": 40}\n'

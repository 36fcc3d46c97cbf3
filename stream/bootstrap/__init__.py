"""Where everything real is constructed, once: the only package that knows how the parts fit together."""

from stream.bootstrap.beside import OwnWorker, worker_process
from stream.bootstrap.console import serve_console
from stream.bootstrap.jobs import rebuild_tickets, replay_dead
from stream.bootstrap.loading import load_analyzer, load_backend, load_brands, load_calls, load_replier, model_folder
from stream.bootstrap.parts import Parts, ensure_migrated, parts
from stream.bootstrap.telling import TELL_EVERY, judge_bursts, notifier
from stream.bootstrap.worker import serve_worker

__all__ = [
    "TELL_EVERY",
    "OwnWorker",
    "Parts",
    "ensure_migrated",
    "judge_bursts",
    "load_analyzer",
    "load_backend",
    "load_brands",
    "load_calls",
    "load_replier",
    "model_folder",
    "notifier",
    "parts",
    "rebuild_tickets",
    "replay_dead",
    "serve_console",
    "serve_worker",
    "worker_process",
]

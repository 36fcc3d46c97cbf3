"""Fine-tuning of a language model as a job of an OpenAI-compatible service: upload, start, follow.

What is under way is written to `job.json` as it happens: a command that was interrupted goes on
with the same files and the same job, and nothing is paid twice.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models.llm.backend import LlmError

TRAIN, VALIDATION, BRIEF = "train.jsonl", "validation.jsonl", "brief.json"
JOB, LOG = "job.json", "train.log"
ASK_EVERY = 5.0  # seconds between two looks at a job
PAGE = 100  # events of one answer
ENDED = ("succeeded", "failed", "cancelled")

_STEP = re.compile(r"step\s+(\d+)\s*(?:/\s*(\d+))?", re.IGNORECASE)
_LOSS = re.compile(r"(?:training|train)[ _]loss\s*[=:]\s*([\d.]+)", re.IGNORECASE)
_HELD_OUT = re.compile(r"valid(?:ation)?[ _]loss\s*[=:]\s*([\d.]+)", re.IGNORECASE)

Say = Callable[[str], None]


class TuningError(LlmError):
    """The job cannot be started or did not succeed; the message says what to do."""


class Tuning:
    """The job of one folder, as `earshot export finetune` writes it.

    base: the model to tune. pause: seconds between looks; ASK_EVERY otherwise. Raises LlmError when
    the package is missing.
    """

    def __init__(
        self, folder: Path, *, url: str, key: str | None, base: str, pause: float | None = None
    ) -> None:
        try:
            import openai
        except ModuleNotFoundError:
            raise LlmError("tuning needs one more package: pip install 'earshot[llm]'") from None
        self._errors = openai
        self._client = openai.OpenAI(base_url=url, api_key=key or "none", timeout=60.0)
        self._url = url
        self._folder = folder
        self._base = base
        self._pause = ASK_EVERY if pause is None else pause

    def run(self, say: Say, *, epochs: int | None = None) -> str:
        """Upload what is not there, start the job or go on with it, and follow it to its end.

        say: takes each line of the log, JSON. Returns the name of the tuned model. Raises
        TuningError.
        """
        self._check_files()
        with self._translated():
            story = self._started(say, epochs)
            return self._followed(story, say)

    def cancel(self) -> str:
        """Ask the service to end the job; returns its id. Raises TuningError where there is
        none.
        """
        story = self._story()
        if "job" not in story:
            raise TuningError(f"{self._folder}: no job was started from it")
        with self._translated():
            self._client.fine_tuning.jobs.cancel(story["job"])
        return str(story["job"])

    def close(self) -> None:
        self._client.close()

    def _check_files(self) -> None:
        for name in (TRAIN, BRIEF):
            if not (self._folder / name).is_file():
                raise TuningError(
                    f"{self._folder}: {name} is missing; `earshot export finetune HISTORY.csv"
                    f" --out {self._folder}` writes it"
                )

    def _story(self) -> dict[str, Any]:
        """What is known of the job; of another model or address it is none of this one's."""
        try:
            story = json.loads((self._folder / JOB).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            raise TuningError(
                f"{self._folder / JOB} cannot be read; remove it to start anew"
            ) from None
        if (story.get("base"), story.get("url")) != (self._base, self._url):
            raise TuningError(
                f"{self._folder / JOB} tells of a job for {story.get('base')} at"
                f" {story.get('url')}; remove it to start another one"
            )
        return dict(story)

    def _write(self, story: dict[str, Any]) -> None:
        path = self._folder / JOB
        partial = path.with_suffix(".partial")
        known = {"base": self._base, "url": self._url, **story}
        partial.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
        partial.replace(path)

    def _started(self, say: Say, epochs: int | None) -> dict[str, Any]:
        story = self._story()
        for part, name in (("training_file", TRAIN), ("validation_file", VALIDATION)):
            path = self._folder / name
            if part in story or not path.is_file() or not path.stat().st_size:
                continue
            with path.open("rb") as file:
                story[part] = self._client.files.create(file=file, purpose="fine-tune").id
            self._write(story)
            say(json.dumps({"uploaded": name, "id": story[part]}))
        if "job" not in story:
            story["job"] = self._known_job(story) or self._new_job(story, epochs)
            self._write(story)
            say(json.dumps({"started": story["job"], "base": self._base}))
        return story

    def _known_job(self, story: dict[str, Any]) -> str | None:
        """The job that an earlier command started, and ended before it heard of it."""
        if not story.get("starting"):
            return None
        for job in self._client.fine_tuning.jobs.list(limit=PAGE):
            if job.training_file == story["training_file"]:
                return str(job.id)
        return None

    def _new_job(self, story: dict[str, Any], epochs: int | None) -> str:
        options: dict[str, Any] = {}
        if "validation_file" in story:
            options["validation_file"] = story["validation_file"]
        if epochs is not None:
            options["hyperparameters"] = {"n_epochs": epochs}
        story["starting"] = True
        self._write(story)
        # Not tried again by itself: a job whose answer was lost would be paid twice.
        once = self._client.with_options(max_retries=0)
        job = once.fine_tuning.jobs.create(
            model=self._base, training_file=story["training_file"], **options
        )
        return str(job.id)

    def _followed(self, story: dict[str, Any], say: Say) -> str:
        """Until the job has ended. Steps that the log has already are not written again."""
        log = self._folder / LOG
        last = _last_step(log)
        while True:
            job = self._client.fine_tuning.jobs.retrieve(story["job"])
            for line in self._steps(story["job"]):
                if line["step"] > last:
                    last = line["step"]
                    with log.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(line) + "\n")
                    say(json.dumps(line))
            if job.status in ENDED:
                break
            time.sleep(self._pause)
        if job.status != "succeeded" or not job.fine_tuned_model:
            reason = getattr(job.error, "message", None) or "the service gives no reason"
            raise TuningError(
                f"the job {story['job']} has {job.status}: {reason}; mend it, remove"
                f" {self._folder / JOB} and start again"
            )
        self._write({**story, "model": job.fine_tuned_model})
        return str(job.fine_tuned_model)

    def _steps(self, job: str) -> list[dict[str, Any]]:
        """The steps that the job's events tell, in their order."""
        events = self._client.fine_tuning.jobs.list_events(job, limit=PAGE)  # of all pages
        lines = [line for event in events if (line := step_of(event)) is not None]
        return sorted(lines, key=lambda line: int(line["step"]))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """The client's errors as one line each, without the key."""
        errors = self._errors
        try:
            yield
        except (errors.AuthenticationError, errors.PermissionDeniedError):
            raise TuningError(f"{self._url} refuses the key: set EARSHOT_LLM_KEY") from None
        except errors.NotFoundError as error:
            raise TuningError(
                f"{self._url} knows no fine-tuning of {self._base}, or no longer this job"
                f" ({_message(error)})"
            ) from None
        except errors.APIConnectionError:
            raise TuningError(
                f"{self._url} cannot be reached; the same command goes on where it was"
            ) from None
        except errors.APIStatusError as error:
            raise TuningError(
                f"{self._url} refused it ({error.status_code}): {_message(error)}"
            ) from None
        except (errors.OpenAIError, ValueError) as error:
            raise TuningError(
                f"{self._url} does not answer as a fine-tuning service does"
                f" ({type(error).__name__})"
            ) from None


def step_of(event: Any) -> dict[str, Any] | None:
    """step, of, loss and validation_loss of an event; None where it tells no step.

    Services tell them as data of their own, or only in the message.
    """
    data = getattr(event, "data", None)
    facts = data if isinstance(data, dict) else {}
    words = str(getattr(event, "message", "") or "")
    match = _STEP.search(words)
    step = facts.get("step", match and match[1])
    loss = facts.get("train_loss", _first(_LOSS, words))
    if step is None or loss is None:
        return None
    line: dict[str, Any] = {"step": int(step), "loss": float(loss)}
    total = facts.get("total_steps", match and match[2])
    held_out = facts.get("valid_loss", _first(_HELD_OUT, words))
    if total is not None:
        line["of"] = int(total)
    if held_out is not None:
        line["validation_loss"] = float(held_out)
    return line


def _first(pattern: re.Pattern[str], words: str) -> str | None:
    match = pattern.search(words)
    return match[1] if match else None


def _last_step(log: Path) -> int:
    try:
        lines = log.read_text(encoding="utf-8").splitlines()
        return max((int(json.loads(line)["step"]) for line in lines), default=0)
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _message(error: Any) -> str:
    body = getattr(error, "body", None)
    words = body.get("message") if isinstance(body, dict) else None
    return " ".join(str(words or error).split())[:200]

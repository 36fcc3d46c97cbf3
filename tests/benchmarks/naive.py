"""A naive loop for comparison: one message at a time, fp32 DistilBERT, one insert a row.

`make bench-naive EVENTS=200`. It reads with aiokafka, asks a `transformers` pipeline with
DistilBERT-base of random weights (time does not depend on them), and inserts by asyncpg. It knows
no redaction, no tickets and no guarantee.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer

from benchmarks.tables import print_table
from models.artifact import load_artifact
from stream.benchmark.stream import bench_events, bench_texts
from stream.bootstrap.loading import model_folder
from stream.bootstrap.parts import parts
from stream.ingest.publish import ingest
from stream.postgres.database import dsn
from stream.settings import Settings

VOCABULARY = 30_522  # of DistilBERT-base
WARM_UP = 10


def classifier(settings: Settings) -> Callable[[str], Any]:
    """A sentiment pipeline as a tutorial makes it."""
    from transformers import (
        DistilBertConfig,
        DistilBertForSequenceClassification,
        PreTrainedTokenizerFast,
        pipeline,
    )

    artifact = load_artifact(model_folder(settings))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(artifact.tokenizer),
        pad_token="[PAD]",
        model_max_length=128,
        model_input_names=["input_ids", "attention_mask"],
    )
    network = DistilBertForSequenceClassification(
        DistilBertConfig(vocab_size=VOCABULARY, num_labels=3)
    ).eval()
    ask: Callable[[str], Any] = pipeline(
        "text-classification", model=network, tokenizer=tokenizer, device="cpu", truncation=True
    )
    return ask


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--data", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="earshot-naive-") as home:
        settings = Settings(home=Path(home), broker=None, database_url=None)
        ask = await asyncio.to_thread(classifier, settings)
        async with parts(settings, "bench") as running:
            await running.kafka.declare_topics()
            database = await asyncpg.connect(dsn(running.database_url))
            await database.execute("create table naive (id text primary key, label text, p real)")
            async with running.kafka.publisher() as publisher:

                async def no_letters(_: object) -> None:
                    return None

                events = bench_events(bench_texts(args.data, WARM_UP + args.events))
                await ingest(events, publisher, name="bench", bury=no_letters)
            consumer = AIOKafkaConsumer(
                "tweets",
                bootstrap_servers=running.broker,
                group_id="naive",
                auto_offset_reset="earliest",
            )
            await consumer.start()
            try:
                done, started, used = 0, 0.0, 0.0
                async for message in consumer:
                    event = json.loads(message.value)
                    [answer] = ask(event["text"])
                    await database.execute(
                        "insert into naive values ($1, $2, $3) on conflict do nothing",
                        event["id"],
                        answer["label"],
                        answer["score"],
                    )
                    done += 1
                    if done == WARM_UP:
                        started, used = time.perf_counter(), time.process_time()
                    if done == WARM_UP + args.events:
                        break
                took, cost = time.perf_counter() - started, time.process_time() - used
            finally:
                await consumer.stop()
                await database.close()
    rows = [(f"{args.events / took:.1f}", f"{1000 * cost / args.events:.1f}")]
    header = ("events a second", "ms of processor an event")
    print_table(f"A naive loop on {args.events:,} events", header, rows)


if __name__ == "__main__":
    asyncio.run(main())

"""How a process is let in at Kafka, in words; it loads no client of it."""

from __future__ import annotations

from stream.settings import Settings

_ANYBODY = "who reaches it reads what customers write, and writes what we read"
_REMEDY = "EARSHOT_KAFKA_SECURITY_PROTOCOL=SASL_SSL where it lies in no network of its own"


def login(settings: Settings) -> str:
    """How this process is let in at a Kafka of the operator's own, and what anybody can who is not
    kept out.
    """
    protocol = settings.kafka_security_protocol
    if protocol == "SASL_SSL":
        return f"logs in as {settings.kafka_username}, encrypted"
    if protocol == "SASL_PLAINTEXT":
        return f"logs in as {settings.kafka_username}, but unencrypted: {_REMEDY}"
    encryption = "encrypted" if protocol == "SSL" else "unencrypted"
    return f"no login, {encryption}: {_ANYBODY}; {_REMEDY}"


def is_guarded(settings: Settings) -> bool:
    """Is a password asked for, and is nothing of it and of the messages open on the way?"""
    return settings.kafka_security_protocol == "SASL_SSL"

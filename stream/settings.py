"""Settings, read once from `EARSHOT_*`; deploy/env.example is the table of them for people.

The settings of a live network belong to its connector (`connectors.network.Network`).
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from connectors.catalog import NETWORKS, network
from connectors.network import Network, wrong_setting
from stream.errors import UserError

_BROKERS = re.compile(r"\A\s*[^\s,]+:\d+\s*(,\s*[^\s,]+:\d+\s*)*")

_DATABASE = re.compile(r"\Apostgres(?:ql)?://(?P<address>[^/?#]*)")


def _is_postgres(url: str) -> bool:
    """Whether it can be tried: a scheme of PostgreSQL, and a port for each host that is one."""
    match = _DATABASE.match(url)
    if match is None:
        return False
    hosts = match["address"].rpartition("@")[2].split(",")
    places = [host.rpartition("]")[2].partition(":") for host in hosts]
    query = parse_qs(urlsplit(url).query) if "[" not in url else {}
    ports = [port for _, colon, port in places if colon and port]
    ports += [port for value in query.get("port", []) for port in value.split(",")]
    return all(port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536 for port in ports)


class Settings(BaseSettings):
    """One frozen object, handed down as plain arguments. Secrets do not show in its repr."""

    model_config = SettingsConfigDict(
        env_prefix="EARSHOT_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    home: Path = Field(Path("~/.earshot"), description="where the embedded parts keep their data")
    broker: str | None = Field(
        None, description="Kafka's host:port[,host:port]; unset: the embedded broker"
    )
    database_url: SecretStr | None = Field(
        None, description="Postgres, postgresql://user:password@host/name; unset: the embedded one"
    )
    database_reader_url: SecretStr | None = Field(
        None, description="login of `earshot sql`; unset: role earshot_reader of database_url"
    )

    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how to talk to Kafka"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="how SASL sends the password"
    )
    kafka_username: str | None = Field(None, description="who logs in, with SASL")
    kafka_password: SecretStr | None = Field(None, description="its password, with SASL")
    kafka_ca: Path | None = Field(
        None, description="PEM file of the authority to trust; unset: the system's"
    )
    kafka_partitions: int = Field(
        4, ge=1, le=1000, description="partitions of topics that earshot makes"
    )
    kafka_replication: int = Field(1, ge=1, le=7, description="copies of topics that earshot makes")
    kafka_group: str = Field("earshot", min_length=1, description="consumer group of the workers")

    keep_events: int | None = Field(  # at least three: bursts are judged by the eight weeks before
        None,
        ge=3,
        le=1200,
        description="months of events and counts that Postgres keeps; unset: all",
    )

    model: Path | None = Field(
        None, description="directory of a model; unset: the one that `earshot model use` chose"
    )
    replier: Path | None = Field(
        None, description="directory of a model that drafts replies; unset: the shipped one"
    )
    drafts: bool = Field(
        True, description="draft a reply for every ticket, in a process of the lowest priority"
    )
    send_delay: float = Field(
        5.0,
        ge=0,
        le=3600,
        description="seconds in which a reply that a person approved can be taken back; "
        "0: it leaves at once",
    )
    taxonomy: Path | None = Field(
        None, description="your taxonomy.toml; unset: the model's own topics and problems"
    )
    brands: Path | None = Field(
        None, description="your brands.toml; unset: the one that is shipped"
    )
    threads: int = Field(2, ge=1, le=64, description="of the model in one worker")
    batch: int = Field(
        256, ge=1, le=1024, description="messages that a worker takes at once, at most"
    )

    host: str = Field("127.0.0.1", description="address that `web` and a worker's health listen on")
    port: int = Field(8080, ge=0, le=65535, description="port of `web`")
    worker_port: int = Field(
        0, ge=0, le=65535, description="port of a worker's health and metrics; 0: any free one"
    )
    api_rate: float = Field(
        200.0,
        gt=0,
        le=1_000_000,
        description="messages a second that one API key may send; twice as many at once",
    )
    backend: Literal["local", "llm"] = Field(
        "local",
        description="who judges in the worker and over REST; "
        "llm: the language model, the local one beside it",
    )
    llm_url: str | None = Field(
        None, description="an OpenAI-compatible address; only redacted text goes there"
    )
    llm_model: str | None = Field(None, description="the model to ask for there")
    llm_key: SecretStr | None = Field(
        None, description="its key; unset: none is sent that means anything"
    )
    llm_brief: Path | None = Field(
        None,
        description="brief.json of `earshot export finetune`, for a tuned model; "
        "unset: the taxonomy's labels",
    )
    llm_input_price: float = Field(0.0, ge=0, description="dollars a million tokens that go in")
    llm_output_price: float = Field(0.0, ge=0, description="dollars a million tokens that come out")
    keep_names: bool = Field(
        False, description="store the names of people who introduce themselves or sign, unredacted"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="how much the logs tell"
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="lines for people, or JSON for a log store"
    )

    hooks: Path | None = Field(
        None, description="your hooks.toml, for webhooks in; unset: there are none"
    )
    hook_secrets: Annotated[dict[str, SecretStr], NoDecode] = Field(
        {}, description="the secrets that webhooks are signed with, name=secret[,name=secret]"
    )
    alerts: Path | None = Field(
        None, description="your alerts.toml: who is told about alerts; unset: nobody"
    )
    base_url: str | None = Field(
        None,
        description="where people reach the console, such as https://earshot.example.com; "
        "for links in alerts",
    )
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        (),
        description="proxies in front of `web`, 10.1.2.3 or 10.1.2.0/24, comma between; "
        "their X-Forwarded-For is believed",
    )
    oidc_issuer: str | None = Field(
        None, description="single sign-on: the provider's issuer; unset: passwords alone"
    )
    oidc_client_id: str | None = Field(
        None, description="single sign-on: how the provider knows earshot"
    )
    oidc_client_secret: SecretStr | None = Field(
        None, description="single sign-on: the secret shared with it"
    )
    outbox: Path | None = Field(
        None, description="replies go into this file (JSON lines) instead of onto networks"
    )
    allow_private_addresses: bool = Field(
        False, description="may addresses of networks and webhooks lie in a private network?"
    )

    @field_validator("database_url", "database_reader_url")
    @classmethod
    def _is_database(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _is_postgres(url.get_secret_value()):
            raise PydanticCustomError(
                "database_url",
                "is postgresql://user:password@host:port/name, the port a number from 1 to 65535,"
                " and characters such as / ? # @ of a password as %2F %3F %23 %40",
            )
        return url

    @field_validator("hook_secrets", mode="before")
    @classmethod
    def _pairs(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value.strip() == "{}":
            return {}
        pairs = [pair.partition("=") for pair in value.split(",")]
        if not all(name.strip() and secret for name, _, secret in pairs):
            raise PydanticCustomError(
                "hook_secrets", "is name=secret, several of them with a comma between"
            )
        return {name.strip(): secret for name, _, secret in pairs}

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value.strip() == "()":
            return ()
        try:
            return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
        except ValueError:
            raise PydanticCustomError(
                "trusted_proxies", "is addresses or networks, such as 10.1.2.3,10.1.4.0/24"
            ) from None

    @field_validator("oidc_issuer")
    @classmethod
    def _is_issuer(cls, url: str | None) -> str | None:
        if url is not None and not re.fullmatch(
            r"https://[^\s?#@]+|http://(localhost|127\.0\.0\.1)[^\s?#@]*", url
        ):
            raise PydanticCustomError(
                "oidc_issuer", "is https://host, as the provider's configuration names itself"
            )
        return url

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, url: str | None) -> str | None:
        if url is not None and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url):
            raise PydanticCustomError("base_url", "is https://host, perhaps with a path")
        return url

    @field_validator("broker")
    @classmethod
    def _has_ports(cls, broker: str | None) -> str | None:
        if broker is not None and not _BROKERS.fullmatch(broker):
            raise PydanticCustomError(
                "broker", "is host:port, several of them with a comma between"
            )
        return broker


def read_settings() -> Settings:
    """The settings of this process.

    Raises UserError that names the variable and the values it takes, a network's variables too.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        raise UserError(wrong_setting(error, "EARSHOT_")) from None
    read_networks()
    return settings


def read_networks() -> dict[str, Network]:
    """The settings of every network of the catalog. Raises ConnectorError as read_settings does."""
    return {name: network(name).from_environment() for name in NETWORKS}

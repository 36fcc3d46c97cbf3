"""Every environment variable of earshot, with the field that it sets."""

from __future__ import annotations

from pydantic.fields import FieldInfo

from connectors.catalog import NETWORKS, network
from stream.settings import Settings

CLASSES = [Settings, *(network(name) for name in NETWORKS)]
VARIABLES: dict[str, FieldInfo] = {
    f"{settings.model_config['env_prefix']}{name.upper()}": field
    for settings in CLASSES
    for name, field in settings.model_fields.items()
}

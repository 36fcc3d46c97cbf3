"""Rules of who may take a ticket from its owner, and who can be given one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stream.accounts.users import People, User
from stream.desk.actions import Action, Assign, Claim, NotAllowed
from stream.errors import UserError


class NeedsLead(NotAllowed):
    """Somebody else has the ticket; giving it away takes the role lead."""


def can_have(user: User, brand: str | None) -> bool:
    """Whether they could work on a ticket of this brand."""
    return (
        user.disabled_at is None
        and user.may("agent")
        and (user.brands is None or brand in user.brands)
    )


async def refuse_owner(
    people: People, ticket: Mapping[Any, Any], action: Action, actor: str, *, leads: bool
) -> None:
    """Raises NotAllowed for a new owner who cannot have the ticket.

    Raises NeedsLead where the action takes it from somebody else.
    """
    check_owner(await new_owner(people, action, actor), ticket, action, actor, leads=leads)


async def new_owner(people: People, action: Action, actor: str) -> User | None:
    """The colleague whom the action gives tickets to; None where there is none of this name."""
    if not isinstance(action, Assign) or action.owner in (None, actor):
        return None
    try:
        return await people.find(str(action.owner))
    except UserError:
        return None


def check_owner(
    user: User | None, ticket: Mapping[Any, Any], action: Action, actor: str, *, leads: bool
) -> None:
    """As `refuse_owner`. user: what `new_owner` says."""
    if not isinstance(action, Claim | Assign):
        return
    owner = actor if isinstance(action, Claim) else action.owner
    is_taken_away = ticket["owner"] not in (None, actor, owner)
    is_plain_claim = isinstance(action, Claim) and not action.force
    if is_taken_away and not leads and not is_plain_claim:
        raise NeedsLead(
            f"{ticket['owner']} has this ticket; giving it to somebody else takes the role lead"
        )
    if owner is None or owner == actor:
        return
    if user is None:
        raise NotAllowed("nobody has this name")
    if not can_have(user, ticket["brand"]):
        raise NotAllowed(f"{owner} could not work on this ticket")

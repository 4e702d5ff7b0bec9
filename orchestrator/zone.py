"""Which time zone a conversation is held in: the flow's, else this machine's."""

import logging
import os
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

__all__ = ["zone"]

log = logging.getLogger(__name__)


def zone(name: str | None, at: float) -> tuple[str, int]:
    """The zone's name and its distance from UTC in seconds, at a time (epoch seconds).

    This machine's is called by its IANA name (`Europe/Paris`) where that can be found, else
    by its distance (`UTC+01:00`).
    """
    if name and (named := _known(name)):
        return name, _offset(named, at)
    if name:
        log.warning("there is no time zone %s on this machine; its own is used", name)
    here = _name_here()
    if here and (named := _known(here)):
        return here, _offset(named, at)
    local = datetime.fromtimestamp(at).astimezone()
    return f"UTC{local.isoformat()[-6:]}", _offset(local.tzinfo, at)


def _name_here() -> str:
    """What `TZ` says, else what /etc/localtime is a link to."""
    if set_here := os.environ.get("TZ"):
        return set_here.removeprefix(":")
    return os.path.realpath("/etc/localtime").partition("zoneinfo/")[2]


def _known(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name at all, a directory of zones
        return None


def _offset(zone: tzinfo | None, at: float) -> int:
    offset = datetime.fromtimestamp(at, zone).utcoffset() or timedelta()
    return int(offset.total_seconds())

"""Where a Redis is: what a URL says, and what makes connections to there.

A `redis+cluster://` URL names some nodes of a cluster, from which the others are learnt; each of
them has a URL of its own, with the same user and the same options. A `redis+sentinel://` URL names
Sentinels, which are asked at every new connection where the primary is by then.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

from redis.asyncio.connection import ConnectionPool, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from orchestrator.errors import UsageError

__all__ = ["Address", "ClusterAddress", "Node", "ServerAddress", "address"]

Node: TypeAlias = tuple[str, int]
"""Host and port of one server."""

CONNECTING = 2.0
"""Seconds within which a connection must stand."""
ASKING = 0.5
"""Seconds that one Sentinel may take to say where the primary is."""

EXPECTED = (
    "expected redis://HOST:PORT/DB, rediss://…, unix:///PATH, "
    "redis+sentinel://HOST:PORT,HOST:PORT/NAME/DB or redis+cluster://HOST:PORT,HOST:PORT, "
    "each also with ?replicas=N"
)

_pools: Any = ConnectionPool  # the types that it brings along are partial


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """`place` is for people, without a password; `pool` makes connections. `replicas` must have
    what is written.
    """

    place: str
    pool: Any
    replicas: int


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """Some nodes of a cluster, and `at`, the address of any of them."""

    place: str
    nodes: Sequence[Node]
    at: Callable[[Node], ServerAddress]


Address: TypeAlias = ServerAddress | ClusterAddress


def address(url: str) -> Address:
    """Raises `UsageError` for a URL that is none."""
    try:
        return _address(urlsplit(url))
    except (ValueError, TypeError):
        # What is said of a faulty URL may quote it, and it may hold a password.
        raise UsageError(f"not a Redis URL{_wrong(url)}; {EXPECTED}") from None


def _wrong(url: str) -> str:
    """Which part of a faulty URL is to blame, where that is sure. Quotes nothing but the name of
    an option, and that only if it cannot be the rest of a password.
    """
    try:
        parts = urlsplit(url)
        _address(parts._replace(query=""))
    except (ValueError, TypeError):
        return "" if _has_ports(url) else " (a port is no number up to 65535)"
    for option in parts.query.split("&"):
        try:
            _address(parts._replace(query=option))
        except (ValueError, TypeError):
            name = "" if "@" in parts.query else f" '{option.partition('=')[0]}'"
            return f" (its option{name} is unknown or has a wrong value)"
    return ""


def _has_ports(url: str) -> bool:
    try:
        hosts = urlsplit(url).netloc.rpartition("@")[2].split(",")
        return all(urlsplit(f"//{host}").port != 0 for host in hosts)
    except ValueError:
        return False


def _address(url: SplitResult) -> Address:
    match url.scheme.partition("+"):
        case "redis" | "rediss" as scheme, "+", "cluster":
            return _cluster(url, scheme)
        case "redis" | "rediss" as scheme, "+", "sentinel":
            return _sentinel(url, scheme)
        case _:
            return _server(url)


def _server(url: SplitResult) -> ServerAddress:
    pool, ours = _pool(url, "replicas")
    options = pool.connection_kwargs
    place = options.get("path") or _text(
        (options.get("host", "localhost"), options.get("port", 6379))
    )
    return ServerAddress(place, pool, int(ours.get("replicas", 0)))


def _cluster(url: SplitResult, scheme: str) -> ClusterAddress:
    if url.path.strip("/") not in ("", "0"):
        raise ValueError  # a cluster has one database

    def at(node: Node) -> ServerAddress:
        return _server(url._replace(scheme=scheme, netloc=_user(url) + _text(node), path=""))

    nodes = _nodes(url, 6379)
    at(nodes[0])  # which finds what is wrong with the options
    return ClusterAddress(_listed(nodes), nodes, at)


def _sentinel(url: SplitResult, scheme: str) -> ServerAddress:
    name, _, database = url.path.strip("/").partition("/")
    nodes = _nodes(url, 26379)
    if not name:
        raise ValueError
    first = url._replace(scheme=scheme, netloc=_user(url) + _text(nodes[0]), path=f"/{database}")
    pool, ours = _pool(first, "replicas", "sentinel_username", "sentinel_password")
    login = {part: ours.get(f"sentinel_{part}") for part in ("username", "password")}
    place = f"{unquote(name)} of Sentinel at {_listed(nodes)}"
    managed = _managed(pool, unquote(name), nodes, login)
    return ServerAddress(place, managed, int(ours.get("replicas", 0)))


def _managed(pool: Any, name: str, nodes: Sequence[Node], login: Mapping[str, str | None]) -> Any:
    """What makes connections to the primary that the Sentinels name. `pool` has the options."""
    from redis.asyncio import sentinel  # brings along a whole client

    sentinels: Any = sentinel
    options = {k: v for k, v in pool.connection_kwargs.items() if k not in ("host", "port")}
    secure = issubclass(pool.connection_class, SSLConnection)
    tls = {k: v for k, v in options.items() if k.startswith("ssl_")} | {"ssl": True}
    theirs = {**login, **(tls if secure else {}), "socket_timeout": ASKING, "retry": _never()}
    theirs["socket_connect_timeout"] = ASKING

    class Managed(sentinel.SentinelConnectionPool):
        async def get_master_address(self) -> Any:
            async with sentinels.Sentinel(nodes, sentinel_kwargs=theirs) as asked:
                try:
                    return await asked.discover_master(name)
                except sentinels.MasterNotFoundError:  # its words quote all options
                    raise ConnectionError(await _unfound(name, asked.sentinels)) from None

    managed: Any = Managed
    return managed(name, None, ssl=secure, **options)


async def _unfound(name: str, sentinels: Sequence[Any]) -> str:
    """Why no Sentinel said where the primary is: none answers, or none knows it."""
    told = await asyncio.gather(*(each.ping() for each in sentinels), return_exceptions=True)
    if all(isinstance(each, BaseException) for each in told):
        return f"no Sentinel answers: {told[0]}"
    return f"no Sentinel knows where {name} is"


def _pool(url: SplitResult, *ours: str) -> tuple[Any, Mapping[str, str]]:
    """What makes connections, and those of the options that are ours."""
    pool = _pools.from_url(url.geturl())
    options = pool.connection_kwargs
    found = {name: options.pop(name) for name in ours if name in options}
    options.update(
        protocol=3,
        legacy_responses=False,
        decode_responses=True,
        encoding_errors="replace",
        socket_timeout=None,  # a `Line` sets limits, and knows which reads block
        socket_connect_timeout=CONNECTING,
        retry=_never(),
    )
    pool.make_connection()  # which finds what else is wrong with the options of a URL
    return pool, found


def _never() -> Retry:
    return Retry(NoBackoff(), 0)


def _nodes(url: SplitResult, port: int) -> Sequence[Node]:
    hosts = [urlsplit(f"//{host}") for host in url.netloc.rpartition("@")[2].split(",")]
    if not all(host.hostname for host in hosts):
        raise ValueError
    return [(host.hostname or "", host.port or port) for host in hosts]


def _user(url: SplitResult) -> str:
    return "".join(url.netloc.rpartition("@")[:2])


def _listed(nodes: Sequence[Node]) -> str:
    return ",".join(map(_text, nodes))


def _text(node: Node) -> str:
    host, port = node
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

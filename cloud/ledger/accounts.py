"""Logins and their sessions: statements that the access layer runs in the ledger's transactions."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from cloud.ledger import tables as t
from cloud.ledger.scope import Role, Scope


@dataclass(frozen=True, slots=True)
class User:
    """A login as it is kept."""

    id: int
    login: str
    scope: Scope
    password_hash: str
    language: str | None


@dataclass(frozen=True, slots=True)
class KeptSession:
    """A session that is open, by the hash of its token."""

    token_hash: str
    user: User
    expires_at: dt.datetime


_USER = (
    t.users.c.id.label("user_id"),
    t.users.c.login,
    t.users.c.organisation,
    t.users.c.role,
    t.users.c.password_hash,
    t.users.c.language,
)


def count_users(connection: Connection) -> int:
    """How many logins there are, disabled ones included."""
    return connection.scalar(select(func.count()).select_from(t.users)) or 0


def add_user(connection: Connection, login: str, scope: Scope, password_hash: str, at: dt.datetime) -> None:
    """Make a login; an existing one of that name raises IntegrityError."""
    connection.execute(
        insert(t.users).values(
            login=login,
            organisation=scope.organisation,
            role=scope.role.value,
            password_hash=password_hash,
            created_at=at,
        )
    )


def find_user(connection: Connection, login: str) -> User | None:
    """A login that is not disabled."""
    query = select(*_USER).where(t.users.c.login == login, t.users.c.disabled_at.is_(None))
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _user(row)


def set_password(connection: Connection, user: int, password_hash: str) -> None:
    """Change a password and end every session that the old one had opened."""
    connection.execute(update(t.users).where(t.users.c.id == user).values(password_hash=password_hash))
    connection.execute(delete(t.sessions).where(t.sessions.c.user == user))


def set_language(connection: Connection, user: int, language: str) -> None:
    """Remember in which language this login reads."""
    connection.execute(update(t.users).where(t.users.c.id == user).values(language=language))


def open_session(
    connection: Connection, token_hash: str, user: int, at: dt.datetime, expires_at: dt.datetime
) -> None:
    """Keep a new session; what has expired goes in the same transaction."""
    connection.execute(delete(t.sessions).where(t.sessions.c.expires_at <= at))
    connection.execute(
        insert(t.sessions).values(
            token_hash=token_hash, user=user, created_at=at, seen_at=at, expires_at=expires_at
        )
    )


def find_session(connection: Connection, token_hash: str, at: dt.datetime) -> KeptSession | None:
    """An open session of a login that is not disabled."""
    query = (
        select(t.sessions.c.token_hash, t.sessions.c.expires_at, *_USER)
        .join(t.users, t.users.c.id == t.sessions.c.user)
        .where(
            t.sessions.c.token_hash == token_hash,
            t.sessions.c.expires_at > at,
            t.users.c.disabled_at.is_(None),
        )
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else KeptSession(row["token_hash"], _user(row), row["expires_at"])


def close_session(connection: Connection, token_hash: str) -> None:
    """Forget a session."""
    connection.execute(delete(t.sessions).where(t.sessions.c.token_hash == token_hash))


def _user(row: RowMapping) -> User:
    scope = Scope(row["organisation"], Role(row["role"]))
    return User(row["user_id"], row["login"], scope, row["password_hash"], row["language"])

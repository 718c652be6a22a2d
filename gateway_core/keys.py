"""Key references (``$NAME``, a keyring, a file, a literal) become secrets here; the only reader of the
environment.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from typing_extensions import override

ENV_REFERENCE = re.compile(r"^\$(?:\{(?P<braced>[^{}$]*)\}|(?P<bare>.*))$", re.DOTALL)
_ENV_NAME = re.compile(r"[A-Za-z_]\w*")
KEYRING_REFERENCE = "keyring:"
_SENDABLE = re.compile(r"[\x20-\x7e]+")
"""What every HTTP header can carry."""

MAX_PATH_CHARS = 255
"""A longer literal cannot be the name of a file (and asking the system would be an error)."""
MAX_KEY_FILE_BYTES = 64 * 1024
MIN_REDACTED_CHARS = 4
MIN_TORN_CHARS = 6
"""A cut text is taken to end in the beginning of a key when at least as much of the key is there."""

KeyOrigin = Literal["environment", "file", "literal", "keyring"]


class Secret:
    """A string that never prints itself."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value; call this only where it is put on the wire."""
        return self._value

    @override
    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    @override
    def __hash__(self) -> int:
        return hash(self._value)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    @override
    def __reduce__(self) -> str:
        raise TypeError("a secret is never serialised")


class KeyMissing(Exception):
    """The reference points at nothing usable; ``str(error)`` says what is wrong, and holds no key."""

    def __init__(self, message: str, *, variable: str | None = None, file: Path | None = None) -> None:
        super().__init__(message)
        self.file = file
        """The key file that has no usable key in it."""
        self.variable = variable
        """The environment variable to set, when that is what is missing."""


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A secret and where it came from; ``file`` is set when that was a file."""

    secret: Secret
    origin: KeyOrigin
    file: Path | None = None


def find_key(reference: str, environ: Mapping[str, str], *, base: Path | None = None) -> FoundKey:
    """The secret behind a reference as MLflow AI Gateway writes it, and its origin.

    ``$NAME`` and ``${NAME}`` are environment variables, ``keyring:service/name`` is an entry of the
    system's keyring, the path of an existing file is its content without surrounding blanks, anything
    else is the key itself. A relative path is looked up in the working folder, as MLflow does, then in
    ``base``; ``~/`` is the home folder. Blanks around a reference mean nothing.

    Raises `KeyMissing` when the variable is unset or empty, when the file is empty or cannot be read,
    when the keyring has no such entry or does not answer, and when the key holds what no header can
    carry (a line break, a typographic quote). May wait for a person where a keyring must be unlocked.
    """
    reference = reference.strip()
    if match := ENV_REFERENCE.match(reference):
        name = match["bare"] if match["braced"] is None else match["braced"]
        return FoundKey(_from_environment(name.strip(), environ), "environment")
    if reference.startswith(KEYRING_REFERENCE):
        return FoundKey(_from_keyring(reference.removeprefix(KEYRING_REFERENCE)), "keyring")
    if (path := _key_file(reference, base)) is not None:
        return FoundKey(_from_file(path, reference), "file", path)
    return FoundKey(_sendable(reference, "the key"), "literal")


def resolve_key(reference: str, environ: Mapping[str, str], *, base: Path | None = None) -> Secret:
    """The secret of `find_key`. Raises `KeyMissing` as it does."""
    return find_key(reference, environ, base=base).secret


def _from_environment(name: str, environ: Mapping[str, str]) -> Secret:
    value = environ.get(name, "").strip()
    if value:
        return _sendable(value, f"the value of {name}")
    if _ENV_NAME.fullmatch(name):
        raise KeyMissing(f"{name} is not set", variable=name)
    # Not repeated: it may be a key that happens to start with a dollar sign.
    raise KeyMissing("what follows the $ is not the name of an environment variable")


def _from_keyring(entry: str) -> Secret:
    """The secret of ``service/name``; the service may hold slashes, as an address does."""
    service, _, name = (part.strip() for part in entry.rpartition("/"))
    if not service or not name:
        raise KeyMissing("what follows keyring: must be a service and a name: keyring:service/name")
    try:
        import keyring  # an extra, and only such a reference needs it
    except ImportError as exc:
        raise KeyMissing(
            "the package that reads keyrings is not installed: pip install 'gateway-tui[keyring]'"
        ) from exc
    try:
        value = keyring.get_password(service, name)
    except Exception as exc:  # backends are plug-ins, which raise what they like
        raise KeyMissing(_keyring_trouble(exc, f"{service}/{name}")) from exc
    if value is None:
        add = f"keyring set {shlex.quote(service)} {shlex.quote(name)}"
        raise KeyMissing(f"the keyring has no entry {service}/{name}: add it with {add}")
    return _sendable(value.strip(), f"the keyring's entry {service}/{name}")


def _keyring_trouble(exc: Exception, entry: str) -> str:
    from keyring.errors import KeyringLocked, NoKeyringError

    if isinstance(exc, KeyringLocked):
        return f"the keyring is locked: unlock it, so that its entry {entry} can be read"
    if isinstance(exc, NoKeyringError):
        return "there is no keyring on this machine: name a variable or a key file instead"
    said = " ".join(str(exc).split()) or type(exc).__name__
    return f"the keyring's entry {entry} cannot be read: {said}"


def _key_file(reference: str, base: Path | None) -> Path | None:
    """The existing file that ``reference`` names, if it does."""
    if not reference.strip() or len(reference) > MAX_PATH_CHARS or not reference.isprintable():
        return None
    try:
        written = Path(reference).expanduser()
        folders = (Path(), base) if base is not None else (Path(),)
        return next((folder / written for folder in folders if (folder / written).is_file()), None)
    except (OSError, RuntimeError):  # RuntimeError: "~" without a home folder
        return None


def _from_file(path: Path, reference: str) -> Secret:
    try:
        if path.stat().st_size > MAX_KEY_FILE_BYTES:
            raise KeyMissing(f"the key file {reference} is too large to hold a key")
        content = path.read_text(encoding="utf-8-sig").strip()
        return _sendable(content, f"the key file {reference}")
    except (OSError, UnicodeDecodeError) as exc:
        reason = getattr(exc, "strerror", None) or "it is not text"
        raise KeyMissing(f"the key file {reference} cannot be read: {reason}", file=path) from exc
    except KeyMissing as missing:
        missing.file = path
        raise


def _sendable(value: str, whose: str) -> Secret:
    if not value:
        raise KeyMissing(f"{whose} is empty")
    if "\n" in value or "\r" in value:
        raise KeyMissing(f"{whose} holds more than one line")
    if not _SENDABLE.fullmatch(value):
        raise KeyMissing(f"{whose} holds a character that no request can carry: only plain ASCII can be sent")
    return Secret(value)


def process_environment() -> Mapping[str, str]:
    """The environment of this process, for those who are handed one."""
    return os.environ


def redact(text: str, secrets: Iterable[Secret]) -> str:
    """``text`` with every secret in it replaced by ``***``; longer ones first, as one may hold another.

    So is the beginning of one where the text was cut (``…``).
    """
    values = sorted({secret.reveal() for secret in secrets}, key=len, reverse=True)
    for value in values:
        if len(value) >= MIN_REDACTED_CHARS:
            text = text.replace(value, "***")
    *cut, last = text.split("…")
    return "…".join((*(_without_torn(piece, values) for piece in cut), last))


def redact_json(value: Any, secrets: Iterable[Secret]) -> Any:
    """A JSON value with every text in it redacted: in its JSON a key may have been written with escapes.

    Raises `RecursionError` for one that is nested too deep.
    """
    if isinstance(value, str):
        return redact(value, secrets)
    if isinstance(value, list):
        return [redact_json(item, secrets) for item in value]
    if isinstance(value, dict):
        return {redact(name, secrets): redact_json(item, secrets) for name, item in value.items()}
    return value


def _without_torn(text: str, values: Iterable[str]) -> str:
    """``text`` without the beginning of a key at its end."""
    for value in values:
        for length in range(len(value) - 1, MIN_TORN_CHARS - 1, -1):
            if text.endswith(value[:length]):
                return f"{text[:-length]}***"
    return text

"""Bodies that were packed on the way: ``content-encoding`` gzip and deflate."""

from __future__ import annotations

import zlib

GZIP_BITS = 16 + zlib.MAX_WBITS
GZIP_MAGIC = b"\x1f\x8b"
"""A packed file may have several parts, each of which begins so."""


class CannotUnpack(ValueError):
    """The body is not packed as its headers say, or in a way that nobody asked for."""


class Unpacker:
    """Unpacks a body piece by piece."""

    def __init__(self, encoding: str) -> None:
        """``encoding`` is the value of the header. Raises `CannotUnpack` for one that is not known."""
        self._encoding = encoding.strip().lower().removeprefix("x-")
        if self._encoding not in ("gzip", "deflate"):
            raise CannotUnpack(encoding)
        self._unpacking: zlib._Decompress | None = None

    def feed(self, data: bytes, most_bytes: int) -> bytes:
        """What ``data`` adds, but not much more than ``most_bytes``. Raises `CannotUnpack`."""
        unpacked = bytearray()
        try:
            while data and len(unpacked) <= most_bytes:
                if self._unpacking is None:
                    self._unpacking = zlib.decompressobj(self._bits(data))
                elif self._unpacking.eof:
                    if not data.startswith(GZIP_MAGIC):  # padding, which means nothing
                        break
                    self._unpacking = zlib.decompressobj(GZIP_BITS)
                unpacked += self._unpacking.decompress(data, most_bytes + 1 - len(unpacked))
                data = self._unpacking.unconsumed_tail or self._unpacking.unused_data
        except zlib.error as exc:
            raise CannotUnpack(self._encoding) from exc
        return bytes(unpacked)

    def _bits(self, data: bytes) -> int:
        """Some servers' deflate comes without the header of zlib, whose first half byte is 8."""
        if self._encoding == "gzip":
            return GZIP_BITS
        return zlib.MAX_WBITS if data[0] & 0x0F == 8 else -zlib.MAX_WBITS

    def end(self) -> None:
        """Nothing follows. Raises `CannotUnpack` when something should."""
        if self._unpacking is not None and not self._unpacking.eof:
            raise CannotUnpack(self._encoding)


def unpacker_for(encoding: str | None) -> Unpacker | None:
    """What unpacks a body with this header; ``None`` when it is not packed. Raises `CannotUnpack`."""
    return None if not encoding or encoding.strip().lower() == "identity" else Unpacker(encoding)

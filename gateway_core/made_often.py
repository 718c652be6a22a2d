"""Frozen values that are made by the dozen for each call, without what freezing costs.

A frozen dataclass fills its fields one by one past its own ``__setattr__``, which takes several times as
long as plain assignments do. Here the fields are assigned while the instance is still of a twin class
with the same slots and without that ``__setattr__``; afterwards it is as frozen as any other::

    @made_often
    @dataclass(frozen=True, slots=True)
    class TextDelta: ...
"""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any, TypeVar

_T = TypeVar("_T")


def made_often(cls: type[_T]) -> type[_T]:
    """``cls``, a frozen and slotted dataclass with nothing but plain fields, made faster.

    Raises `TypeError` for any other class.
    """
    given: Any = cls
    known: tuple[Field[Any], ...] = fields(given)
    if not given.__dataclass_params__.frozen or cls.__bases__ != (object,) or hasattr(cls, "__post_init__"):
        raise TypeError(f"{cls.__name__} is not a frozen dataclass that stands for itself")
    if getattr(cls, "__slots__", None) != tuple(one.name for one in known):
        raise TypeError(f"{cls.__name__} has no slots, or others beside its fields")
    if not all(one.init and not one.kw_only for one in known):
        raise TypeError(f"{cls.__name__} has fields that are not given by position")
    twin = type(f"_{cls.__name__}", (), {"__slots__": given.__slots__})
    names = {"_melt": object.__setattr__, "_twin": twin, "_cls": cls, "_missing": MISSING}
    for one in known:
        names[f"_default_{one.name}"] = one.default
        names[f"_make_{one.name}"] = one.default_factory
    exec(_init(known), names)  # noqa: S102 - written below from names of fields, as dataclasses does it itself
    made: Any = names["__init__"]
    made.__qualname__, made.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
    made.__annotations__ = given.__init__.__annotations__
    given.__init__ = made
    return cls


def _init(known: tuple[Field[Any], ...]) -> str:
    """The source of ``__init__``."""
    takes = ", ".join(["self", *map(_taken, known)])
    sets = "".join(f"    self.{one.name} = {_value(one)}\n" for one in known)
    return f"def __init__({takes}):\n    _melt(self, '__class__', _twin)\n{sets}    self.__class__ = _cls\n"


def _taken(one: Field[Any]) -> str:
    if one.default is not MISSING:
        return f"{one.name}=_default_{one.name}"
    return f"{one.name}=_missing" if one.default_factory is not MISSING else one.name


def _value(one: Field[Any]) -> str:
    if one.default_factory is MISSING:
        return one.name
    return f"_make_{one.name}() if {one.name} is _missing else {one.name}"

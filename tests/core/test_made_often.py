"""Values that are made quickly are as frozen as others."""

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from gateway_core.made_often import made_often


@made_often
@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 2
    marks: list[str] = field(default_factory=list)


def test_fields_are_given_by_position_by_name_or_not_at_all():
    assert (Point(1).x, Point(1).y, Point(1).marks) == (1, 2, [])
    assert Point(1, 3, ["a"]) == Point(x=1, y=3, marks=["a"])
    assert Point(1).marks is not Point(1).marks
    assert repr(Point(1)) == "Point(x=1, y=2, marks=[])"
    with pytest.raises(TypeError, match=r"Point\.__init__.*'x'"):
        Point()  # type: ignore[call-arg]  # that is the point


def test_nothing_of_it_can_be_changed():
    point = Point(1)
    assert type(point) is Point
    with pytest.raises(FrozenInstanceError):
        point.x = 2  # type: ignore[misc]  # that is the point
    with pytest.raises(FrozenInstanceError):
        del point.x


def test_it_is_copied_replaced_and_pickled_like_others():
    point = Point(1, 3, ["a"])
    assert replace(point, x=5) == Point(5, 3, ["a"])
    assert copy.deepcopy(point) == point
    assert pickle.loads(pickle.dumps(point)) == point  # noqa: S301 - our own bytes


@dataclass(frozen=True, slots=True)
class Base:
    x: int


@dataclass(frozen=True, slots=True)
class Derived(Base):
    y: int


@dataclass(slots=True)
class Soft:
    x: int


@dataclass(frozen=True)
class Spacious:
    x: int


@dataclass(frozen=True, slots=True)
class Checked:
    x: int

    def __post_init__(self) -> None:
        """Whatever it does, it would be skipped."""


@dataclass(frozen=True, slots=True)
class Partly:
    x: int = field(init=False, default=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    x: int


@pytest.mark.parametrize("cls", [Derived, Soft, Spacious, Checked, Partly, Named])
def test_only_plain_frozen_and_slotted_dataclasses_can_be(cls: type):
    with pytest.raises(TypeError, match=cls.__name__):
        made_often(cls)

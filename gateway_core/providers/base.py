"""What a provider is: pure translation between our requests and events and somebody's wire format.

A provider never sees a socket, a clock or the environment. It says what to send (`HttpRequest`), or,
for the ones that invent their answers, what to play (`Playback`), and it reads what came back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from typing_extensions import override

from gateway_core.config.model import Model
from gateway_core.errors import GatewayError, InternalError, InvalidRequest, OperationNotSupported
from gateway_core.events import Event
from gateway_core.keys import Secret
from gateway_core.made_often import made_often
from gateway_core.types import REQUEST_ROUTE_TYPES, EmbeddingRequest, FinishReason, Params, Request, RouteType

Framing = Literal["sse", "ndjson", "eventstream"]
Purpose = Literal["text", "embeddings"]
FieldKind = Literal["text", "secret", "url", "integer", "number", "choice", "mapping", "list", "path"]


@dataclass(frozen=True, slots=True)
class ConfigField:
    """One key of a provider's ``config:`` block; validation, editor schema and docs come from it."""

    name: str
    kind: FieldKind
    doc: str
    required: bool = False
    choices: tuple[str, ...] = ()
    default: Any = None
    fields: tuple[ConfigField, ...] = ()
    """The keys of a ``mapping``, where they are known; secrets among them go together."""


@made_often
@dataclass(frozen=True, slots=True)
class Frame:
    """One message of a stream: an SSE event, a line of NDJSON, or a message of an AWS event stream."""

    data: str
    event: str = ""


@dataclass(frozen=True, slots=True)
class LocalService:
    """A program on this machine that must run before the request can be sent.

    The gateway asks its services for it and puts the address and key it gets in front of ``url``.
    """

    kind: str
    model: str
    """Path of a model file, or the name of one that ships."""
    purpose: Purpose = "text"
    """What the program is for: one that did both would let vectors wait for text."""


@dataclass(frozen=True, slots=True)
class Signing:
    """How AWS wants a request signed, and by whom; the gateway's signer does it just before sending.

    Without keys they are those that this machine's AWS settings give. With ``role_arn`` they are used to
    take on that role. ``region`` ``None`` is that of the machine's settings; it takes the place of
    `REGION` in the address.
    """

    REGION: ClassVar[str] = "{region}"

    service: str
    region: str | None = None
    access_key_id: Secret | None = None
    secret_access_key: Secret | None = None
    session_token: Secret | None = None
    bearer: Secret | None = None
    """A key that needs no signature; only the region is looked up then."""
    role_arn: str | None = None
    session_length_s: int = 900


@dataclass(frozen=True, slots=True)
class Extra:
    """A package that some routes need, and the extra of gateway-tui that installs it."""

    package: str
    name: str


@made_often
@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What to send. ``headers`` may hold a key, so they are kept out of the repr."""

    url: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    stream: bool = False
    method: str = "POST"
    warnings: tuple[str, ...] = ()
    service: LocalService | None = None
    """When set, ``url`` is a path below that service's address."""
    framing: Framing | None = None
    """How this request's stream is cut into messages, where it is not the provider's usual way."""
    remarks: tuple[str, ...] = ()
    """To be said like a warning, although everything is sent as asked."""
    signing: Signing | None = None
    secrets: tuple[Secret, ...] = field(repr=False, default=())
    """What it carries beside the route's own secrets; no error may repeat them."""


@dataclass(frozen=True, slots=True)
class Step:
    """Part of an invented answer: wait ``delay_s``, then this event happens (or this failure)."""

    delay_s: float
    event: Event | GatewayError


@dataclass(frozen=True, slots=True)
class Playback:
    """An answer that is played instead of fetched; the gateway times it like any other."""

    steps: tuple[Step, ...]
    warnings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Param:
    """How a parameter travels: its name on the wire, its range there, and how its value changes."""

    wire_name: str
    low: float | None = None
    high: float | None = None
    convert: Callable[[Any], Any] | None = None
    choices: tuple[str, ...] = ()
    """The words it takes, or what ``type`` of a mapping may say; empty when that is open."""
    most: int | None = None
    """How many entries a list may have."""
    above: float | None = None
    """What every value must be greater than."""
    under: float | None = None
    """What every value must be less than."""


class _Unsupported:
    """The provider has no such parameter."""


UNSUPPORTED = _Unsupported()
ParamTable = Mapping[str, Param | _Unsupported]
ANYWAY: Mapping[str, Any] = {
    "n": 1,
    "logprobs": False,
    "response_format": {"type": "text"},
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "encoding_format": "float",
}
"""What happens without being asked for: no word is lost about it where there is no such parameter."""


@made_often
@dataclass(frozen=True, slots=True)
class Translated:
    """Parameters in the provider's words, and what had to be said about them."""

    body: dict[str, Any]
    warnings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    """To be said although all of them are sent as asked; see `HttpRequest`."""


def translate_params(params: Params, table: ParamTable, *, provider: str) -> Translated:
    """Translate ``params`` by ``table``; a name that the table does not know passes untouched.

    A parameter the provider does not have, or a value out of its range, is left out or passed on
    with a warning: never silently. Raises `InvalidRequest` for a value of a kind that cannot be written.
    """
    body: dict[str, Any] = {}
    warnings: list[str] = []
    for name, value in params.items():
        rule = table.get(name) or Param(name)
        if isinstance(rule, _Unsupported):
            if ANYWAY.get(name) != value:
                warnings.append(f"{provider} has no parameter {name}: it was not sent")
            continue
        if out_of_range := _range_problem(value, rule):
            warnings.append(f"{name} {_word(value)!r} is {out_of_range} that {provider} documents")
        written = _converted(name, value, rule)
        if body.get(rule.wire_name, written) != written:
            warnings.append(f"{rule.wire_name} is asked for twice: {name} {value!r} counts")
        body[rule.wire_name] = written
    return Translated(body, tuple(warnings))


def _converted(name: str, value: Any, rule: Param) -> Any:
    try:
        return rule.convert(value) if rule.convert else value
    except (TypeError, ValueError, AttributeError, LookupError) as exc:
        raise InvalidRequest(f"{name} cannot be of this kind: {str(value)[:60]!r}") from exc


def _word(value: Any) -> Any:
    """What is named of a value: the type of a mapping, anything else itself."""
    return value.get("type") if isinstance(value, Mapping) else value


def _range_problem(value: Any, rule: Param) -> str | None:
    if isinstance(value, list | tuple) and rule.most is not None and len(value) > rule.most:
        return f"longer than the {rule.most} entries"
    word = _word(value)
    if rule.choices and isinstance(word, str) and word not in rule.choices:
        return f"none of the kinds ({', '.join(rule.choices)})"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _number_problem(value, rule)


def _number_problem(value: float, rule: Param) -> str | None:
    if rule.above is not None and value <= rule.above:
        return f"not above the limit {rule.above:g}"
    if rule.low is not None and value < rule.low:
        return f"below the least value {rule.low:g}"
    if rule.high is not None and value > rule.high:
        return f"above the greatest value {rule.high:g}"
    if rule.under is not None and value >= rule.under:
        return f"not below the limit {rule.under:g}"
    return None


@dataclass(frozen=True, slots=True)
class MlflowFacts:
    """What MLflow's own gateway does on the way to a provider, for requests in MLflow's dialects.

    Our own parameters travel unscaled; only a dialect of MLflow reads this.
    """

    temperature_factor: float = 1.0
    """2.8 takes a temperature from 0 to 1 and multiplies it by this."""
    temperature_factor_today: float = 1.0
    """The same for today's MLflow, which takes 0 to 2."""
    one_candidate: bool = False
    """True when ``candidate_count`` must be 1."""
    refused: Mapping[RouteType, tuple[str, ...]] = field(default_factory=dict)
    """Parameters that 2.8 answers with 422, or with ``refused_status``, by route type."""
    refused_status: Mapping[RouteType, int] = field(default_factory=dict)
    """The status of those refusals, where it is not 422."""
    max_tokens: Mapping[RouteType, int] = field(default_factory=dict)
    """What 2.8 asks for when a request names no ``max_tokens``, by route type."""
    takes_model: bool = False
    """True where 2.8 lets a request name a ``model``, and passes it on."""
    sends_defaults: bool = True
    """Whether 2.8 sends its own defaults for what a request leaves out: temperature 0, one candidate."""
    candidates_as: str = "n"
    """The name under which ``candidate_count`` travels."""
    finish_reasons: Literal["ours", "raw", "none"] = "ours"
    """Whose word for the end of a completion 2.8 passes on: its own, the provider's, or nobody's."""


class Provider(ABC):
    """Speaks for one route to one provider. Subclasses are stateless apart from their `Model`."""

    name: ClassVar[str]
    route_types: ClassVar[tuple[RouteType, ...]]
    config_fields: ClassVar[tuple[ConfigField, ...]] = ()
    framing: ClassVar[Framing] = "sse"
    shares_machine: ClassVar[bool] = False
    """True when its routes slow each other down because they compute on this machine."""
    silent_end: ClassVar[FinishReason] = "stop"
    """How an answer ended that is said to be over, but not why."""
    mlflow: MlflowFacts = MlflowFacts()
    """A fact of the class, unless the model decides."""
    recorded: ClassVar[bool] = False
    """True when its answers were recorded earlier: their numbers are not of today."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @classmethod
    def check(cls, model: Model) -> Iterator[str]:
        """Sentences about settings that are each fine but wrong together."""
        yield from ()

    @abstractmethod
    def request(self, request: Request) -> HttpRequest | Playback:
        """What to send for ``request``. Raises `InvalidRequest` or `OperationNotSupported`."""

    def inputs_at_once(self, request: EmbeddingRequest) -> int | None:
        """How many texts one request for vectors may hold; ``None`` is any number. Raises as `request`.

        More than that are sent as several requests, so `request` is never asked for them.
        """
        return None

    @abstractmethod
    def parse(self, body: bytes) -> Iterable[Event]:
        """The events of a whole, unstreamed answer. Raises `ProtocolError` or what the body says."""

    def headed(self, headers: Mapping[str, str]) -> Iterable[Event]:
        """What the headers of a good answer tell, before its body. Header names are lower case."""
        return ()

    @abstractmethod
    def decode(self, frame: Frame) -> Iterable[Event]:
        """The events of one message of a stream; keeps nothing between calls. Raises as `parse`."""

    @abstractmethod
    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
        """The failure an HTTP status of 400 or more stands for. Header names are lower case."""

    def count_request(self, request: Request) -> HttpRequest | None:
        """What asks the provider for the input tokens of ``request``; ``None`` where nobody can be asked.

        Raises as `request`.
        """
        return None

    def parse_count(self, body: bytes) -> int:
        """The number in the answer to `count_request`. Raises as `parse`."""
        raise OperationNotSupported(f"{self.name} has no endpoint that counts tokens")

    @property
    def priced_as(self) -> str | None:
        """Whose price list applies to the model; ``None`` when nobody's does or it cannot be known."""
        return self.name

    @property
    def needs(self) -> LocalService | None:
        """The program on this machine that must run for this route, if any."""
        return None

    @property
    def extra(self) -> Extra | None:
        """The package that must be installed for this route, if any."""
        return None

    def is_last(self, frame: Frame) -> bool:
        """True for the message after which a stream has nothing more to say."""
        return False

    def require_route_type(self, request: Request) -> RouteType:
        """The route type of ``request``, refused with `OperationNotSupported` where there is none."""
        route_type = REQUEST_ROUTE_TYPES[type(request)]
        if route_type not in self.route_types:
            offered = ", ".join(self.route_types)
            raise OperationNotSupported(f"{self.name} does not offer {route_type}; it offers {offered}")
        return route_type


class Played(Provider):
    """A provider that invents its answers: it has no wire, so nothing comes back to be read."""

    @property
    @override
    def priced_as(self) -> str | None:
        return None

    @override
    def parse(self, body: bytes) -> Iterable[Event]:
        raise InternalError(f"{self.name} has no wire to read from")

    @override
    def decode(self, frame: Frame) -> Iterable[Event]:
        raise InternalError(f"{self.name} has no wire to read from")

    @override
    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
        return InternalError(f"{self.name} has no wire to read from")

"""The document says what the dialects do: no more, no less, and for every route by itself."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from gateway_core.config.model import Config
from gateway_core.params import EMBEDDING_PARAMS, PARAMS
from gateway_core.routes import RouteTable
from gateway_core.server.dialects.openapi import document
from tests.server.dialects.tables import TABLE
from tests.server.dialects.test_cases import FOLDER

DOCUMENT = document(TABLE, title="gateway-tui", version="1")
ANSWERS = {
    "openai_chat": ("/v1/chat/completions", "OpenAI"),
    "openai_completions": ("/v1/completions", "OpenAI"),
    "openai_embeddings": ("/v1/embeddings", "OpenAI"),
    "anthropic": ("/v1/messages", "Anthropic"),
    "mlflow28": ("/gateway/{}/invocations", ""),
    "mlflow_today": ("/endpoints/{}/invocations", ""),
}


def fits(schema: Any, value: Any) -> bool:
    """Whether ``value`` is what a schema of the document says."""
    registry = Registry().with_resource("urn:doc", DRAFT202012.create_resource(DOCUMENT))
    absolute = json.loads(json.dumps(schema).replace('"#/', '"urn:doc#/'))
    return jsonschema.Draft202012Validator(absolute, registry=registry).is_valid(value)


def operation(path: str) -> Any:
    return DOCUMENT["paths"][path]["post"]


def cases(section: str) -> list[Any]:
    """Those of a section whose route there is."""
    found = []
    for stem, (path, _) in ANSWERS.items():
        written = yaml.safe_load((FOLDER / f"{stem}.yaml").read_text(encoding="utf-8"))
        for case in written.get(section) or ():
            where = path.format(case.get("route"))
            if where in DOCUMENT["paths"]:
                found.append(pytest.param(where, case, id=f"{stem}: {case['case']}"))
    return found


def by_shape(section: str) -> list[Any]:
    """Cases that a schema can tell; a ``by_sense`` in a case says that none can."""
    return [case for case in cases(section) if "body" in case.values[1] and "by_sense" not in case.values[1]]


def test_the_document_is_valid_openapi():
    validator = pytest.importorskip(
        "openapi_spec_validator", reason="the validator is not installed: pip install openapi-spec-validator"
    )

    validator.validate(DOCUMENT)


def test_every_route_has_both_of_its_paths_and_every_operation_a_name_of_its_own():
    operations = [method for path in DOCUMENT["paths"].values() for method in path.values()]

    assert {f"/gateway/{name}/invocations" for name in TABLE.names} <= DOCUMENT["paths"].keys()
    assert {f"/endpoints/{name}/invocations" for name in TABLE.names} <= DOCUMENT["paths"].keys()
    assert len({one["operationId"] for one in operations}) == len(operations)


@pytest.mark.parametrize(("path", "case"), by_shape("asked"))
def test_what_is_understood_is_documented(path: str, case: dict[str, Any]):
    schema = operation(path)["requestBody"]["content"]["application/json"]["schema"]

    assert fits(schema, case["body"])


@pytest.mark.parametrize(("path", "case"), by_shape("refused"))
def test_what_is_refused_for_its_shape_or_by_the_provider_is_documented_so(path: str, case: dict[str, Any]):
    schema = operation(path)["requestBody"]["content"]["application/json"]["schema"]

    assert not fits(schema, case["body"])


@pytest.mark.parametrize(("path", "case"), cases("refused"))
def test_a_refusal_is_of_the_documented_shape(path: str, case: dict[str, Any]):
    assert fits(
        operation(path)["responses"]["default"]["content"]["application/json"]["schema"], case["answer"]
    )


@pytest.mark.parametrize(("path", "case"), cases("answered"))
def test_an_answer_is_of_the_documented_shape(path: str, case: dict[str, Any]):
    content = operation(path)["responses"]["200"]["content"]

    assert fits(content["application/json"]["schema"], case["written"])


@pytest.mark.parametrize(("path", "case"), cases("streamed"))
def test_what_streams_says_so(path: str, case: dict[str, Any]):
    assert "text/event-stream" in operation(path)["responses"]["200"]["content"]


@pytest.mark.parametrize("path", [*DOCUMENT["paths"]])
def test_every_example_is_one(path: str):
    for method in DOCUMENT["paths"][path].values():
        media = method.get("requestBody", {}).get("content", {}).get("application/json")
        assert media is None or media.get("example") is None or fits(media["schema"], media["example"])


@pytest.mark.parametrize("name", ["OpenAIChatRequest", "OpenAICompletionRequest", "OpenAIEmbeddingRequest"])
def test_every_parameter_of_the_core_is_documented_with_its_range(name: str):
    properties = DOCUMENT["components"]["schemas"][name]["properties"]
    only_chat = {"response_format", "tools", "tool_choice", "parallel_tool_calls", "reasoning_effort"}
    wanted = {
        "OpenAIChatRequest": PARAMS.keys() - {"dimensions"},
        "OpenAICompletionRequest": PARAMS.keys() - {"dimensions"} - only_chat,
        "OpenAIEmbeddingRequest": PARAMS.keys() & EMBEDDING_PARAMS,
    }[name]

    assert wanted <= properties.keys()
    for rule in (PARAMS[parameter] for parameter in wanted - {"logprobs", "top_logprobs"}):
        texts = json.dumps(properties[rule.name])
        for word, bound in (("minimum", rule.low), ("maximum", rule.high)):
            assert bound is None or f'"{word}": {bound}' in texts or f'"{word}": {float(bound)}' in texts
        assert properties[rule.name]["description"] == rule.doc


def test_names_in_the_document_are_names_for_people():
    assert not [name for name in DOCUMENT["components"]["schemas"] if "__" in name]


def test_a_scheme_of_security_applies_to_everything():
    said = document(TABLE, title="t", version="1", security={"bearer": {"type": "http", "scheme": "bearer"}})

    assert said["security"] == [{"bearer": []}]
    assert said["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_everybody_may_know_how_the_service_is():
    said = document(TABLE, title="t", version="1", security={"bearer": {"type": "http", "scheme": "bearer"}})

    operations = [(path, one) for path, there in said["paths"].items() for one in there.values()]
    open_to_all = [path for path, one in operations if "security" in one]
    assert open_to_all == ["/health"]
    assert said["paths"]["/health"]["get"]["security"] == []


def test_one_document_does_not_change_the_next():
    document(TABLE, title="t", version="1")["components"]["schemas"].clear()

    assert document(TABLE, title="gateway-tui", version="1") == DOCUMENT


def test_a_table_without_routes_has_a_document_too():
    said = document(RouteTable(Config("config.yaml", ())), title="t", version="1")

    schema = said["paths"]["/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"]
    assert schema["schema"] == {"$ref": "#/components/schemas/OpenAIChatRequest"}
    assert "enum" not in said["paths"]["/v1/models/{model}"]["get"]["parameters"][0]["schema"]

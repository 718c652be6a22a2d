"""Where we do on purpose otherwise than MLflow AI Gateway 2.8.0, and why. Everything else is the same.

That the flaws of a body are told in the words of pydantic 2 is not listed, nor that there is a sentence, or
an answer, where 2.8.0 has a plain-text 500. Each row must concern some case, and change something in every
case that it concerns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Sent = dict[str, Any]


@dataclass(frozen=True)
class Sends:
    """What a provider gets from us instead of what 2.8.0 sends: ``instead`` makes the one of the other."""

    why: str
    cases: str
    """A regular expression at the start of ``provider: route: case``."""
    instead: Callable[[Sent], Sent]

    def concerns(self, case: str) -> bool:
        return re.match(self.cases, case) is not None


@dataclass(frozen=True)
class Tells:
    """What a client gets from us instead of what it gets from 2.8.0, as ``instead`` makes it of that."""

    why: str
    cases: str
    instead: Callable[[dict[str, Any]], dict[str, Any]]

    def concerns(self, case: str) -> bool:
        return re.match(self.cases, case) is not None


@dataclass(frozen=True)
class Answers:
    """What a client gets from us: a status, and JSON in which this regular expression is found."""

    why: str
    cases: str
    status: int
    says: str
    asked: bool | None = None
    """Whether the provider is asked, where 2.8.0 does it otherwise."""

    def concerns(self, case: str) -> bool:
        return re.match(self.cases, case) is not None


def body(change: Callable[[Sent], Mapping[str, Any]]) -> Callable[[Sent], Sent]:
    """A change of the body alone."""
    return lambda sent: {**sent, "body": dict(change(sent["body"]))}


def without(*names: str, within: str | None = None) -> Callable[[Sent], Sent]:
    """The body, or the object ``within`` it, without some names."""

    def change(said: Sent) -> Sent:
        kept = said[within] if within else said
        kept = {name: value for name, value in kept.items() if name not in names}
        return {**said, within: kept} if within else kept

    return body(change)


def one_text_in_a_list(name: str) -> Callable[[Sent], Sent]:
    """A single text as a list of one."""
    return body(lambda said: {**said, name: [said[name]] if isinstance(said[name], str) else said[name]})


def embed_by_version_2(sent: Sent) -> Sent:
    """Cohere's newer endpoint, which wants to be told what the vectors are for and which kind they are."""
    usual = {"input_type": "search_document", "embedding_types": ["float"]}
    return {**sent, "path": "/v2/embed", "body": {**usual, **sent["body"]}}


def completed(sent: Sent) -> Sent:
    """A prompt for OpenAI's endpoint for prompts."""
    said = {name: value for name, value in sent["body"].items() if name != "messages"}
    prompt = sent["body"]["messages"][0]["content"]
    return {**sent, "path": "/v1/completions", "body": {**said, "prompt": prompt}}


def in_turns(said: Sent) -> Sent:
    """A conversation of PaLM as its documentation has it: a context, and two authors who take turns."""
    messages = said["prompt"]["messages"]
    context = [m["content"] for m in messages if m["author"] == "system"]
    others = [m["content"] for m in messages if m["author"] != "system"]
    one = {"author": "user", "content": "\n".join(others)}
    return {**said, "prompt": {**({"context": context[0]} if context else {}), "messages": [one]}}


def titan_without_candidates(said: Sent) -> Sent:
    """No settings that Titan does not have, and no settings at all where none is left."""
    kept = {name: v for name, v in said["textGenerationConfig"].items() if name != "candidate_count"}
    return {**({"textGenerationConfig": kept} if kept else {}), "inputText": said["inputText"]}


def without_seed(answer: dict[str, Any]) -> dict[str, Any]:
    """The reason of an end alone."""
    kept = [
        {**found, "metadata": {"finish_reason": found["metadata"]["finish_reason"]}}
        for found in answer["candidates"]
    ]
    return {**answer, "candidates": kept}


SENDS = (
    Sends(
        "2.8.0 leaks candidate_count to providers that have no such parameter",
        r"anthropic: completions: ",
        without("candidate_count"),
    ),
    Sends(
        "the same",
        r"(mosaicml: (chat|completions|mine|upper)|huggingface_tgi: (completions|below)): ",
        without("candidate_count", within="parameters"),
    ),
    Sends(
        "the same, and an object that is empty says nothing",
        r"bedrock: titan: (defaults|max_tokens null|stop null|one|two|five|a null|no results|\d{3} )",
        body(titan_without_candidates),
    ),
    Sends(
        "2.8.0 loses a temperature of 0 on the way to Bedrock, which then uses one of its own",
        r"bedrock: (claude|ai21|cohere): (temperature 0$|LangChain's nulls)",
        body(lambda said: {**said, "temperature": 0.0}),
    ),
    Sends(
        "the same",
        r"bedrock: titan: (temperature 0$|LangChain's nulls)",
        body(lambda said: {**said, "textGenerationConfig": {"temperature": 0.0}}),
    ),
    Sends(
        "a stream that is not wanted is not spoken of",
        r"(openai|anthropic|ai21labs): \w+: stream \"?false",
        without("stream"),
    ),
    Sends("the same", r"huggingface_tgi: \w+: stream false", without("stream", within="parameters")),
    Sends(
        "Cohere is told outright that no stream is wanted",
        r"cohere: completions: (?!stream false)",
        body(lambda said: {**said, "stream": False}),
    ),
    Sends(
        "one text is sent as a list of one, which means the same",
        r"(openai|azure|azuread): embeddings: (one text|an empty text|text a number|\d{3} )",
        one_text_in_a_list("input"),
    ),
    Sends(
        "the same; Cohere and PaLM refuse anything but a list",
        r"(cohere|palm): embeddings: (one text|an empty text|text a number)",
        one_text_in_a_list("texts"),
    ),
    Sends(
        "Cohere's newer endpoint for vectors: it serves the models of the older one too",
        r"cohere: embeddings: ",
        embed_by_version_2,
    ),
    Sends(
        "models that are no chat models are asked where OpenAI has them; chat refuses them",
        r"openai: instruct: ",
        completed,
    ),
    Sends(
        "the prompt of another kind of request is not sent along: OpenAI refuses it",
        r"openai: chat: a prompt as well",
        without("prompt"),
    ),
    Sends(
        "Anthropic takes no stop sequence of blanks only",
        r"anthropic: completions: stop$",
        body(lambda said: {**said, "stop_sequences": ["END"]}),
    ),
    Sends(
        "PaLM's chat has no stop sequences: Google refuses the request",
        r"palm: chat: (stop|everything)$",
        without("stopSequences"),
    ),
    Sends(
        "MosaicML documents no stop sequences",
        r"mosaicml: (chat|completions): (stop|everything)$",
        without("stop", within="parameters"),
    ),
    Sends(
        "PaLM wants two authors who take turns, and what the system says as a context",
        r"palm: chat: (a system message|user twice)",
        body(in_turns),
    ),
)

TELLS = (
    Tells(
        "a seed that TGI did not tell is none, and not the text None",
        r"huggingface_tgi: completions: without a seed",
        without_seed,
    ),
)

ANSWERS = (
    Answers(
        "a stream is refused before anybody is paid for one; 2.8.0 asks, and cannot read it",
        r".+: stream true|(openai|cohere|huggingface_tgi): .+: stream \"true\"",
        422,
        "There are no streams here",
        asked=False,
    ),
    Answers(
        "we have routes that 2.8.0 had not",
        r"(anthropic|bedrock|cohere|huggingface_tgi): chat: not there",
        200,
        '"candidates":',
        asked=True,
    ),
    Answers(
        "the same, of more makers, and vectors where the model has any",
        r"bedrock: unknown: ",
        200,
        '"text":"Hello"',
        asked=True,
    ),
    Answers("the same", r"bedrock: embeddings: not there", 400, "is no embedding model"),
    Answers(
        "a served model may take several messages",
        r"mlflow_model_serving: chat: (several turns|two messages)",
        200,
        '"role":"assistant"',
        asked=True,
    ),
    Answers(
        "more shapes of a served model's answer are understood",
        r"mlflow_model_serving: (\w+: predictions are (a text|rows|whole numbers)|\w+: no predictions"
        r"|embeddings: predictions are an object)",
        200,
        '"route_type":',
    ),
    Answers(
        "what is wrong with a served model's answer is said in our words, not in pydantic's",
        r"mlflow_model_serving: (embeddings: no texts"
        r"|\w+: predictions are (several|empty|an empty|candidates that|null|a list of))",
        502,
        "neither text nor vectors",
    ),
    Answers(
        "the same",
        r"mlflow_model_serving: (completions|chat): predictions are numbers",
        502,
        "the answer is vectors, and a text was asked for",
    ),
    Answers(
        "the same",
        r"mlflow_model_serving: embeddings: predictions are text",
        502,
        "the answer is a text, and vectors were asked for",
    ),
    Answers(
        "an answer without anything in it is a failure of the provider, not an answer",
        r"(?!mlflow_model_serving)\w+: \w+: no (texts|choices|generations|outputs|results)",
        502,
        "sent an answer without|broke off",
    ),
    Answers(
        "a good status with something that is no JSON: what it was is said",
        r"openai: chat: 200 (as a page|without a type)",
        502,
        "a web page titled|not JSON",
    ),
    Answers(
        "true is no text, as 2.8.0 has it where it runs with pydantic 2",
        r"openai: \w+: (content|prompt) true",
        422,
        "should be a valid string",
        asked=False,
    ),
    Answers(
        "input is the text itself for those who ask by OpenAI's names: it cannot be a parameter",
        r"openai: (completions: input as well|embeddings: native input)",
        422,
        "has no place in this request",
        asked=False,
    ),
    Answers(
        "whoever answers is the assistant, as OpenAI's API has it",
        r"openai: chat: another role answers",
        200,
        '"role":"assistant"',
    ),
)

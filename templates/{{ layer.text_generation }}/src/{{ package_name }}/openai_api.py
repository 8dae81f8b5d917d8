"""The part of OpenAI's API that a plain language model can answer: `/v1/completions` and `/v1/models`.

    client = openai.OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none")
    name = client.models.list().data[0].id
    client.completions.create(model=name, prompt="Fellow citizens", max_tokens=40)

Reference: https://platform.openai.com/docs/api-reference/completions. What is not supported is refused, never ignored.
"""

import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Literal

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from .generation import Drawn
from .routes import DirectRoute
from .schemas import LONGEST_PROMPT, Seed, StopText, stops_of
from .service import model_of
from .streaming import STREAM, event, nobody, stream_of
from .text_model import Order, TextModel

logger = logging.getLogger(__name__)

PATHS = ("/v1/completions",)


def must_be_off(value: bool) -> bool:
    """Refuse what this service cannot do."""
    if value:
        raise ValueError("this service cannot do that")
    return value


Text = Annotated[str, Field(max_length=LONGEST_PROMPT)]
Nothing = Annotated[float, Field(ge=0, le=0)]
One = Annotated[int, Field(ge=1, le=1)]  # unlike Literal[1] it does not take true
Off = Annotated[bool, AfterValidator(must_be_off), Field(json_schema_extra={"const": False})]
TokenList = Annotated[list[int], Field(min_length=1, max_length=LONGEST_PROMPT)]


class CompletionRequest(BaseModel):
    """A request as OpenAI's clients send it; the defaults are OpenAI's."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str = Field(max_length=200, description="Its name, as `GET /v1/models` says it")
    prompt: Text | TokenList | Annotated[list[Text], Field(min_length=1, max_length=1)]
    max_tokens: int | None = Field(default=16, ge=1)
    temperature: float | None = Field(default=1.0, ge=0, le=2)
    top_p: float | None = Field(default=1.0, gt=0, le=1)
    seed: Seed | None = None
    stop: Annotated[list[StopText], Field(max_length=4)] | StopText | None = None
    logprobs: int | None = Field(default=None, ge=0, le=5)
    stream: bool | None = False
    stream_options: dict[Literal["include_usage", "include_obfuscation"], bool] | None = None
    user: str | None = Field(default=None, max_length=200)
    # What this service cannot do is accepted as long as it asks for nothing.
    n: One | None = 1
    best_of: One | None = 1
    echo: Off | None = False
    suffix: Literal[""] | None = None
    presence_penalty: Nothing | None = 0
    frequency_penalty: Nothing | None = 0
    logit_bias: Annotated[dict[str, float], Field(max_length=0)] | None = None


class Logprobs(BaseModel):
    """Natural logarithms of probabilities, token by token."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]


class Choice(BaseModel):
    """A text, or in a stream a piece of it."""

    text: str
    index: int = 0
    logprobs: Logprobs | None = None
    finish_reason: str | None = None


class TokenCounts(BaseModel):
    """What a text took."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Completion(BaseModel):
    """The answer, or a piece of a streamed one."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[Choice]
    usage: TokenCounts | None = None


class ErrorBody(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(BaseModel):
    """An error as OpenAI's clients read it."""

    error: ErrorBody


class ModelEntry(BaseModel):
    """A model of the list."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class ModelList(BaseModel):
    """The models that are there: one."""

    object: Literal["list"] = "list"
    data: list[ModelEntry]


def problem(status: int, message: str, param: str | None = None, code: str | None = None) -> JSONResponse:
    """Return an error as OpenAI's clients read it."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    body = ErrorAnswer(error=ErrorBody(message=message, type=kind, param=param, code=code))
    headers = {"Retry-After": "1"} if status == 503 else None
    return JSONResponse(body.model_dump(), status_code=status, headers=headers)


def invalid(errors: list[Any]) -> JSONResponse:
    """Return the answer to a request with wrong fields; the first one is named, with all that it could be."""
    fields = [next((str(part) for part in error["loc"] if part != "body"), None) for error in errors]
    reasons = dict.fromkeys(error["msg"] for error, field in zip(errors, fields, strict=True) if field == fields[0])
    return problem(422, f"{fields[0] or 'body'}: {'; or: '.join(reasons)}", fields[0])


def order_of(model: TextModel, asked: CompletionRequest) -> Order:
    """Check a request against the model; raises as `TextModel.order`."""
    prompt: Any = asked.prompt
    if isinstance(prompt, list) and isinstance(prompt[0], str):
        prompt = prompt[0]
    return model.order(
        prompt,
        asked.max_tokens,
        temperature=1.0 if asked.temperature is None else asked.temperature,
        top_k=0,
        top_p=1.0 if asked.top_p is None else asked.top_p,
        seed=asked.seed,
        stop=[] if asked.stop is None else stops_of(asked.stop),
        alternatives=asked.logprobs or 0,
    )


class Answer:
    """Describes one text in OpenAI's terms, piece by piece or as a whole."""

    def __init__(self, model: TextModel, asked: CompletionRequest, order: Order) -> None:
        self.model, self.asked, self.order = model, asked, order
        card = model.predictor.card
        self.head: dict[str, Any] = {
            "id": f"cmpl-{card.version}-{order.sampling.seed}",
            "created": int(time.time()),
            "model": card.name,
        }

    def logprobs(self, tokens: list[Drawn], begin: int) -> Logprobs | None:
        """Return the logarithms, if they were asked for."""
        if self.asked.logprobs is None:
            return None
        lengths = [len(each.text) for each in tokens]
        return Logprobs(
            tokens=[self.model.shown(each.token) for each in tokens],
            token_logprobs=[each.logprob for each in tokens],
            top_logprobs=[
                {self.model.shown(token): logprob for token, logprob in each.alternatives} for each in tokens
            ],
            text_offset=[begin + sum(lengths[:place]) for place in range(len(tokens))],
        )

    def piece(self, tokens: list[Drawn], begin: int = 0) -> Completion:
        """Describe some tokens that follow each other."""
        text, reason = "".join(each.text for each in tokens), tokens[-1].finished
        choice = Choice(text=text, logprobs=self.logprobs(tokens, begin), finish_reason=reason)
        return Completion(**self.head, choices=[choice])

    def usage(self, written: int) -> TokenCounts:
        """Count the tokens."""
        read = len(self.order.prompt)
        return TokenCounts(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)

    async def events(self) -> AsyncGenerator[str]:
        """Yield the pieces as server-sent events, and `[DONE]`."""
        written = begin = 0
        async with aclosing(self.model.write(self.order)) as drawn:
            async for each in drawn:
                written += 1
                yield event(self.piece([each], begin))
                begin += len(each.text)
        if (self.asked.stream_options or {}).get("include_usage"):
            yield event(Completion(**self.head, choices=[], usage=self.usage(written)))
        yield "data: [DONE]\n\n"


async def answer(request: Request) -> Response:
    """Answer a request; what goes wrong is raised."""
    model: TextModel = model_of(request)
    asked = CompletionRequest.model_validate_json(await request.body())
    name = model.predictor.card.name
    if asked.model != name:
        return problem(404, f"There is no model {asked.model!r} here, but {name!r}.", "model", "model_not_found")
    described = Answer(model, asked, order_of(model, asked))
    if asked.stream:
        return await stream_of(request, described.events())
    tokens = await model.whole(request, described.order)
    if tokens is None:
        return nobody()
    whole = described.piece(tokens).model_copy(update={"usage": described.usage(len(tokens))})
    return Response(whole.model_dump_json(), media_type="application/json")


def add_openai_routes(app: FastAPI) -> None:
    """Add the routes to the service."""

    async def completions(request: Request) -> Response:
        """Continue a text, for OpenAI's clients."""
        try:
            return await answer(request)
        except (ValidationError, RequestValidationError) as error:
            return invalid(list(error.errors()))
        except HTTPException as error:
            return problem(error.status_code, str(error.detail))
        except Exception:
            logger.exception("a text failed")
            return problem(500, "The network failed.")

    async def models(request: Request) -> Response:
        """Name the model, for OpenAI's clients."""
        try:
            card = model_of(request).predictor.card
        except HTTPException as error:
            return problem(error.status_code, str(error.detail))
        entry = ModelEntry(id=card.name, created=0, owned_by="this service")
        return Response(ModelList(data=[entry]).model_dump_json(), media_type="application/json")

    app.router.add_api_route(
        "/v1/completions",
        completions,
        methods=["POST"],
        response_model=Completion,
        responses={
            404: {"model": ErrorAnswer},
            422: {"model": ErrorAnswer},
            500: {"model": ErrorAnswer},
            503: {"model": ErrorAnswer},
            401: {"description": "The key is missing or wrong"},
            413: {"description": "The body is too large"},
            200: {
                "model": Completion,
                "description": "The text; with `stream`, events that each hold a piece",
                "content": STREAM,
            },
        },
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": CompletionRequest.model_json_schema()}},
            }
        },
        route_class_override=DirectRoute,
    )
    app.router.add_api_route(
        "/v1/models",
        models,
        methods=["GET"],
        response_model=ModelList,
        responses={503: {"model": ErrorAnswer}},
        route_class_override=DirectRoute,
    )

"""The door of the service: limits, strict JSON, one error shape and a request id for all."""

from __future__ import annotations

import logging
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from nexttouch.errors import DataCheckError, RequestError, RequestTooLargeError
from nexttouch.serving.schema import ErrorAnswer, PredictRequest, Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

__all__ = ["MAX_BYTES", "Door", "Refusal", "refusal_of"]

MAX_BYTES = 16 * 2**20
_BODIES = {"/v1/predict": PredictRequest}
_CODES = {404: "not_found", 405: "method_not_allowed", 503: "unavailable"}

logger = logging.getLogger(__name__)


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of ours
    """A request that is answered with an error."""

    def __init__(
        self, status: int, code: str, message: str, details: list[dict[str, str]] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.details = status, code, details or []


def refusal_of(error: Exception) -> Refusal:
    """Translate an error of the request core; what is not the caller's fault tells nothing.

    Examples
    --------
    >>> refusal_of(RequestTooLargeError.over("events", 9, 5)).status
    413
    >>> refusal_of(KeyError("secret")).args
    ('The service failed to answer; the log of the service says why.',)
    """
    if isinstance(error, RequestError):
        return Refusal(error.status, error.reason, str(error))
    if isinstance(error, DataCheckError):
        return Refusal(422, "invalid_request", str(error))
    message = "The service failed to answer; the log of the service says why."
    return Refusal(500, "internal_error", message)


class Door:
    """ASGI middleware around the whole service.

    Bodies of ``/v1`` are read up to `MAX_BYTES` and validated here, before anything that would
    write them to a log. Whatever answers with a status of 400 or more leaves in one shape.
    """

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        exit_ = _Exit(send, scope, request_id)
        try:
            if scope["method"] == "POST" and scope["path"] in _BODIES:
                body = await _read(scope, receive)
                _validate(_BODIES[scope["path"]], body)
                receive = _again(body, receive)
            await self.app(scope, receive, exit_)
        except Refusal as refusal:
            await exit_.refuse(refusal)


class _Exit:
    """Hold back an error answer until it is whole, and send it in our shape."""

    def __init__(self, send: Send, scope: Message, request_id: str) -> None:
        self.send, self.scope, self.request_id = send, scope, request_id
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.status < HTTPStatus.BAD_REQUEST:
                header = (b"x-request-id", self.request_id.encode())
                await self.send({**message, "headers": [*message.get("headers", []), header]})
        elif self.status < HTTPStatus.BAD_REQUEST:
            await self.send(message)
        elif not message.get("more_body", False):
            await self.refuse(self.scope["state"].get("refusal") or _plain(self.status))

    async def refuse(self, refusal: Refusal) -> None:
        problem = Problem(
            code=refusal.code,
            message=str(refusal),
            details=refusal.details,
            request_id=self.request_id,
        )
        body = ErrorAnswer(error=problem).model_dump_json().encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"x-request-id", self.request_id.encode()),
        ]
        if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers.append((b"retry-after", b"1"))
        start = {"type": "http.response.start", "status": refusal.status, "headers": headers}
        await self.send(start)
        await self.send({"type": "http.response.body", "body": body})


def _plain(status: int) -> Refusal:
    phrase = HTTPStatus(status).phrase
    fallback = "internal_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request"
    return Refusal(status, _CODES.get(status, fallback), f"{phrase}.")


async def _read(scope: Message, receive: Receive) -> bytes:
    headers = dict(scope["headers"])
    kind = headers.get(b"content-type", b"application/json").split(b";")[0].strip().lower()
    if kind != b"application/json":
        raise Refusal(415, "unsupported_media_type", "Send the body as application/json.")
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > MAX_BYTES:
        raise refusal_of(RequestTooLargeError.over("bytes", int(announced), MAX_BYTES))
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "invalid_request", "The body ended early.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BYTES:
            raise refusal_of(RequestTooLargeError.over("bytes", size, MAX_BYTES))
        more = message.get("more_body", False)
    return b"".join(parts)


def _validate(model: type[PredictRequest], body: bytes) -> None:
    try:
        model.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        broken = found[0]["type"] == "json_invalid"
        details = [
            {"field": ".".join(map(str, item["loc"])), "problem": item["msg"]}
            for item in found[:20]
        ]
        what = "The body is not JSON." if broken else "The request is not valid; see details."
        raise Refusal(
            400 if broken else 422, "invalid_json" if broken else "invalid_request", what, details
        ) from None


def _again(body: bytes, receive: Receive) -> Receive:
    """Hand the body on once more, then whatever else the server says."""
    rest = [body]

    async def replay() -> Message:
        if rest:
            return {"type": "http.request", "body": rest.pop(), "more_body": False}
        return await receive()

    return replay

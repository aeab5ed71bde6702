"""The BentoML service: ``POST /v1/predict``, ``/livez``, ``/readyz``, ``/metrics``."""

from __future__ import annotations

import asyncio
import gc
import logging
import traceback
import warnings
from datetime import UTC, datetime
from http import HTTPStatus

from nexttouch.serving.api import answer
from nexttouch.serving.door import Door, refusal_of
from nexttouch.serving.loading import load
from nexttouch.serving.schema import PredictAnswer, PredictRequest

__all__ = ["NextTouch"]

_HERE = 8  # customers answered on the event loop; more go to a thread

logger = logging.getLogger("bentoml.nexttouch")

with warnings.catch_warnings():  # importing and decorating, BentoML makes deprecated calls
    warnings.simplefilter("ignore", DeprecationWarning)
    from bentoml import Context, api, service
    from bentoml.exceptions import BentoMLException

    @service(name="nexttouch", traffic={"timeout": 60, "max_concurrency": 256})
    class NextTouch:
        """Who a customer is now, what comes next, and what the batch decided for them."""

        def __init__(self) -> None:
            self._served = load()
            self._warm_up()
            gc.collect()
            gc.freeze()  # what stays is never walked again: no stalls of 150 ms

        @api(route="/v1/predict")  # type: ignore[untyped-decorator]
        async def predict(self, request: PredictRequest, /, ctx: Context) -> PredictAnswer:
            """Predict churn and next stage of customers, by id or by posted events."""
            state = ctx.request.state
            call = {"request_id": state.request_id, "now": datetime.now(UTC)}
            try:
                if len(request.asked) <= _HERE:
                    return answer(request, self._served, **call)
                return await asyncio.to_thread(answer, request, self._served, **call)
            except Exception as error:  # noqa: BLE001 - all get our shape
                state.refusal = refusal_of(error)
                if state.refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    _log(state.request_id, error)
                raise _Answered(state.refusal.status) from None

        def _warm_up(self) -> None:
            """Answer once before ready, so that nothing is compiled or imported on a request."""
            event = self._served.predictor.definition.labels.activity[0]
            request = PredictRequest.model_validate(
                {
                    "customer_id": "warm-up",
                    "events": [{"timestamp": datetime(2000, 1, 1, tzinfo=UTC), "event": event}],
                    "as_of": datetime(2000, 1, 2, tzinfo=UTC),
                }
            )
            answer(request, self._served, request_id="warm-up", now=datetime.now(UTC))


class _Answered(BentoMLException):  # type: ignore[misc]
    """Ends a request whose answer stands in its state; holds nothing of the request."""

    def __init__(self, status: int) -> None:
        super().__init__("refused", error_code=HTTPStatus(status))


def _log(request_id: str, error: Exception) -> None:
    """Log where a request failed, but no message: it may hold what a customer sent."""
    where = "".join(traceback.format_tb(error.__traceback__))
    logger.error("request %s failed with %s\n%s", request_id, type(error).__name__, where)


NextTouch.add_asgi_middleware(Door)  # type: ignore[attr-defined]

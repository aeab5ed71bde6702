"""The service as an application meets it: a real ``bentoml serve`` process."""

import json
import re

import pytest

PREDICT = "/v1/predict"


def post(client, content, **headers):
    return client.post(
        PREDICT, content=content, headers={"content-type": "application/json", **headers}
    )


def problem(response, status):
    """Every error has the one shape, strict JSON and the request id of the header."""
    assert response.status_code == status, response.text
    body = json.loads(response.text, parse_constant=pytest.fail)
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "details", "request_id"}
    assert body["error"]["request_id"] == response.headers["x-request-id"]
    return body["error"]


def test_http_answers_equal_the_batch_bit_for_bit(client, shop):
    frame = shop.frame.set_index("customer_id")
    names = frame.index.tolist()
    by_id = client.post(PREDICT, json={"customers": [{"customer_id": n} for n in names]})
    posted = client.post(
        PREDICT,
        json={
            "customers": [{"customer_id": n, "events": shop.events(n)} for n in names],
            "as_of": shop.as_of.isoformat(),
        },
    )
    for response in (by_id, posted):
        assert response.status_code == 200, response.text
        for result in response.json()["results"]:
            row = frame.loc[result["customer_id"]]
            assert result["p_churn"] == row["p_churn"]
            assert result["stage"] == row["stage"]
            assert result["p_stage"] == {
                s: row[f"p_stage_{s}"] for s in shop.predictor.scorer.stages
            }


def test_an_answer_names_model_cutoff_request_reasons_and_tier(client, shop):
    response = client.post(PREDICT, json={"customer_id": "007"})
    body = response.json()
    assert body["model"] == {
        "name": "corner_shop",
        "version": "1",
        "bundle_digest": shop.predictor.digest,
        "horizon_days": 28,
        "reconciled": True,
    }
    assert body["request_id"] == response.headers["x-request-id"]
    (result,) = body["results"]
    assert (result["status"], result["tier"]) == ("ok", "high_touch")
    assert result["as_of"].startswith(shop.as_of.strftime("%Y-%m-%dT%H:%M"))
    assert set(result["reasons"][0]) == {
        "group",
        "words",
        "feature",
        "value",
        "median",
        "contribution",
    }


def test_an_unknown_customer_gets_no_numbers(client):
    (result,) = client.post(PREDICT, json={"customer_id": "nobody"}).json()["results"]
    assert result["status"] == "unknown_customer"
    numbers = set(result) - {"customer_id", "status", "as_of"}
    assert {result[name] for name in numbers} == {None}


def with_event(more):
    event = '{"timestamp": "2024-05-01T00:00:00Z", "event": "purchase", '
    return f'{{"customer_id": "a", "events": [{event}{more}}}]}}'


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (with_event('"value": NaN'), 422, "events.0.value"),
        (with_event('"value": Infinity'), 422, "events.0.value"),
        (with_event('"value": -1e400'), 422, "events.0.value"),
        (with_event('"value": "1"'), 422, "events.0.value"),
        (with_event('"vaule": 1'), 422, "events.0.vaule"),
        ('{"customer_id": "a", "evnets": []}', 422, "evnets"),
        ('{"customer_id": 7}', 422, "customer_id"),
        ('{"customer_id": ""}', 422, "customer_id"),
        ('{"customer_id": "a\\u0000"}', 422, "customer_id"),
        ('{"customer_id": "' + "x" * 257 + '"}', 422, "customer_id"),
        ('{"customer_id": "a", "as_of": "2024-05-01"}', 422, "as_of"),
        ('{"customer_id": "a", "as_of": "2024-05-01T00:00:00"}', 422, "as_of"),
        ('{"customer_id": "a", "as_of": 17}', 422, "as_of"),
        ("{}", 422, ""),
        ('{"customer_id": "a", "customers": []}', 422, ""),
        ("[]", 422, ""),
        ("null", 422, ""),
        ("", 400, ""),
        ('{"customer_id": ', 400, ""),
        ('{"customer_id": "\\ud800"}', 400, ""),
        ("[" * 100_000, 400, ""),
        (b"\xff\xfe", 400, ""),
        (b"\x80\x04N.", 400, ""),
    ],
)
def test_bad_bodies_are_named_and_never_a_server_error(client, body, status, field):
    error = problem(post(client, body), status)
    assert error["details"][0]["field"] == field
    assert error["code"] == ("invalid_json" if status == 400 else "invalid_request")


def test_broken_event_contracts_say_which(client):
    event = {"timestamp": "2024-05-01T00:00:00Z", "event": "purchase"}
    odd = [{**event, "measures": {"mood": 1.0}}]
    error = problem(client.post(PREDICT, json={"customer_id": "a", "events": odd}), 422)
    assert "'mood' is no measure" in error["message"]
    huge = [{**event, "value": 1e300}]
    problem(client.post(PREDICT, json={"customer_id": "a", "events": huge}), 422)


def test_too_much_is_413_with_the_limit_named(client):
    many = {"customers": [{"customer_id": str(i)} for i in range(1001)]}
    error = problem(client.post(PREDICT, json=many), 413)
    assert error["code"] == "too_large"
    assert "the limit is 1000" in error["message"]
    error = problem(post(client, b" " * (16 * 2**20 + 1)), 413)
    assert "the limit is 16777216" in error["message"]
    chunks = (b" " * 2**20 for _ in range(17))
    assert "bytes" in problem(post(client, chunks), 413)["message"]


@pytest.mark.parametrize(
    "kind", ["application/vnd.bentoml+pickle", "multipart/form-data; boundary=x", "text/plain"]
)
def test_other_content_types_are_refused(client, kind):
    problem(client.post(PREDICT, content=b"\x80\x04N.", headers={"content-type": kind}), 415)


def test_unknown_routes_and_methods_have_the_same_error_shape(client):
    assert problem(client.get("/v1/nothing"), 404)["code"] == "not_found"
    assert problem(client.get(PREDICT), 405)["code"] == "method_not_allowed"


def test_health_metrics_and_openapi_are_there(client):
    for path in ("/livez", "/readyz"):
        assert client.get(path).status_code == 200
    assert "bentoml_service_request_total" in client.get("/metrics").text
    document = client.get("/docs.json").json()
    body = document["paths"][PREDICT]["post"]["requestBody"]["content"]["application/json"]
    text = json.dumps(document)
    assert body["schema"]
    for name in ("customer_id", "p_churn", "as_of", "bundle_digest", "purchase"):
        assert f'"{name}"' in text


def test_nothing_personal_stands_in_the_log(client):
    client.post(PREDICT, json={"customer_id": "anna.schmidt@example.org"})
    post(client, '{"customer_id": "anna.schmidt@example.org", "phone": "0151-234567"}')
    event = {"timestamp": "2024-05-01T00:00:00Z", "event": "anna.schmidt", "value": 1e300}
    client.post(PREDICT, json={"customer_id": "anna.schmidt", "events": [event]})
    text = client.log.read_text()
    assert "status=422" in text
    assert not re.search(r"anna|schmidt|0151", text)

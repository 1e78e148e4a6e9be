"""What bodies a view takes, over HTTP."""

import gzip

import pytest

from tests.common.test_problems import problem

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.common.urls")]

ECHO, FORGIVING = "/api/v2/echo", "/api/v2/forgiving"


def post(api, path, body, content_type="application/json", **headers):
    return api.generic("POST", path, body, content_type=content_type, **headers)


class TestMediaType:
    @pytest.mark.parametrize(
        "content_type",
        [
            "text/plain",
            "text/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/json; charset=utf-16",
            "application/json; charset=latin-1",
            "application/problem+json",
            "application/jsonp",
            "",
        ],
    )
    def test_anything_but_json_in_utf8_is_415(self, api, content_type):
        problem(post(api, ECHO, b'{"price":1}', content_type), 415, "UNSUPPORTED_MEDIA_TYPE")

    @pytest.mark.parametrize(
        "content_type",
        [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            'application/json;charset="UTF-8"',
        ],
    )
    def test_json_in_utf8_is_taken(self, api, content_type):
        assert post(api, ECHO, b'{"price":1}', content_type).json() == {"price": "1"}

    def test_a_compressed_body_is_never_unpacked(self, api):
        response = post(api, ECHO, gzip.compress(b'{"price":1}'), HTTP_CONTENT_ENCODING="gzip")

        problem(response, 415, "UNSUPPORTED_MEDIA_TYPE")

    def test_accept_changes_nothing(self, api):
        assert api.get(ECHO, HTTP_ACCEPT="text/html")["Content-Type"] == "application/json"
        assert api.get(ECHO + "?format=xml").status_code == 200


class TestBody:
    @pytest.mark.parametrize("body", [b"", b" ", b"null", b"[]", b'"x"', b"1", b"{", b"\xff"], ids=repr)
    def test_where_an_object_is_needed_nothing_else_will_do(self, api, body):
        problem(post(api, ECHO, body), 400, "VALIDATION_JSON")

    def test_too_large_is_413(self, api):
        problem(post(api, ECHO, b'{"price":"' + b"1" * 16_384 + b'"}'), 413, "BODY_TOO_LARGE")

    def test_far_too_large_is_413(self, api):
        problem(post(api, ECHO, b"[" * 300_000), 413, "BODY_TOO_LARGE")

    @pytest.mark.parametrize("body", [b"", b" \r\n", b"null", b"{}"], ids=repr)
    def test_w10_no_body_null_and_an_empty_object_are_equal_where_all_is_optional(self, api, body):
        assert post(api, FORGIVING, body).json() == {}
        assert api.generic("POST", FORGIVING, body, content_type="application/json").json() == {}

    def test_w10_no_content_type_is_fine_without_a_body(self, api):
        assert api.generic("POST", FORGIVING, b"", content_type="").json() == {}

    @pytest.mark.parametrize("body", [b"[]", b'""', b"0", b"false"], ids=repr)
    def test_w10_other_values_are_not_equal_to_nothing(self, api, body):
        problem(post(api, FORGIVING, body), 400, "VALIDATION_JSON")

    def test_a_decimal_comes_back_as_it_was_sent(self, api):
        assert post(api, ECHO, b'{"price":227.43000}').json() == {"price": "227.43000"}

    def test_w11_field_errors_are_told_one_by_one(self, api):
        body = problem(post(api, ECHO, b'{"limitprice":1,"price":"x"}'), 400, "VALIDATION_UNKNOWN_FIELD")

        assert body["detail"] == "limitprice: Unknown field"
        assert [(found["field"], found["code"]) for found in body["errors"]] == [
            ("limitprice", "VALIDATION_UNKNOWN_FIELD"),
            ("price", "VALIDATION_PRICE"),
        ]


class TestPrefer:
    @pytest.mark.parametrize(
        ("header", "wait"),
        [
            ("wait=5", 5),
            ("respond-async, wait=7", 7),
            ("wait = 3", 3),
            ('wait="4"', 4),
            ("wait=9999", 30),
            ("wait=-1", 0),
            ("wait=x", 0),
            ("", 0),
        ],
    )
    def test_reads_how_long_a_caller_waits(self, api, header, wait):
        assert api.get(ECHO, HTTP_PREFER=header).json()["wait"] == wait

"""Our Daphne lets finished requests go, and still answers for broken ones."""

import http.client
import subprocess
import sys
import time
from contextlib import closing

import pytest

from tests.gateway.house import ROOT, free_port

pytestmark = pytest.mark.processes

_PROGRAM = """
import sys
from jaxbroker.server import build_server

async def application(scope, receive, send):
    if scope["path"] == "/broken":
        raise RuntimeError("broken on purpose")
    body = str(len(server.connections)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})

server = build_server(application, host="127.0.0.1", port=int(sys.argv[1]), signal_handlers=True)
server.run()
"""


@pytest.fixture
def port():
    found = free_port()
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(found)], cwd=ROOT, stderr=subprocess.DEVNULL
    ) as process:
        until_it_answers(found)
        yield found
        process.terminate()


def until_it_answers(port, within_s=20.0):
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            return get(port, "/")
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the server does not answer")


def get(port, path):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as web:
        web.request("GET", path)
        answer = web.getresponse()
        return answer.status, answer.read().decode()


class TestEagerServer:
    def test_keeps_no_finished_request(self, port):
        held = [int(get(port, "/")[1]) for _ in range(50)]

        assert max(held) <= 2

    def test_keeps_none_on_a_connection_that_stays_open(self, port):
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as web:
            held = []
            for _ in range(50):
                web.request("GET", "/")
                held.append(int(web.getresponse().read()))

        assert max(held) <= 2

    def test_an_application_that_breaks_is_a_500_and_the_next_one_works(self, port):
        assert get(port, "/broken")[0] == 500
        assert get(port, "/")[0] == 200

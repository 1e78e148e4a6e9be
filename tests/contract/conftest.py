"""One running product for all contract tests, and the Go program that calls it."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.product import Product, has_go, running_product

GO = Path(__file__).with_name("go")


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product, started once."""
    with running_product(tmp_path_factory.mktemp("product")) as running:
        yield running


@pytest.fixture(scope="session")
def reader_token(product: Product) -> str:
    """A key that may only read."""
    return product.new_key("read:quotes", "read:account")


@pytest.fixture(scope="session")
def go_call(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., dict[str, Any]]]:
    """Call like an old Go program: returns the body it decoded, fails if Go would."""
    if not has_go():
        pytest.skip("no Go here: the frozen answers are not decoded by real Go structs")
    program = tmp_path_factory.mktemp("go") / "contract"
    environment = os.environ | {"GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    subprocess.run(["go", "build", "-o", str(program), "."], cwd=GO, env=environment, check=True)
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def call(method: str, url: str, *, shape: str, body: str = "", **headers: str) -> dict[str, Any]:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            line = {"method": method, "url": url, "headers": sent, "body": body, "shape": shape}
            process.stdin.write(json.dumps(line) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            assert answer["ok"], f"{method} {url}: {answer.get('problem')}"
            decoded: dict[str, Any] = answer["body"]
            return decoded

        yield call
        process.stdin.close()

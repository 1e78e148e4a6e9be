"""What the standalone process tells the person who started it: steps, then one screenful."""

import sys
from dataclasses import dataclass

STEPS = 8
_RULE = "─" * 78


@dataclass(frozen=True, slots=True)
class Welcome:
    """What to say when everything is up. `key` and `password` are there only at the first start."""

    url: str
    broker: str
    simulated: bool
    state_dir: str
    admin: str
    password: str | None
    key: str | None
    started_in_s: float

    def text(self) -> str:
        """Return the screenful."""
        key = self.key or "$JAXBROKER_KEY"
        return "\n".join(
            [
                _RULE,
                f"JaxBroker is ready after {self.started_in_s:.1f} s. Paper money only.",
                "",
                f"  Console    {self.url}/admin/",
                f"  API        {self.url}/   described at {self.url}/api/docs/",
                f"  Broker     {self.broker}" + ("   SIMULATOR, invented prices" if self.simulated else ""),
                f"  State      {self.state_dir}   database, simulator, HALT file",
                "",
                f"  Sign in    {self._sign_in()}",
                f"  API key    {self._key_line()}",
                "",
                "  Try",
                f"    curl {self.url}/health",
                f"    curl {self.url}/quotes/AAPL",
                f'    curl {self.url}/orders -H "Authorization: Bearer {key}" \\',
                "      -H 'Content-Type: application/json' \\",
                '      -d \'{"symbol":"AAPL","action":"BUY","quantity":1,"order_type":"MKT"}\'',
                "",
                "  Stop       Ctrl-C",
                _RULE,
                "",
            ]
        )

    def _sign_in(self) -> str:
        if self.password:
            return f"user {self.admin}, password {self.password}   shown only now"
        return f"user {self.admin}, password as before   manage.py changepassword {self.admin}"

    def _key_line(self) -> str:
        if self.key:
            return f"{self.key}   shown only now"
        return "already issued, see API keys in the console; manage.py create_api_key makes another"


class Progress:
    """Numbers the steps of a start."""

    def __init__(self) -> None:
        self._step = 0

    def done(self, subject: str, words: str) -> None:
        """Write one line for a finished step."""
        self._step += 1
        say(f"[{self._step}/{STEPS}] {subject:<10} {words}")


def say(text: str) -> None:
    """Write to the person in front of the terminal at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()

"""What one gateway process was told at its start: which connection it owns, and how patiently.

Read once from the settings by whoever starts the process; nothing here changes while it runs.
What may change (wanted, limits, halts) is a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from apps.broker.port import ConnectionSettings
from apps.domain.mode import Mode

HALT_FILE = "HALT"


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """The start parameters of a gateway; `wanted` is only the first wish of a new connection row.

    `reconnect_delay_s` is the base of the back-off; `reconnect_max_attempts` 0 means for ever.
    `bindings` give unusual ports their mode. `state_dir` holds the HALT file and the host lock.
    """

    connection_name: str
    settings: ConnectionSettings
    mode: Mode
    state_dir: Path
    bindings: Mapping[int, Mode] = field(default_factory=dict)
    simulator: bool = False
    wanted: bool = True
    reconnect_delay_s: float = 1.0
    reconnect_max_attempts: int = 0
    line_limit: int = 100

    @property
    def halt_file(self) -> Path:
        """Return the file whose presence stops the order lane, database or not."""
        return self.state_dir / HALT_FILE

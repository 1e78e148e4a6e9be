"""What one gateway process was told at its start: which connection it owns, and how patiently.

Read once from the settings by whoever starts the process; nothing here changes while it runs.
What may change (wanted, limits, halts) is a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from apps.broker.port import ConnectionSettings
from apps.domain.mode import Mode
from apps.domain.quotes import MarketDataType
from apps.domain.restart import RestartSchedule

HALT_FILE = "HALT"


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """The start parameters of a gateway; `wanted` is only the first wish of a new connection row.

    `reconnect_delay_s` is the base of the back-off; `reconnect_max_attempts` 0 means for ever.
    `bindings` give unusual ports their mode, `restart` is when IB Gateway restarts.
    `state_dir` holds the HALT file and the host lock.
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
    restart: RestartSchedule | None = None

    @property
    def halt_file(self) -> Path:
        """Return the file whose presence stops the order lane, database or not."""
        return self.state_dir / HALT_FILE


def config_from_settings() -> GatewayConfig:
    """Return the configuration of the connection that the settings name."""
    return GatewayConfig(
        connection_name=settings.JAXBROKER_CONNECTION,
        settings=ConnectionSettings(
            host=settings.IB_GATEWAY_HOST,
            port=settings.IB_GATEWAY_PORT,
            client_id=settings.IB_CLIENT_ID,
            market_data_type=MarketDataType(settings.IB_MARKET_DATA_TYPE),
            paced=settings.JAXBROKER_PACED or not settings.JAXBROKER_TEST,
        ),
        mode=settings.JAXBROKER_MODE,
        state_dir=settings.JAXBROKER_STATE_DIR,
        bindings=settings.JAXBROKER_PORT_MODES,
        simulator=settings.JAXBROKER_SIMULATOR,
        wanted=settings.AUTO_CONNECT,
        reconnect_delay_s=float(settings.RECONNECT_DELAY),
        reconnect_max_attempts=settings.RECONNECT_MAX_ATTEMPTS,
        restart=settings.JAXBROKER_RESTART,
    )

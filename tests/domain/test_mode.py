"""Mode proof: all eight ports, every prefix, and what proves nothing."""

import pytest

from apps.domain.mode import Mode, ProofState, port_class, prove_mode

PAPER_PORTS = (7497, 4002, 4004, 7499)
LIVE_PORTS = (7496, 4001, 4003, 7498)


class TestPortClass:
    @pytest.mark.parametrize("port", PAPER_PORTS)
    def test_paper(self, port: int) -> None:
        assert port_class(port) is Mode.PAPER

    @pytest.mark.parametrize("port", LIVE_PORTS)
    def test_live(self, port: int) -> None:
        assert port_class(port) is Mode.LIVE

    def test_a_binding_names_other_ports_but_never_moves_one_of_the_eight(self) -> None:
        assert port_class(5000) is None
        assert port_class(5000, {5000: Mode.PAPER}) is Mode.PAPER
        assert port_class(7496, {7496: Mode.PAPER}) is Mode.LIVE


class TestProveMode:
    @pytest.mark.parametrize("port", PAPER_PORTS)
    def test_paper_is_proven_by_port_and_accounts(self, port: int) -> None:
        proof = prove_mode(Mode.PAPER, port=port, managed_accounts=["DU1", "DF2"])

        assert proof.state is ProofState.PROVEN
        assert proof.reasons == ()

    @pytest.mark.parametrize("port", LIVE_PORTS)
    def test_paper_is_contradicted_by_a_live_port(self, port: int) -> None:
        assert prove_mode(Mode.PAPER, port=port, managed_accounts=["DU1"]).state is ProofState.CONTRADICTED

    @pytest.mark.parametrize("accounts", [["U1"], ["DU1", "U1"], ["U1", "DU1"]])
    def test_one_live_account_contradicts_paper(self, accounts: list[str]) -> None:
        assert prove_mode(Mode.PAPER, port=4002, managed_accounts=accounts).state is ProofState.CONTRADICTED

    @pytest.mark.parametrize("accounts", [["DU1"], ["U1", "DU1"]])
    def test_one_paper_account_contradicts_live(self, accounts: list[str]) -> None:
        assert prove_mode(Mode.LIVE, port=4001, managed_accounts=accounts).state is ProofState.CONTRADICTED

    def test_no_accounts_prove_nothing(self) -> None:
        assert prove_mode(Mode.PAPER, port=4002, managed_accounts=[]).state is ProofState.UNPROVEN

    def test_an_unbound_port_proves_nothing(self) -> None:
        proof = prove_mode(Mode.PAPER, port=5000, managed_accounts=["DU1"])

        assert proof.state is ProofState.UNPROVEN
        assert "5000" in proof.reasons[0]

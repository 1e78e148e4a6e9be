"""Masking: what names a person, an account or a machine never reaches a recording."""

from __future__ import annotations

import pytest

from apps.simulator.frames.describe import Direction, describe_fields
from apps.simulator.recorder.masking import Mask

SERVER, CLIENT = Direction.FROM_SERVER, Direction.FROM_CLIENT


def told(*texts, direction=SERVER):
    return describe_fields([str(one) for one in texts], 176, direction)


def fields(mask, *texts, direction=SERVER):
    return dict(mask.masked(told(*texts, direction=direction)).fields)


class TestAccounts:
    @pytest.mark.parametrize(
        ("account", "stand_in"),
        [
            ("DU1234567", "DU0000001"),
            ("U7654321", "U0000001"),
            ("F1234567", "F0000001"),
            ("DF1234567", "DF0000001"),
            ("DUM123456", "DUM0000001"),
            ("I1234567", "I0000001"),
            ("F1234567A", "F0000001A"),
        ],
    )
    def test_keep_their_letters_and_lose_their_number(self, account, stand_in):
        assert Mask().text(account) == stand_in

    def test_get_the_same_stand_in_everywhere(self):
        mask = Mask()
        listed = fields(mask, 15, 1, "DU1234567,DU7654321,")
        value = fields(mask, 6, 2, "AccountCode", "DU7654321", "", "DU1234567")
        order = fields(mask, 4, 2, 5, 201, "Rejected for account DU7654321 (U1234567).", "")

        assert listed["accounts"] == "DU0000001,DU0000002,"
        assert (value["value"], value["account"]) == ("DU0000002", "DU0000001")
        assert order["text"] == "Rejected for account DU0000002 (U0000003)."

    def test_are_found_inside_longer_texts(self):
        mask = Mask()
        xml = '<ListOfAccts varName="list"><String>DU1234567</String></ListOfAccts>'

        assert mask.text("1118842406.0/DU1234567/100") == "1118842406.0/DU0000001/100"
        assert fields(mask, 16, 1, 1, xml)["xml"] == xml.replace("DU1234567", "DU0000001")

    def test_of_an_odd_form_are_learned_from_their_fields(self):
        mask = Mask()
        fields(mask, 15, 1, "smith-joint")

        assert mask.text("for Smith-Joint only") == "for NAME0001 only"

    @pytest.mark.parametrize(
        "text",
        [
            "US0378331005", "AAPL  261120C00150000", "00025b46.63f8f39c.01.01", "20261120-15:00:00", "ESZ6",
            "usfarm.nj", "HMDS data farm connection is OK:ushmds", "151.02", "9c0001", "BRK B", "",
            "1.7976931348623157E308", "FI0009000681", "20260413 15:27:04 US/Eastern",
        ],
    )  # fmt: skip
    def test_are_not_seen_where_there_are_none(self, text):
        assert Mask().text(text) == text


class TestNames:
    def test_of_advisors_and_their_clients_are_replaced(self):
        mask = Mask()
        xml = "<AccountAlias><account>DU1234567</account><alias>Anna Smith</alias></AccountAlias>"
        aliases = fields(mask, 16, 1, 3, xml)
        error = fields(mask, 4, 2, -1, 321, "no alias anna smith", "")

        assert "Anna" not in aliases["xml"]
        assert error["text"] == "no alias NAME0001"

    def test_in_personal_fields_are_replaced_whole(self):
        mask = Mask()
        summary = fields(mask, 62, 1, 5, "Family", "NetLiquidation", direction=CLIENT)
        everybody = fields(mask, 62, 1, 6, "All", "NetLiquidation", direction=CLIENT)

        assert (summary["group"], everybody["group"]) == ("NAME0001", "All")

    def test_never_replace_what_the_protocol_says(self):
        mask = Mask()
        fields(mask, 62, 1, 5, "SMART", "NetLiquidation", direction=CLIENT)
        position = fields(
            mask, 61, 3, "DU1", 1, "AAPL", "STK", "", 0.0, "", "", "SMART", "USD", "AAPL", "NMS", 1, 2.0
        )

        assert position["exchange"] == "SMART"

    def test_of_machines_mail_and_addresses_are_replaced(self):
        text = "see https://gw.example.com:4002/x or ops@example.com at 10.1.2.3, box7.lan"

        assert Mask().text(text) == (
            "see https://host0001.invalid:4002/x or MAIL0001 at host0003.invalid, host0002.invalid"
        )

    def test_given_by_the_user_are_replaced_in_any_case(self):
        assert Mask(words=["mylogin"]).text("user MyLogin is logged in") == "user MASKED0001 is logged in"


class TestOrderRef:
    def test_is_kept_unless_asked_otherwise(self):
        keeping, masking = Mask(), Mask(masks_order_ref=True)
        executions = ("", "", "", 0.0, "", "", "", "", "", "")
        fill = (11, -1, 1, *executions, "", "x.01", "", "DU1234567", "", "BOT", 1, 1.0, 1, 1, 0, 1, 1.0)

        assert fields(keeping, *fill, "my note", "", "", "", 0)["orderRef"] == "my note"
        assert fields(masking, *fill, "my note", "", "", "", 0)["orderRef"] == "REF0001"

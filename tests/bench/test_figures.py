"""How figures are summed up, judged and printed."""

from __future__ import annotations

import json

from bench.figures import Report, at_least, at_most, ratio_at_least
from bench.harness import quantile, ratios
from bench.sim_soak import Sample, slope
from bench.tick_client import Frames, frame


class TestFigure:
    def test_is_the_median_of_its_rounds(self):
        report = Report("one", "a bench")

        report.add("group", "speed", [3.0, 100.0, 1.0], unit="msg/s")

        assert report.figures()[0].value == 3.0

    def test_fails_only_for_a_ratio_below_its_target(self):
        report = Report("one", "a bench")

        report.add("group", "slow machine", [1.0], target=at_least(50))
        report.add("group", "late start", [9.0], target=at_most(1))
        report.add("group", "good ratio", [0.6], target=ratio_at_least(0.5))
        report.add("group", "bad ratio", [0.4], target=ratio_at_least(0.5))

        assert [one.name for one in report.figures() if not one.is_met] == [
            "slow machine",
            "late start",
            "bad ratio",
        ]
        assert [one.name for one in report.figures() if one.has_failed] == ["bad ratio"]


class TestReport:
    def test_shows_median_range_and_verdict(self):
        report = Report("one", "a bench")
        report.add("group", "ratio", [0.4, 0.9, 0.7], target=ratio_at_least(0.5), digits=2)

        line = report.text().splitlines()[-1].split()

        assert line == ["ratio", "0.70", "0.40", "–", "0.90", "≥", "0.5", "met"]

    def test_keeps_every_round_and_the_machine(self, tmp_path):
        report = Report("one", "a bench")
        report.add("group", "speed", [3.0, 1.0, 2.0])

        kept = json.loads(report.save(folder=tmp_path).read_text())

        assert kept["groups"]["group"][0]["rounds"] == [3.0, 1.0, 2.0]
        assert len(kept["machine"]["load_average"]) == 3


class TestArithmetic:
    def test_ratios_stay_inside_a_round(self):
        assert ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]

    def test_quantile_of_few_values_is_one_of_them(self):
        assert quantile([5.0, 1.0, 3.0], 0.5) == 3.0
        assert quantile([5.0, 1.0, 3.0], 0.99) == 5.0

    def test_slope_is_the_growth_by_hour(self):
        samples = [Sample(hours, 40.0 + 0.5 * hours) for hours in range(10)]

        assert slope(samples) == 0.5


class TestFrames:
    def test_are_cut_wherever_the_bytes_were_split(self):
        data = frame(1, "a") + frame(2, "") + frame(3)
        frames = Frames()

        found = [payload for place in range(len(data)) for payload in frames.feed(data[place : place + 1])]

        assert found == [b"1\0a\0", b"2\0\0", b"3\0"]

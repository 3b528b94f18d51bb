"""Names and values that MLflow takes."""

import hashlib

import pytest
from notebook_releases_testkit.naming import cut, free, legal


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("suite_test_ok", "suite_test_ok"),
        ("suite_TestFit.test_bias[3-7]", "suite_TestFit_test_bias_3_7_"),
        ('a forecast should "be close"', "a_forecast_should__be_close_"),
        ("größe", "gr__e"),
        ("fire 🔥", "fire__"),
        ("", ""),
    ],
)
def test_a_legal_name_has_an_underscore_for_each_other_character(name, expected):
    assert legal(name) == expected


def test_a_name_of_240_characters_stays_and_a_longer_one_ends_in_the_digest_of_all_of_it():
    assert legal("a" * 240) == "a" * 240
    whole = "a" * 240 + "b"
    assert legal(whole) == "a" * 231 + "_" + hashlib.sha256(whole.encode()).hexdigest()[:8]
    assert legal(whole) != legal("a" * 240 + "c")


@pytest.mark.parametrize("text", ["x" * 500, "é" * 250, "", "passed"])
def test_a_value_within_500_bytes_stays(text):
    assert cut(text) == text


@pytest.mark.parametrize("character", ["x", "é", "€", "🔥"])
@pytest.mark.parametrize("before", range(4))
def test_a_longer_value_is_cut_at_a_whole_character(character, before):
    text = "-" * before + character * 600
    short = cut(text)
    assert text.startswith(short)
    size = len(character.encode())
    assert 500 - size < len(short.encode()) <= 500


def test_half_a_surrogate_pair_does_not_break_a_value():
    assert cut("a\ud83d") == "a?"


def test_the_first_free_number_is_taken_looking_at_parameters_and_durations():
    assert free("x", set(), set()) == ("x", 1)
    assert free("x", {"x"}, set()) == ("x_2", 2)
    assert free("x", {"x", "x_2"}, {"x_3_dur"}) == ("x_4", 4)

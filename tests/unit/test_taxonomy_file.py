"""A user's own taxonomy: it works at once, and a mistake in it is one clear line."""

import pytest

from models.analyzer import Analyzer
from models.artifact import default_artifact
from models.errors import TaxonomyError
from models.taxonomy.file import load_taxonomy

PARKING = """
[[topic]]
name = "parking"
examples = ["the car park is full again", "I was fined at your parking garage"]

[[topic.problem]]
name = "ticket machine broken"
examples = ["the parking machine does not take my card", "ticket machine is out of order"]

[[topic]]
name = "trains"
examples = ["the train is late again", "stuck on the platform"]
"""


def test_a_topic_with_a_handful_of_phrases_works_at_once(tmp_path):
    path = tmp_path / "taxonomy.toml"
    path.write_text(PARKING)
    analyzer = Analyzer(default_artifact(), taxonomy=load_taxonomy(path), threads=1)

    machine, train, love = analyzer(
        ["your parking machine ate my card", "my train never came today", "I love you"]
    )

    assert (machine.topic.label, machine.problem.label) == ("parking", "ticket machine broken")
    assert "machine" in machine.problem.words
    assert train.topic.label == "trains"
    assert love.topic.label == "other"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("topic = ", "no TOML"),
        ("", r"no \[\[topic\]\]"),
        (PARKING.replace('"trains"', '"parking"'), "two topics 'parking'"),
        (PARKING.replace('"trains"', '"Other"'), "named 'other'"),
        (PARKING.replace("examples", "phrases", 1), "'phrases' is not known"),
        (PARKING.replace('name = "trains"', ""), "a topic has no name"),
        ('[[topic]]\nname = "empty"\nexamples = []', "neither examples nor problems"),
        ('[[topic]]\nname = "one"\nexamples = "a phrase"', "a list of phrases"),
        ('[[topic]]\nname = "one"\nexamples = ["a"]\ntrades = "bank"', "a list of names"),
    ],
)
def test_a_mistake_is_one_clear_line(tmp_path, text, told):
    path = tmp_path / "taxonomy.toml"
    path.write_text(text)

    with pytest.raises(TaxonomyError, match=told) as error:
        load_taxonomy(path)

    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(TaxonomyError, match="no such file"):
        load_taxonomy(tmp_path / "none.toml")

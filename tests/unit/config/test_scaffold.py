"""The first settings file: whatever the answers are, `check` accepts it or what is wrong is told."""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from processor.config import loading
from processor.config.scaffold import REFERENCES, SHOWN, Answers, default_of, faults, scaffold
from processor.config.settings import Settings
from processor.config.sources.references import without_margins
from processor.errors import ConfigError

URL = "https://h.example/hook"
WORDS = """
null ~ on 1.10 007 0x1F 12:30:45 2026-11-27 - #a *a &a !a %a @a `a` 'a "a a\\ {a} [a] é 😀 = << | >
"""
TRICKY = (*WORDS.split(), "a: b", "a #b", "- a", "? a", "a, b")
"""What means something else in YAML, here or elsewhere, where it is not quoted."""

topics = st.one_of(
    st.from_regex("[A-Za-z0-9._-]{1,249}", fullmatch=True),
    st.sampled_from(
        ["null", "1.10", "on", "-a", "a" * 249, "^a{1,2}b", "^[a-c]+$", "^x.*, y", "a,b", *TRICKY]
    ),
)
urls = st.one_of(
    st.text("abc/?=&#%:;,.'!*()[]@~$+|\\ \"`{}<>é").map(lambda tail: f"https://h.example/{tail}"), st.text()
)
brokers = st.sampled_from(["localhost:9092", "a:1, b:2", "[::1]:9092", "SSL://a", "a:0", "a b"])
answers = st.builds(
    Answers,
    brokers,
    st.lists(topics, min_size=1, max_size=4).map(tuple),
    st.one_of(st.sampled_from(TRICKY), st.text(min_size=1)),
    urls,
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scaffold") / "settings.yaml"


def read(file: Path, text: str, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings in a file with this text."""
    file.write_text(text, encoding="utf-8")
    return loading.load(file, environ or {})


def answered(topic: str = "events", *, group: str = "g", url: str = URL) -> Answers:
    return Answers("localhost:9092", (topic,), group, url)


def accepted(said: Answers) -> str | None:
    """The file, or nothing where the answers are refused."""
    with suppress(ConfigError):
        return scaffold(said)
    return None


@given(answers)
@example(answered("a" * 249))
@example(Answers("a:1", ("a" * 249, "a" * 245 + ".dlq", "b"), "g", URL))
@example(answered("events, events.dlq, events.dlq-2"))
def test_check_accepts_the_file_as_it_was_meant_or_the_answers_are_refused(file: Path, said: Answers) -> None:
    if (text := accepted(said)) is None:
        return
    found = read(file, text)
    assert found.kafka.bootstrap_servers == said.brokers
    assert found.kafka.group_id == without_margins(said.group)
    assert found.destination.url == without_margins(said.url)
    assert found.dead_letter.topic not in found.kafka.topics
    assert len(said.topics) == 1 or found.kafka.topics == list(said.topics)


@pytest.mark.parametrize("text", TRICKY)
def test_a_group_may_be_called_whatever_means_something_else_in_yaml(file: Path, text: str) -> None:
    assert read(file, scaffold(answered(group=text))).kafka.group_id == text


@pytest.mark.parametrize("tail", ["#: a", "?a=b&c=%20", "a'b", "a,b:c", "!x*y", "é", "(a)[b]"])
def test_a_url_is_quoted_where_it_has_to_be(file: Path, tail: str) -> None:
    text = scaffold(answered(url=f"{URL}/{tail}"))
    assert read(file, text).destination.url == f"{URL}/{tail}"


def test_several_topics_are_a_list_or_one_text_with_commas(file: Path) -> None:
    for said in (("a", "b"), ("a, b",), ('["a", "b"]',)):
        assert read(file, scaffold(Answers("a:1", said, "g", URL))).kafka.topics == ["a", "b"]


@pytest.mark.parametrize(
    ("said", "letters"),
    [
        (answered("events"), "events.dlq"),
        (answered("^events.*, others"), "others.dlq"),
        (answered("^events.*", group="crm é"), "crm--.dlq"),
        (Answers("a:1", ("a", "a.dlq"), "g", URL), "a.dlq-2"),
        (answered("a" * 249), "a" * 245 + ".dlq"),
    ],
)
def test_the_dead_letter_topic_is_named_after_what_is_read(file: Path, said: Answers, letters: str) -> None:
    assert read(file, scaffold(said)).dead_letter.topic == letters


def test_what_settings_say_of_themselves_stands_above_them() -> None:
    text = scaffold(answered())
    prose = " ".join(line.removeprefix("  # ") for line in text.splitlines())
    fields = dict(loading.fields())
    for name in SHOWN:
        leaf = name.rpartition(".")[2]
        assert str(fields[name].description) in prose, name
        assert re.search(rf"^  #{leaf}: \S", text, re.MULTILINE), name
    assert default_of(fields["delivery.order"]) == "key"
    assert "  #order: key\n" in text


def test_words_to_choose_from_are_named_where_the_description_does_not() -> None:
    text = scaffold(answered())
    assert "spoken to. One of plaintext, ssl, sasl_plaintext, sasl_ssl.\n" in text
    assert "One of PLAIN, SCRAM-SHA-256" in text
    assert text.count("One of") == 3


def test_taking_the_marks_away_changes_nothing_but_where_secrets_come_from(file: Path) -> None:
    text = scaffold(answered())
    plain = read(file, text)
    shown = re.sub(r"^  #(?! |sasl_password|password)", "  ", text, flags=re.MULTILINE)
    secrets = {"WEBHOOK_AUTHORIZATION": "Bearer abc", "ADMIN_TOKEN": "0123456789abcdef"}
    found = read(file, shown, secrets)
    assert found.destination.headers["Authorization"].get_secret_value() == "Bearer abc"
    without = {"destination": {"headers", "secret_headers"}, "admin": {"token"}}
    assert found.model_dump(exclude=without) == plain.model_dump(exclude=without)


def test_a_secret_is_shown_as_a_reference_and_a_url_that_is_one_is_told(file: Path) -> None:
    assert all("from_env" in str(reference) for reference in REFERENCES.values())
    hook = "https://hooks.slack.com/services/T0/B0/secret"
    assert "better say `url: {from_env: WEBHOOK_URL}`" in scaffold(answered(url=hook))
    assert "better say" not in scaffold(answered())


def test_the_last_lines_say_what_comes_next() -> None:
    *_, last = scaffold(answered()).split("\n\n")
    assert [word in last for word in ("check", "preview", "run")] == [True] * 3


def test_everything_that_is_wrong_is_told_at_once_by_its_option() -> None:
    with pytest.raises(ConfigError) as caught:
        scaffold(Answers("no broker", ("a b",), "${GROUP}", "ftp://h"))
    assert {problem.path for problem in caught.value.problems} == {"--brokers", "--topic", "--group", "--url"}


@pytest.mark.parametrize(
    ("flag", "text"),
    [("--brokers", "a b"), ("--topic", "a b"), ("--group", " "), ("--url", "h.example"), ("--topic", "")],
)
def test_an_answer_is_judged_before_the_others_are_known(flag: str, text: str) -> None:
    (fault,) = faults(flag, text)
    assert fault.startswith(f"{flag}: ")
    assert faults("--url", URL) == []

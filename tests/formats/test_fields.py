import pytest

from tts_cli.formats.fields import EMOTION, LINE, SPEAKER, TOP, column_of, guess, with_unit


@pytest.mark.parametrize(
    ("field", "aliases"),
    [
        ("id", "line_id number index serial LocalizationKey"),
        ("text", "line dialogue SpokenDialogue input text_content"),
        ("say", "optimized_text sanitized_text spoken tts_text"),
        ("speaker", "character voice_name role SpeakingVoice characterVoice"),
        ("emotion", "style mood"),
        ("direction", "instruct instructions VoiceActorDirection note"),
        ("voice", "reference_audio ref_audio"),
        ("engine", "model"),
        ("language", "lang culture"),
        ("chapter", "section part"),
        ("start", "start_time"),
        ("end", "end_time"),
        ("pause_after", "silence_after_ms pause_between_turns"),
        ("speed", "rate speed_factor voice_rate"),
        ("file", "filename AudioFileName output fileUrl out"),
        ("audio", "recorded override"),
        ("effect", "fx effects"),
        ("params.exaggeration", "exaggeration param.exaggeration params.exaggeration"),
        ("params.cfg_weight", "cfg_weight"),
        ("params.temperature", "temperature"),
        ("params.top_p", "top_p"),
    ],
)
def test_each_alias_of_the_field_table(field, aliases):
    assert {LINE.field_of(alias) for alias in aliases.split()} == {field}


@pytest.mark.parametrize("name", ["Pause After", "pause-after", "pauseAfter", "PAUSE_AFTER", " pause_after "])
def test_case_spaces_and_hyphens_make_no_difference(name):
    assert LINE.field_of(name) == "pause_after"


def test_our_own_columns_are_no_fields_of_a_line():
    assert (column_of("status"), column_of(" Key "), column_of("Text"), column_of("area")) == (
        "status",
        "key",
        "text",
        None,
    )
    assert LINE.field_of("key") is None
    assert LINE.field_of("status") is None


def test_each_kind_of_record_has_its_own_names():
    assert SPEAKER.field_of("gain") == "gain_db"
    assert SPEAKER.field_of("speaker") is None
    assert EMOTION.field_of("text") is None
    assert TOP.field_of("cast") == "speakers"
    assert TOP.field_of("params.x") is None


def test_a_unit_that_an_alias_implies():
    assert with_unit("silence_after_ms", "300") == "300ms"
    assert with_unit("silence_after_ms", "300ms") == "300ms"
    assert with_unit("volume_db", "-3") == "-3dB"
    assert with_unit("pause_after", "300") == "300"


def test_guesses():
    assert guess("txt", ["text", "speaker"]) == "did you mean 'text'?"
    assert guess("zzz", ["text", "speaker"]) == "known: text, speaker"
    assert guess("zzz", map(str, range(20))).endswith("11 ...")
    assert guess("zzz", []) == ""

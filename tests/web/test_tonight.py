"""The first screen."""

from tests.web.conftest import Browser


def test_the_first_screen_answers_its_four_questions(operator: Browser) -> None:
    text = operator.get("/").text
    for question in ("Did every job end?", "Was money left uncharged?", "Is anything stuck?", "oldest item wait?"):
        assert question in text

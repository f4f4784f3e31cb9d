"""``christmas --help`` imports no command, so its lines are checked against the commands here."""

from __future__ import annotations

from christmas import cli


def test_the_lines_of_the_help_page_are_what_the_commands_say_of_themselves() -> None:
    own = {name: (cli.load(name).help or "").split("\n\n")[0].replace("\n", " ") for name in cli.COMMANDS}
    assert own == {name: line for name, (_, line) in cli.COMMANDS.items()}

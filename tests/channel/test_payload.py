"""What is sent to the agent."""

from attach.channel.payload import PARTS


def test_parts_are_told_apart() -> None:
    """The first module of a part, by which it is known whether the part was sent, is in no other."""
    for name, modules in PARTS.items():
        assert [other for other, listed in PARTS.items() if modules[0] in listed] == [name]

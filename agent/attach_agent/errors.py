"""The one exception whose text is meant for the operator."""


class AgentError(Exception):
    """Something the operator asked for cannot be done: `slug` says which case, `message` is one sentence about it."""

    def __init__(self, slug, message):
        # type: (str, str) -> None
        super().__init__(slug, message)
        self.slug = slug
        self.message = message

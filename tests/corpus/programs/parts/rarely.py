from __future__ import annotations

import parts


def never(a: NoSuchType) -> AlsoNot:
    return parts.made_up


value: NoSuchType = parts.made_up

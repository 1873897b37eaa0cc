"""An id of ``sys.monitoring`` (PEP 669) for a tool of ours."""

from __future__ import annotations

from .errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NAME = "live-attach"


def take_tool_id(monitoring: Any, order: tuple[int, ...]) -> int:
    """The first of these ids that nobody has. Raises AgentError ``monitoring-busy``."""
    for tool in order:
        try:
            monitoring.use_tool_id(tool, NAME)
        except ValueError:  # in use
            continue
        return tool
    holders = ", ".join("%d %s" % (tool, monitoring.get_tool(tool)) for tool in sorted(order))
    raise AgentError("monitoring-busy", "all tool ids of sys.monitoring are in use: %s" % holders)

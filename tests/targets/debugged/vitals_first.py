"""A plug-in for pytest, by -p: it tells of itself before anything is captured."""

import vitals

vitals.start()

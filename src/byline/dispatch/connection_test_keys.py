"""Which key a test of an address may send there.

Whoever may have addresses tested, a page or a program, must not get a secret of the environment
that way, and no backend's key may reach another's server.

    1  the configuration names the variable: its key goes only to the addresses (scheme, host,
       port) of the entries that name it                             → else BadRequest
    2  it is a variable of Byline's own that holds no key, or one whose name does not begin with
       BYLINE_                                                       → BadRequest
    3  its key was sent to another address since Byline was started  → BadRequest
    4  otherwise it goes to the address, and from then on to no other
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

from byline.config.config_file import OWN_VARIABLES
from byline.config.key_owners import Origin, named_keys, origin_of
from byline.config.schema import Config
from byline.errors import BadRequest

_OUR_VARIABLE: Final = re.compile(r"BYLINE_[A-Z0-9_]+")


class TrialKeys:
    """TrialKeys decides which keys tests may send, and records where each was sent. There is one
    per process: the record is kept here and nowhere else."""

    def __init__(self, config: Config) -> None:
        self._named: Mapping[str, frozenset[Origin]] = named_keys(config)
        self._sent: dict[str, Origin] = {}

    def check(self, variable: str | None, base_url: str) -> None:
        """Raise BadRequest where the key in `variable` may not be sent to `base_url`."""
        if variable is None:
            return
        origin = origin_of(base_url)
        if variable in self._named:  # 1
            if origin not in self._named[variable]:
                raise _belongs_elsewhere(variable, self._named[variable])
            return
        if variable in OWN_VARIABLES or not _OUR_VARIABLE.fullmatch(variable):  # 2
            raise _is_no_key(variable)
        sent = self._sent.get(variable)
        if sent is not None and sent != origin:  # 3
            raise _was_sent_elsewhere(variable, sent)

    def send(self, variable: str | None, base_url: str) -> None:
        """`check`, and record that the key goes to `base_url` now, so that a second test running at
        the same time is refused."""
        self.check(variable, base_url)
        origin = origin_of(base_url)
        if variable is None or origin is None or variable in self._named:
            return
        if os.environ.get(variable, "").strip():
            self._sent[variable] = origin  # 4


def _belongs_elsewhere(variable: str, origins: frozenset[Origin]) -> BadRequest:
    where = " and ".join(sorted(map(str, origins))) or "no address at all"
    return BadRequest(
        f"The key in {variable} is for {where}, as the configuration says, and is sent nowhere "
        "else.",
        remedy="Test with exactly that address; or put the key of the other server into a "
        "variable of its own, such as BYLINE_MACMINI_KEY, start Byline again and test with that.",
    )


def _is_no_key(variable: str) -> BadRequest:
    return BadRequest(
        f"A test does not send what is in {variable[:80]!r}.",
        remedy="Put the key into a variable such as BYLINE_MACMINI_KEY (its name begins with "
        "BYLINE_), start Byline again and test with that name. In the configuration any name will "
        "do.",
    )


def _was_sent_elsewhere(variable: str, sent: Origin) -> BadRequest:
    return BadRequest(
        f"The key in {variable} was sent to {sent} before, and goes to no other address until "
        "Byline is started again.",
        remedy="Start Byline again to test another address with this key, or put the other "
        "server's key into another variable whose name begins with BYLINE_.",
    )

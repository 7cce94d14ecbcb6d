"""Writes of one turn of the event loop are joined, and nothing is lost or held back for it."""

from __future__ import annotations

import asyncio

from dispatch_doubles import turn

from byline.api.http.write_coalescing import HELD_BYTES_MAX, CoalescingTransport


class Wire(asyncio.Transport):
    """Notes what is done to it, in order."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 9)})
        self.done: list[bytes | str] = []
        self.unsent_bytes = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.done.append(bytes(data))

    def close(self) -> None:
        self.done.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.done

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes

    def pause_reading(self) -> None:
        self.done.append("paused")


async def test_head_and_body_of_one_turn_go_out_in_one_write() -> None:
    wire = Wire()
    joining = CoalescingTransport(wire)
    joining.write(b"head")
    joining.write(b"body")
    assert wire.done == []
    await turn()
    assert wire.done == [b"headbody"]


async def test_each_turn_has_a_write_of_its_own() -> None:
    wire = Wire()
    joining = CoalescingTransport(wire)
    for piece in (b"one", b"two"):
        joining.write(piece)
        await turn()
    assert wire.done == [b"one", b"two"]


async def test_a_lot_is_written_at_once_so_that_the_transport_can_say_wait() -> None:
    wire = Wire()
    joining = CoalescingTransport(wire)
    joining.write(b"x" * (HELD_BYTES_MAX - 1))
    assert wire.done == []
    joining.write(b"yz")
    assert wire.done == [b"x" * (HELD_BYTES_MAX - 1) + b"yz"]
    joining.write(b"after it")
    await turn()
    assert wire.done[1:] == [b"after it"]


async def test_what_is_held_goes_out_before_the_connection_is_closed() -> None:
    wire = Wire()
    joining = CoalescingTransport(wire)
    joining.write(b"last word")
    joining.close()
    assert wire.done == [b"last word", "closed"]
    assert joining.is_closing()
    await turn()
    assert wire.done == [b"last word", "closed"]


async def test_in_everything_else_it_is_the_transport() -> None:
    wire = Wire()
    joining = CoalescingTransport(wire)
    assert joining.get_extra_info("peername") == ("127.0.0.1", 9)
    joining.pause_reading()
    assert wire.done == ["paused"]


async def test_nothing_is_written_to_a_connection_that_is_lost() -> None:
    wire = Wire()
    joining = CoalescingTransport(wire)
    joining.write(b"held when it is lost")
    wire.close()
    for _ in range(3):
        joining.write(b"x" * HELD_BYTES_MAX)
    await turn()
    assert wire.done == ["closed"]


async def test_a_connection_that_closes_behind_what_is_unsent_takes_more() -> None:
    """A client that says no more may still read: the transport closes once all is sent."""
    wire = Wire()
    wire.unsent_bytes = 1
    joining = CoalescingTransport(wire)
    wire.close()
    joining.write(b"the rest")
    await turn()
    assert wire.done == ["closed", b"the rest"]

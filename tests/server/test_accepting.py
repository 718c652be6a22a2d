"""Connections that wait are taken in quickly, and shared fairly."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway_core.server.board import Board
from gateway_core.server.listener import Listener
from gateway_core.server.settings import Bounds
from gateway_core.server.turn import Turn

WAITING = 10


async def nobody(turn: Turn) -> None:
    raise AssertionError("nothing is asked")


@asynccontextmanager
async def after_three_turns(board: Board) -> AsyncIterator[None]:
    """A listener, the first of two workers on ``board``, for whom connections were waiting."""
    with socket.create_server(("127.0.0.1", 0), backlog=WAITING) as listening:
        listening.setblocking(False)
        waiting = [socket.create_connection(listening.getsockname()) for _ in range(WAITING)]
        listener = Listener(nobody, [listening], bounds=Bounds(), place=(board, 0))
        listener.start()
        for _ in range(3):
            await asyncio.sleep(0)
        yield
        for one in waiting:
            one.close()
        listener.close()
        await listener.drained(1)
    board.close()


async def test_all_who_wait_are_taken_in_when_there_is_nobody_else():
    board = Board.new(2)
    async with after_three_turns(board):
        assert not board.is_ahead(1, WAITING)


async def test_a_worker_that_has_more_lets_another_go_first():
    board = Board.new(2)
    board.note(1, 0)
    async with after_three_turns(board):
        assert board.is_ahead(1, 2)

"""Everything at once: every dialect, edits in every way, a worker that is killed, clients that hang up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import mixed

PLAN = mixed.Plan(seconds=3, connections=16, think_s=0.02, edit_s=0.4, broken_every=4)


@pytest.mark.skipif(
    not Path("/proc/net/tcp").exists(), reason="whose connection is whose is read from Linux's /proc"
)
async def test_nothing_fails_but_what_a_killed_worker_had():
    seen = await mixed.run(PLAN)
    assert seen.notes.failures == []
    assert seen.back_s is not None
    assert seen.told_s
    assert len(seen.notes.answered) == 17
    assert seen.notes.left > 0

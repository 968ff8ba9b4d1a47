"""The world of deliveries."""

import pytest

from hub.kernel.clock import ManualClock
from hub.storage import Database
from tests.webhooks.world import World


@pytest.fixture
def world(database: Database, clock: ManualClock) -> World:
    """Partners, a worker in the calling thread, a wire that keeps what is sent."""
    return World(database, clock)

"""What breaks around a worker: connections, confirms, queues, processes, the database. Nothing is lost or doubled."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from amqp.exceptions import ConnectionForced
from kombu import Connection
from sqlalchemy import make_url

from hub import outbox
from hub.outbox import QUEUES, Delivery
from hub.storage import Database
from hub.worker.direct import run_due
from hub.worker.link import Link
from tests.worker.conftest import Broker
from tests.worker.effects import (
    Counting,
    announce,
    apply_once,
    effects,
    make_table,
    message,
    now,
    open_publisher,
    wait_until,
    waiting_count,
    working,
)
from tests.worker.proxy import Proxy

_ROOT = Path(__file__).parents[2]


@pytest.fixture
def line(rabbitmq: Broker) -> Iterator[tuple[Proxy, Broker]]:
    """RabbitMQ behind a line that the test can cut."""
    with Connection(rabbitmq.url) as connection:
        info = connection.info()
    proxy = Proxy((info["hostname"], info["port"] or 5672))
    login = f"{info['userid']}:{connection.password}"
    yield proxy, Broker(f"amqp://{login}@127.0.0.1:{proxy.port}/{info['virtual_host']}", rabbitmq.prefix)
    proxy.close()


def test_a_line_that_is_cut_again_and_again_loses_and_doubles_nothing(
    database: Database, line: tuple[Proxy, Broker]
) -> None:
    make_table(database)
    proxy, broker = line
    done = threading.Event()

    def saw() -> None:
        while not done.wait(0.3):
            proxy.cut()

    subjects = announce(database, [message(f"m{number:03}", lane=f"lane_{number % 40}") for number in range(600)])
    with working(database, broker, {"leg.due": Counting(database)}, lease_seconds=2) as worker:
        saw_thread = threading.Thread(target=saw)
        wait_until(lambda: bool(effects(database)))
        saw_thread.start()
        wait_until(lambda: proxy.connections >= 8)
        done.set()
        saw_thread.join()
        worker.drain(60)

    assert effects(database) == subjects


def test_a_broker_that_is_away_spends_no_lease_and_gets_everything_later(
    database: Database, line: tuple[Proxy, Broker]
) -> None:
    make_table(database)
    proxy, broker = line
    with working(database, broker, {"leg.due": Counting(database)}) as worker:
        wait_until(lambda: worker.is_connected)
        proxy.refuse()
        wait_until(lambda: not worker.is_connected)
        subjects = announce(database, [message(f"m{number:02}") for number in range(20)])
        with database.read() as work:
            away = outbox.backlog(work, now=now())
        proxy.allow()
        worker.drain(30)

    assert (away.due, away.in_flight) == (20, 0)
    assert effects(database) == subjects


def test_messages_whose_confirms_got_lost_are_carried_again_and_take_effect_once(
    database: Database, line: tuple[Proxy, Broker], rabbitmq: Broker
) -> None:
    make_table(database)
    proxy, broker = line
    handler = Counting(database)
    subjects = announce(database, [message(f"m{number}") for number in range(10)])
    publisher = open_publisher(broker)
    again: list[Delivery] = []

    def claim(lease_seconds: int) -> list[Delivery]:
        with database.work() as work:
            return outbox.claim(work, queues=QUEUES, rows_max=99, lane_max=99, lease_seconds=lease_seconds, now=now())

    def claimed_again() -> bool:
        again.extend(claim(lease_seconds=60))
        return bool(again)

    def cut_when_all_arrived() -> None:
        wait_until(lambda: waiting_count(rabbitmq) == 10)
        proxy.unmute()

    deliveries = claim(lease_seconds=1)
    proxy.mute()
    cutter = threading.Thread(target=cut_when_all_arrived)
    cutter.start()
    with pytest.raises(OSError):
        publisher.publish(deliveries)
    cutter.join()
    publisher.drop()
    wait_until(claimed_again)
    publisher.open()
    assert publisher.publish(again) == {delivery.id for delivery in deliveries}
    publisher.close()
    wait_until(lambda: waiting_count(rabbitmq) == 20)
    with working(database, broker, {"leg.due": handler}) as worker:
        worker.drain(30)
        wait_until(lambda: len(handler.calls) == 20)

    assert effects(database) == subjects


def test_a_connection_that_is_closed_while_a_handler_runs_brings_one_effect(
    database: Database, line: tuple[Proxy, Broker]
) -> None:
    make_table(database)
    proxy, broker = line
    calls: list[int] = []

    def cut_first(delivery: Delivery) -> None:
        calls.append(delivery.id)
        if len(calls) == 1:
            proxy.cut()
            wait_until(lambda: len(calls) == 2)  # the broker delivers again over the new connection
        apply_once(database, delivery)

    subjects = announce(database, [message("m1")])
    with working(database, broker, {"leg.due": cut_first}) as worker:
        worker.drain(30)

    assert effects(database) == subjects
    assert len(calls) == 2


def test_a_queue_that_was_deleted_is_declared_again(database: Database, rabbitmq: Broker) -> None:
    make_table(database)
    with working(database, rabbitmq, {"leg.due": Counting(database)}, lease_seconds=1) as worker:
        wait_until(lambda: worker.is_connected)
        with Connection(rabbitmq.url) as connection, connection.channel() as channel:
            channel.queue_delete(rabbitmq.topology.queue_name("legs"))
        subjects = announce(database, [message("m1")])
        worker.drain(30)

    assert effects(database) == subjects


def test_a_message_without_a_queue_is_not_counted_as_published(database: Database, rabbitmq: Broker) -> None:
    announce(database, [message("m1"), message("m2", queue="webhooks")])
    publisher = open_publisher(rabbitmq)
    with Connection(rabbitmq.url) as connection, connection.channel() as channel:
        channel.queue_delete(rabbitmq.topology.queue_name("legs"))
    with database.work() as work:
        deliveries = outbox.claim(work, queues=QUEUES, rows_max=9, lane_max=9, lease_seconds=60, now=now())

    confirmed = publisher.publish(deliveries)
    publisher.open()
    again = publisher.publish(deliveries)
    publisher.close()

    assert confirmed == {delivery.id for delivery in deliveries if delivery.queue == "webhooks"}
    assert again == {delivery.id for delivery in deliveries}


def test_a_full_queue_refuses_and_the_message_stays_in_the_outbox(database: Database, rabbitmq: Broker) -> None:
    announce(database, [message(f"m{number}") for number in range(40)])
    small = {"x-queue-type": "quorum", "x-max-length": 1, "x-overflow": "reject-publish"}
    publisher = open_publisher(rabbitmq)
    name = rabbitmq.topology.queue_name("legs")
    with Connection(rabbitmq.url) as connection, connection.channel() as channel:
        channel.queue_delete(name)
        channel.queue_declare(name, durable=True, auto_delete=False, arguments=small)
        channel.queue_bind(name, rabbitmq.topology.work_exchange, "legs")
    with database.work() as work:
        deliveries = outbox.claim(work, queues=QUEUES, rows_max=99, lane_max=99, lease_seconds=60, now=now())

    confirmed = set[int]()
    for delivery in deliveries:
        confirmed |= publisher.publish([delivery])
    publisher.close()

    assert 1 <= len(confirmed) < 40
    with database.read() as work:
        assert outbox.in_flight(work, now=now()) == 40


def test_queues_that_exist_with_other_arguments_are_not_taken_over(rabbitmq: Broker) -> None:
    with Connection(rabbitmq.url) as connection, connection.channel() as channel:
        channel.queue_declare(rabbitmq.topology.queue_name("legs"), durable=True, auto_delete=False)
    link = Link(rabbitmq.url, rabbitmq.topology)

    with pytest.raises(connection.channel_errors, match="PRECONDITION_FAILED"):
        link.open()

    assert not link.is_open


def test_a_silent_broker_is_noticed_by_its_missing_heartbeat(line: tuple[Proxy, Broker]) -> None:
    proxy, broker = line
    link = Link(broker.url, broker.topology, heartbeat_seconds=1)
    link.open()
    proxy.mute()

    def beat() -> bool:
        link.drain(0.1)
        link.beat()
        return False

    with pytest.raises(ConnectionForced):
        wait_until(beat, 10)
    link.close()


def test_database_connections_that_are_ended_lose_and_double_nothing(
    database: Database, database_url: str, broker: Broker
) -> None:
    make_table(database)
    name = {"application_name": "worker"}
    mortal = Database(make_url(database_url).update_query_dict(name).render_as_string(hide_password=False))
    handler = Counting(mortal)
    subjects = announce(database, [message(f"m{number:03}", lane=f"lane_{number % 40}") for number in range(300)])

    with working(mortal, broker, {"leg.due": handler}, lease_seconds=2):
        for _ in range(5):
            before = len(handler.calls)
            with database.work() as work:
                work.fetch(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND application_name = 'worker'"
                )
            wait_until(partial(_moved_on, database, handler, before))
        wait_until(lambda: _all_done(database), 60)
    mortal.close()

    assert effects(database) == subjects


def test_workers_killed_in_the_middle_lose_and_double_nothing(
    database: Database, database_url: str, rabbitmq: Broker
) -> None:
    make_table(database)
    subjects = announce(database, [message(f"m{number:03}", lane=f"lane_{number % 40}") for number in range(500)])
    for kill in range(4):
        victim = _start_victim(database_url, rabbitmq)
        enough = 60 * (kill + 1)
        wait_until(partial(_has_effects, database, enough), 60)
        victim.kill()
        victim.wait()
        _close(victim)

    at_kill = len(effects(database))
    with working(database, rabbitmq, {"leg.due": Counting(database)}, lease_seconds=2) as worker:
        worker.drain(60)

    assert at_kill < 500
    assert effects(database) == subjects


def test_a_message_that_kills_its_worker_is_buried_in_the_end(
    database: Database, database_url: str, rabbitmq: Broker
) -> None:
    make_table(database)
    subjects = announce(database, [message("deadly"), *(message(f"m{number}") for number in range(5))])
    with database.work() as work:
        work.run("UPDATE outbox_message SET lapses = 12 WHERE subject = 'deadly'")

    for _ in range(12):  # the broker's own limit of deliveries comes first, then the outbox's
        victim = _start_victim(database_url, rabbitmq)
        wait_until(partial(_ended_or_buried, victim, database), 60)
        if victim.poll() is None:
            break
        _close(victim)
    victim.terminate()
    victim.wait(timeout=40)
    _close(victim)

    assert _is_dead(database, "deadly")
    with working(database, rabbitmq, {"leg.due": Counting(database)}, lease_seconds=2) as worker:
        worker.drain(60)
    assert effects(database) == [subject for subject in subjects if subject != "deadly"]


def test_a_worker_process_that_is_asked_to_end_finishes_and_leaves(
    database: Database, database_url: str, broker: Broker
) -> None:
    make_table(database)
    subjects = announce(database, [message(f"m{number:03}", lane=f"lane_{number % 40}") for number in range(300)])
    victim = _start_victim(database_url, broker)
    wait_until(lambda: len(effects(database)) >= 20, 60)

    victim.terminate()
    rest, _ = victim.communicate(timeout=40)

    assert victim.returncode == 0
    assert rest == "left\n"
    finished = len(effects(database))
    with working(database, broker, {"leg.due": Counting(database)}) as worker:
        worker.drain(20)  # well within a lease: what it had not begun was given back or waits at the broker
    assert finished < 300
    assert effects(database) == subjects


def test_a_simulated_crash_in_a_handler_leaves_its_message_to_the_lease(database: Database) -> None:
    class Crash(BaseException):
        """Not a fault that anybody could write down."""

    make_table(database)
    subjects = announce(database, [message("m1")])

    def crash(delivery: Delivery) -> None:
        raise Crash

    with pytest.raises(Crash):
        run_due(database, {"leg.due": crash}, now(), 10)

    with database.read() as work:
        [row] = work.fetch("SELECT state, faults, lease_until FROM outbox_message")
    assert row[:2] == ("sent", 0)
    assert run_due(database, {"leg.due": Counting(database)}, row[2], 10) == 1
    assert effects(database) == subjects


def _start_victim(database_url: str, broker: Broker) -> "subprocess.Popen[str]":
    victim = subprocess.Popen(
        [sys.executable, "-m", "tests.worker.victim", database_url, broker.url, broker.prefix, "2"],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert victim.stdout is not None
    assert victim.stdout.readline() == "begun\n"
    return victim


def _close(victim: "subprocess.Popen[str]") -> None:
    if victim.stdout is not None:
        victim.stdout.close()


def _moved_on(database: Database, handler: Counting, calls: int) -> bool:
    return len(handler.calls) > calls or _all_done(database)


def _has_effects(database: Database, count: int) -> bool:
    return len(effects(database)) >= count


def _ended_or_buried(victim: "subprocess.Popen[str]", database: Database) -> bool:
    return victim.poll() is not None or _is_dead(database, "deadly")


def _is_dead(database: Database, subject: str) -> bool:
    with database.read() as work:
        return bool(work.fetch("SELECT 1 FROM outbox_message WHERE subject = %s AND state = 'dead'", (subject,)))


def _all_done(database: Database) -> bool:
    with database.read() as work:
        return not work.fetch("SELECT 1 FROM outbox_message WHERE state <> 'done'")

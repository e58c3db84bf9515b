"""What is asked of the thread is carried out in order, and waited for no longer than is said."""

import asyncio
import threading

from processor.kafka.commands import Commands, call_on


def test_what_was_asked_is_carried_out_in_order_what_is_asked_meanwhile_included() -> None:
    commands, done = Commands(), list[str]()
    commands.obey()

    def ask_more() -> None:
        done.append("first")
        commands.put(lambda: done.append("third"))

    commands.put(ask_more)
    commands.put(lambda: done.append("second"))
    commands.obey()
    assert done == ["first", "second", "third"]
    commands.obey(wait=0.001)
    assert len(done) == 3


def test_a_command_from_another_thread_ends_the_wait() -> None:
    commands, done = Commands(), list[str]()
    thread = threading.Thread(target=lambda: commands.put(lambda: done.append("asked")))
    thread.start()
    commands.obey(wait=120.0)
    thread.join()
    assert done == ["asked"]


async def test_what_a_thread_tells_the_loop_is_called_there_in_order() -> None:
    loop, told, heard = asyncio.get_running_loop(), list[tuple[str, int]](), asyncio.Event()

    def hear(what: str) -> None:
        told.append((what, threading.get_ident()))

    def tell() -> None:
        call_on(loop, hear, "first")
        call_on(loop, hear, "second")
        call_on(loop, heard.set)

    thread = threading.Thread(target=tell)
    thread.start()
    await heard.wait()
    thread.join()
    assert told == [("first", threading.get_ident()), ("second", threading.get_ident())]


def test_a_loop_that_was_closed_is_told_nothing_and_nobody_fails() -> None:
    loop, told = asyncio.new_event_loop(), list[str]()
    loop.close()
    call_on(loop, told.append, "late")
    assert told == []

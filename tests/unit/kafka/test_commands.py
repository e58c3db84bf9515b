"""What is asked of the thread is carried out in order, and waited for no longer than is said."""

import threading

from processor.kafka.commands import Commands


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

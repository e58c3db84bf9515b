"""Files that cannot change, as the kernel tells of them."""

from pathlib import Path

from processor.config.sources.mounts import fixed, table

TABLE = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
31 22 0:26 /a /etc/with\\040blank rw - tmpfs tmpfs rw
32 22 0:26 /token /etc/secrets/token ro - tmpfs tmpfs rw
33 22 0:26 /x /run/secrets/token ro - tmpfs tmpfs rw
odd
"""


def test_a_file_that_is_mounted_by_itself_is_told_from_one_in_a_mounted_folder() -> None:
    files = [Path(name) for name in ("/etc/secrets/token", "/etc/secrets/other", "/etc/with blank")]
    assert fixed(files, TABLE) == [files[0], files[2]]
    assert fixed([Path("/run/secrets/token")], TABLE) == []
    assert fixed(files, "") == []


def test_the_kernel_is_asked_and_nothing_of_this_test_is_mounted(tmp_path: Path) -> None:
    assert fixed([tmp_path / "a"], table()) == []

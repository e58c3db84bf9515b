"""HTTP: the only rooms that know aiohttp. Its types and exceptions stop here."""

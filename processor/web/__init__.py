"""The webhook client: sockets, TLS, aiohttp's connector, httptools. Their types and exceptions stop here."""

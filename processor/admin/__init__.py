"""The port for operators: pages, probes and metrics over HTTP, read-only. It knows aiohttp's server alone."""

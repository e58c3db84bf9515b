"""The dashboard: its panels, and the JSON that Grafana wants of them."""

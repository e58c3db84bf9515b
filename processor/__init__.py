"""kafka-webhook-processor: a consumer group whose every event becomes a webhook, and none is lost."""

__version__ = "0.1.0"

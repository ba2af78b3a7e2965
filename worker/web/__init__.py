"""The web process: the provider's webhooks, health, metrics, the console."""

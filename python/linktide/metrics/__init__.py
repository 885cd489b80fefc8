"""What the service tells Prometheus: the catalogue, and the values behind it."""

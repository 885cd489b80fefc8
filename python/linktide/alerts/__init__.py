"""Alerts: the rules, defined once, and what the service, Prometheus and docs/alerts.md make of them."""

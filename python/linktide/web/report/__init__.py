"""The report on a domain: one document that can be sent."""

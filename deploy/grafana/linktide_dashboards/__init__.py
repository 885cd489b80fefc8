"""Makes the dashboards of deploy/grafana/dashboards; no part of the service."""

"""Every alert, once: what the service, the Prometheus rules, their tests and docs/alerts.md come from."""

from __future__ import annotations

from typing import Final

from linktide.alerts.domain_rules import DOMAIN_RULES
from linktide.alerts.profile_rules import PROFILE_RULES
from linktide.alerts.service_rules import SERVICE_RULES
from linktide.alerts.slo_rules import SLO_RULES

RULES: Final = (*DOMAIN_RULES, *PROFILE_RULES, *SERVICE_RULES, *SLO_RULES)
BY_NAME: Final = {rule.name: rule for rule in RULES}
INHIBITS: Final = {"LinkLossSpike": "IndexWideShift", "VelocityDrop": "SourceSilent"}
"""Alert → the one that explains it: while that fires nobody is called for this one."""

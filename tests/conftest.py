"""Settings of every test."""

from hypothesis import HealthCheck, settings

settings.register_profile("emc", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("emc")

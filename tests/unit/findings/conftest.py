"""The made-up study of the warehouse's tests."""

from tests.unit.warehouse.conftest import study, warehouse

__all__ = ["study", "warehouse"]

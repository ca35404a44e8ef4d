"""Fixtures for all tests: hypothesis profiles and the external data."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

settings.register_profile(
    "dev", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "ci",
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "counted",
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
"""While lines are counted, which takes twice as long; all examples are drawn in a run of their own."""
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what draws examples, so that it can be run by itself."""
    for item in items:
        if isinstance(item, pytest.Function) and is_hypothesis_test(item.obj):
            item.add_marker("property")


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder that CARDEA_TEST_DATA names; a test that needs it says so when it is absent."""
    named = os.environ.get("CARDEA_TEST_DATA")
    if not named or not Path(named).is_dir():
        pytest.skip("needs the external test data: set CARDEA_TEST_DATA to its folder")
    return Path(named)

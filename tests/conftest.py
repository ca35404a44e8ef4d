"""Fixtures for all tests: hypothesis profiles and the external data."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

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
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder that CARDEA_TEST_DATA names; a test that needs it says so when it is absent."""
    named = os.environ.get("CARDEA_TEST_DATA")
    if not named or not Path(named).is_dir():
        pytest.skip("needs the external test data: set CARDEA_TEST_DATA to its folder")
    return Path(named)

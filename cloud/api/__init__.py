"""The HTTP API under ``/api/v1``. Every answer is limited to what the login may see."""

"""Device drivers: one folder per device family, each settings.py, decode.py (pure) and session.py."""

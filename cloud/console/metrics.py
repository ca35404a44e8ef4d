"""What people call a series' numbers, and in which unit they stand."""

from collections.abc import Mapping

from cardea.runtime.i18n import Translator, msg

_TITLES: Mapping[str, str] = {
    "surface_temp_c": msg("Surface temperature"),
    "elevated_c": msg("Threshold for elevated"),
    "reference_offset_c": msg("Sensor's error at the reference"),
    "reference_spread_c": msg("Spread within the reference"),
    "uncertainty_c": msg("Uncertainty"),
    "faces": msg("Faces in front of the camera"),
    "sensor_temp_c": msg("Sensor temperature"),
    "lamp_temp_c": msg("Lamp temperature"),
    "ambient_temp_c": msg("Ambient temperature"),
    "humidity_pct": msg("Humidity"),
    "supply_v": msg("Supply voltage"),
    "lamp_h": msg("Lamp hours"),
    "lamp_life_h": msg("Rated lamp life"),
    "lamp_life_pct": msg("Lamp life left"),
    "output_on": msg("Output (1 = on)"),
    "contactor_on": msg("Contactor (1 = closed)"),
    "watchdog": msg("Watchdog register"),
    "irradiance_uw_cm2": msg("Irradiance"),
    "dose_mj_cm2": msg("Dose"),
    "tank_pct": msg("Tank"),
    "gas_ppm": msg("Gas"),
    "loop_lag_ms": msg("Delay of the gateway's loop"),
    "commit_ms": msg("Time to store"),
    "rss_mb": msg("Memory"),
    "outbox_rows": msg("Rows waiting"),
    "following_rows": msg("Rows stored late"),
    "devices_online": msg("Devices online"),
    "alerts_open": msg("Open alerts"),
    "clock_quality": msg("Clock quality (2 = synchronised)"),
}
_CELSIUS = "°C"
_UNITS: Mapping[str, tuple[str, int]] = {
    "_uw_cm2": ("µW/cm²", 1),
    "_mj_cm2": ("mJ/cm²", 2),
    "_mg_m3": ("mg/m³", 2),
    "_ppm": ("ppm", 3),
    "_pct": ("%", 1),
    "_ms": ("ms", 1),
    "_mb": ("MB", 0),
    "_hz": ("Hz", 1),
    "_rows": ("", 0),
    "_c": (_CELSIUS, 1),
    "_v": ("V", 2),
    "_h": ("h", 1),
    "_s": ("s", 1),
}
"""By the end of the name, longer ends first: unit and decimals."""
_PLAIN = ("", 2)


def title_of(say: Translator, metric: str) -> str:
    """A metric's name for people; one that nobody has translated is shown as the device calls it."""
    return say.text(_TITLES[metric]) if metric in _TITLES else metric


def unit_of(metric: str) -> tuple[str, int]:
    """Unit and decimals of a metric, from its name."""
    return next((unit for end, unit in _UNITS.items() if metric.endswith(end)), _PLAIN)


def value_text(say: Translator, metric: str, value: float) -> str:
    """A number with its unit, as the reader writes it."""
    unit, decimals = unit_of(metric)
    if unit == _CELSIUS:
        return say.temperature_c(value)
    number = say.number(value, decimals)
    return say.text("{number} {unit}", number=number, unit=unit) if unit else number

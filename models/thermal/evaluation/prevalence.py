"""What "elevated" means where few have a fever: predictive values at a prevalence.

At 1 fever in 200 people even Se = Sp = 0.9 makes 22 of 23 alarms false: whoever is called elevated is
measured again with a clinical thermometer, not sent away.
"""

from models.binomial import CONFIDENCE, Interval
from models.thermal.evaluation.roc import Point


def ppv(se: float, sp: float, prevalence: float) -> float:
    """The share of those flagged who have a fever; 0 where nobody is flagged."""
    true, false = se * prevalence, (1.0 - sp) * (1.0 - prevalence)
    return true / (true + false) if true + false > 0.0 else 0.0


def npv(se: float, sp: float, prevalence: float) -> float:
    """The share of those not flagged who have none; 0 where everybody is flagged."""
    true, false = sp * (1.0 - prevalence), (1.0 - se) * prevalence
    return true / (true + false) if true + false > 0.0 else 0.0


def ppv_ci(point: Point, prevalence: float) -> Interval:
    """95 % at least: both Se and Sp at once within limits of 97.5 % (Bonferroni), which PPV rises with."""
    (se_low, se_high), (sp_low, sp_high) = _both(point)
    return ppv(se_low, sp_low, prevalence), ppv(se_high, sp_high, prevalence)


def npv_ci(point: Point, prevalence: float) -> Interval:
    """95 % at least, as ``ppv_ci``."""
    (se_low, se_high), (sp_low, sp_high) = _both(point)
    return npv(se_low, sp_low, prevalence), npv(se_high, sp_high, prevalence)


def _both(point: Point) -> tuple[Interval, Interval]:
    each = 1.0 - (1.0 - CONFIDENCE) / 2.0
    return point.se_ci(each), point.sp_ci(each)

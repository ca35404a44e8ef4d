"""The report of ``cardea thermal evaluate`` for reading."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MARKS = {"absolute": "a", "flir": "f", "median30": "m", "reference": "r", "combined": "c"}
"""In the picture; later ones lie over earlier ones."""
COLUMNS = (
    ("method", 11),
    ("AUC (95 %)", 23),
    ("from", 6),
    ("Se (95 %)", 21),
    ("Sp (95 %)", 24),
    ("PPV", 5),
    ("on days left out", 0),
)
HEAD = "".join(f"{name:<{wide}}" for name, wide in COLUMNS)
WIDTH, HEIGHT = 56, 12
PICTURE_FPR_MAX = 0.28


def told(report: Mapping[str, Any]) -> str:
    """The report in lines."""
    return "\n".join(_lines(report))


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    methods: Mapping[str, Any] = report["methods"]
    yield (
        f"{report['site']}, {_round(report['round'])}: {report['n']} visits on {report['days']} days, "
        f"{report['positives']} with {report['oral_column']} ≥ {report['oral_c']:g} °C"
    )
    for reason, count in report["skipped"].items():
        yield f"  skipped {count} rows: {reason}"
    drift = report["drift"]
    if drift is not None:
        yield (
            f"simulated drift: SD {drift['sd_c']:g} °C from day to day, {drift['residual_sd_c']:g} °C "
            f"where a reference corrects it; seed {drift['seed']}"
        )
    yield ""
    yield HEAD
    for name, each in methods.items():
        yield _row(name, each)
    for name, each in methods.items():
        if each.get("not_told"):
            yield f"{name}: {each['not_told']} visits had nothing to be compared with and are left out"
        cut = each.get("fixed_cut")
        if cut is not None:
            yield f"{name} at its fixed cut, +{cut['threshold']:g} °C: Se {cut['se']:.2f}, Sp {cut['sp']:.3f}"
    yield from _many(methods)
    yield from _against(methods)
    yield from _beside(report)
    yield ""
    yield from _picture(methods)
    yield ""
    yield _meaning(report)


def _round(asked: str) -> str:
    return "mean of the rounds" if asked == "mean" else f"round {asked}"


def _row(name: str, each: Mapping[str, Any]) -> str:
    if each["auc"] is None:
        return f"{name:<10} cannot be told: those it tells of are all well, or all ill"
    apart = each["cross_validated"]
    left_out = "-" if apart is None else f"Se {apart['se']:.2f} Sp {apart['sp']:.2f}"
    return (
        f"{name:<10} {_with(each['auc'], each['auc_ci'], 3):<20} {each['threshold']:>6.2f}  "
        f"{_with(each['se'], each['se_ci'], 2):<20} {_with(each['sp'], each['sp_ci'], 2):<20} "
        f"{100 * each['ppv']:>4.1f} %  {left_out}"
    )


def _with(value: float, limits: Sequence[float], digits: int) -> str:
    return f"{value:.{digits}f} ({limits[0]:.{digits}f}…{limits[1]:.{digits}f})"


def _many(methods: Mapping[str, Any]) -> Iterator[str]:
    for name, each in methods.items():
        runs = each.get("runs")
        if runs and "auc" in runs:
            auc = f"AUC {runs['auc']['median']:.3f} (90 %: {runs['auc']['p5']:.3f}…{runs['auc']['p95']:.3f})"
            se, sp = runs["se"]["median"], runs["sp"]["median"]
            yield f"{name} over {runs['runs']} seeds: {auc}, Se {se:.2f}, Sp {sp:.2f}"


def _against(methods: Mapping[str, Any]) -> Iterator[str]:
    for name in ("reference", "combined"):
        against = methods.get(name, {}).get("better_than_flir")
        if against is None:
            continue
        where = (
            f"of {against['points']} operating points, Sp {against['from_sp']:.2f} to {against['to_sp']:.3f}"
        )
        better = sum(each["se"] > each["flir_se"] for each in against["margins"])
        yield (
            f"{name} finds more fevers than the FLIR-style baseline at {better} {where}; "
            f"margin {against['margin_min']:+.2f} to {against['margin_max']:+.2f}"
        )


def _beside(report: Mapping[str, Any]) -> Iterator[str]:
    line = report["second_line"]
    if "combined" in report["methods"]:
        yield (
            f"combined: the second line had a baseline for {line['visits_with_baseline']} visits "
            f"and found {line['warm']} unusually warm"
        )
    bare = report["as_read"]
    if bare is not None:
        taken = f"{bare['offset_mean_c']:.2f} ± {bare['offset_sd_c']:.2f} °C"
        yield (
            f"without the study's own reference, which corrected it by {taken}, its camera's AUC is "
            f"{bare['auc']:.3f}: a drift that nobody simulated"
        )


def _picture(methods: Mapping[str, Any]) -> Iterator[str]:
    """Se over 1 - Sp, where doors are run."""
    drawn = {name: methods[name]["roc"] for name in MARKS if methods.get(name, {}).get("auc") is not None}
    grid = [[" "] * WIDTH for _ in range(HEIGHT)]
    for name, points in drawn.items():
        for column in range(WIDTH):
            fpr = PICTURE_FPR_MAX * column / (WIDTH - 1)
            se = max(y for x, y in points if x <= fpr + 1e-9)
            grid[HEIGHT - 1 - round(se * (HEIGHT - 1))][column] = MARKS[name]
    for index, row in enumerate(grid):
        label = {0: "Se 1.0", HEIGHT - 1: "   0.0"}.get(index, "")
        yield f"{label:>6} |{''.join(row)}".rstrip()
    yield f"{'':>6} +{'-' * WIDTH}"
    yield f"{'':>7}{'0':<{WIDTH // 2 - 2}}{'1 - Sp':<{WIDTH // 2 - 1}}{PICTURE_FPR_MAX:.2f}"
    yield f"{'':>7}" + "  ".join(f"{MARKS[name]} {name}" for name in drawn)


def _meaning(report: Mapping[str, Any]) -> str:
    methods: Mapping[str, Any] = report["methods"]
    named = next(
        (each for each in ("combined", "reference", *methods) if methods.get(each, {}).get("ppv")), None
    )
    if named is None:
        return f"At {100 * report['prevalence']:g} % with a fever nobody called elevated has one."
    right = 100 * methods[named]["ppv"]
    share = f"{right:.0f}" if right >= 1 else "fewer than 1"
    return (
        f"Where {100 * report['prevalence']:g} % have a fever, of 100 people called elevated ({named}) "
        f"{share} {'has' if share == '1' else 'have'} one: the others need a clinical thermometer, "
        "not a closed door."
    )

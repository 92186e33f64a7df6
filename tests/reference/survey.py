"""Compare with results of R `survey`: python -m tests.reference.survey DIR

DIR holds `reference.json` (tests: id, design and call in R's words, results) and the data as CSV;
every form of design and call is a line of the tables below.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from ravenstein.core.errors import SurveyError
from ravenstein.survey import analysis, intervals
from ravenstein.survey import estimates as est
from ravenstein.survey import replicates as rep
from ravenstein.survey.calibration import calibrate
from ravenstein.survey.design import Selection, Unequal, design
from ravenstein.survey.limits import trim
from ravenstein.survey.poststrata import post_stratify, rake
from ravenstein.survey.twophase import covariance as two_phase_covariance
from ravenstein.survey.twophase import two_phase

STYPES = ("E", "H", "M")


class Case:
    """One design: its data, the design, and replicates where it has them."""

    def __init__(self, folder: Path, test: dict, meta: dict) -> None:
        self.folder, self.test, self.pop, self.meta = folder, test, meta.get("pop", {}), meta
        self.lonely = next(iter(re.findall(r"lonely\.psu='(\w+)'|lonely (\w+)", test["call"])), ())
        self.lonely = next((word for word in self.lonely if word), "fail")
        self.replicates = None
        self.recalibrate = None
        self._build(test["design"], test["id"])

    def data(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.folder / f"{name}.csv")

    def plain(self, name: str, *stages: Selection, **options) -> None:
        self.design = design(*stages, lonely=self.lonely, **options)

    def _build(self, words: str, name: str) -> None:
        if "HR(" in words or "brewer" in words:
            d = self.frame = self.data("election_pps")
            method = "hartley_rao" if "HR(" in words else "brewer"
            unequal = Unequal(method, constant=self.test.get("HR_const", 0.0))
            self.design = design(Selection(fpc=d.p), unequal=unequal)
        elif "SHIFTNO" in words:
            path = self.folder.parent / "ips_2017/design/ips_dec2017_design.csv"
            d = pd.read_csv(path)
            d = self.frame = d[d.FINAL_WT > 0]
            strata = (d.NR_PORT_GRP_PV.astype(str) + "/" + d.ARRIVEDEPART.astype(str)).to_numpy(str)
            self.plain("ips", Selection(d.SHIFTNO, strata, nest=True), weights=d.FINAL_WT)
        elif words.startswith("twophase"):
            d = self.data("twophase_pbc")
            inside = d.rand.astype(bool).to_numpy()
            self.design = two_phase(inside, second_strata=d.sx.to_numpy(str))
            self.frame = d[inside]
        elif "one H school" in words or name.startswith("lonely"):
            d = self.frame = self.data("lonely")
            self.plain("lonely", Selection(strata=d.stype.to_numpy(str)), weights=d.pw2)
        elif words.startswith("scd"):
            d = self.frame = self.data("scd")
            ones = np.ones(len(d))
            self.plain("scd", Selection(d.ambulance, d.ESA, nest=True), weights=ones)
            rho = 0.0 if "BRR" in words else 0.3
            if "Fay" in words and "scale" in self.test:
                strata = self.design.stages[0].sampled.size
                count = 1 << int(np.ceil(np.log2(strata + 1)))
                rho = 1 - 1 / np.sqrt(self.test["scale"] * count)
            self.replicates = rep.half_samples(self.design, rho=rho)
        else:
            self._build_api(words)

    def _build_api(self, words: str) -> None:
        if "apisrs" in words:
            d = self.frame = self.data("apisrs")
            self.plain("srs", Selection(fpc=d.fpc))
        elif "fpc1" in words or "clus2,'mrb" in words:
            d = self.frame = self.data("apiclus2")
            self.plain("clus2", Selection(d.dnum, fpc=d.fpc1), Selection(d.snum, fpc=d.fpc2))
        elif "apiclus2" in words:
            d = self.frame = self.data("apiclus2")
            self.plain("clus2", Selection(d.dnum), weights=d.pw)
        elif "ids=~a+b" in words:
            d = self.frame = self.data("nested")
            self.plain("nested", Selection(d.a, d.h.to_numpy(str), d.n1), Selection(d.b, d.g, d.n2))
        elif "id1+id2" in words:
            d = self.frame = self.data("mu284")
            self.plain("mu284", Selection(d.id1, fpc=d.n1), Selection(d.id2, fpc=d.n2))
        elif "stratid" in words:
            d = self.frame = self.data("fpc")
            stage = Selection(d.psuid, d.stratid, d.Nh, nest=True)
            self.plain("fpc", stage, weights=d.weight)
        elif "strat" in words and "clus1" not in words:
            d = self.frame = self.data("apistrat")
            fpc = None if "without fpc" in words else d.fpc
            self.plain("strat", Selection(strata=d.stype.to_numpy(str), fpc=fpc), weights=d.pw)
        else:
            d = self.frame = self.data("apiclus1")
            bare = "nofpc" in words or ("fpc=" not in words and "JK1" not in words)
            self.plain("clus1", Selection(d.dnum, fpc=None if bare else d.fpc), weights=d.pw)
        if "bootstrap" in words:
            self._given_replicates(words)
        elif "JK" in words:
            self.replicates = rep.jackknife(self.design)
        if "then linear" in words:
            self.recalibrate = lambda given: self.adjusted(given, "calibrate(~stype+api99, linear)")
        if "then rake" in words:
            self.recalibrate = lambda given: self.adjusted(given, "rake(~stype, ~sch.wide)")

    def _given_replicates(self, words: str) -> None:
        kind = next(k for k in ("subboot", "mrb", "boot") if k in words)
        paths = sorted(self.folder.glob("repw_*.csv"))
        wanted = [p for p in paths if kind in p.stem] if kind != "boot" else [
            p for p in paths if "sub" not in p.stem and "mrb" not in p.stem]  # fmt: skip
        weights = pd.read_csv(wanted[0])
        weights = weights[[c for c in weights if c not in ("row", "w0", "w")]].to_numpy()
        self.replicates = rep.given_weights(
            self.design,
            weights,
            scale=self.test["scale"],
            rscales=self.test.get("rscales"),
            centre="estimate" if self.test.get("mse") else "mean",
        )

    def adjusted(self, given, words: str):
        """Apply a change of weights."""
        frame, pop = self.frame, self.pop
        stype = frame.stype.to_numpy(str)
        sizes = {kind: pop[f"pop{kind}"] for kind in STYPES}
        if words.startswith("postStratify"):
            return post_stratify(given, stype, sizes)
        if words.startswith("rake"):
            wide = self.meta.get("pop_sch_wide", {"No": 1072, "Yes": 5122})
            margins = [(stype, sizes), (frame["sch.wide"].to_numpy(str), wide)]
            return rake(given, margins, residuals="unweighted")
        columns = {"(Intercept)": np.ones(len(frame))}
        totals = {"(Intercept)": pop["N"]}
        if "stype" in words:
            columns |= {k: (stype == k).astype(float) for k in STYPES[1:]}
            totals |= {k: sizes[k] for k in STYPES[1:]}
        if "api99" in words:
            columns["api99"], totals["api99"] = frame.api99.to_numpy(float), pop["api99_total"]
        distance = next((d for d in ("raking", "logit") if d in words), "linear")
        limits = re.search(r"bounds ([\d.]+?)\.\.([\d.]+)", words)
        bounds = (float(limits[1]), float(limits[2])) if limits else (-np.inf, np.inf)
        return calibrate(
            given, np.column_stack(list(columns.values())), list(totals.values()),
            distance=distance, bounds=bounds,
        )  # fmt: skip


def formula(frame: pd.DataFrame, words: str) -> np.ndarray:
    """Return the columns of an R formula: indicators of a factor's levels."""
    words = words.strip().lstrip("~")
    if words.startswith("I("):
        name, limit = re.match(r"I\(([\w.]+)>([\d.]+)\)", words).groups()
        return (frame[name] > float(limit)).to_numpy(float)[:, None]
    columns = []
    for name in words.split("+"):
        column = frame[name.strip()]
        if pd.api.types.is_numeric_dtype(column):
            columns.append(column.to_numpy(float))
        else:
            columns += [(column == kind).to_numpy(float) for kind in sorted(column.unique())]
    return np.column_stack(columns)


def result(case: Case, words: str) -> dict:
    """Compute one call; return its results by the names of the reference."""
    given, frame = case.design, case.frame
    parts = [part.strip() for part in words.split(" ; ")]
    parts = [re.sub(r"^(lonely \w+;|options\([^)]*\);)\s*", "", part) for part in parts]
    for change in parts[:-1] if "svy" in parts[-1] else parts:
        given = changed(case, given, change)
    if "svy" not in parts[-1]:
        return weights_of(given.weights)
    if case.replicates is not None:
        return replicated(case, parts[-1])
    return linearised(case, given, frame, parts[-1])


def changed(case: Case, given, words: str):
    """Apply a calibration, raking or trimming."""
    if words.startswith("trimWeights"):
        low, high = (float(re.search(rf"{k}=([\d.]+)", words)[1]) for k in ("lower", "upper"))
        start = case.adjusted(given, "postStratify(~stype)")
        return trim(start, low, high, strict="strict=TRUE" in words)
    return case.adjusted(given, words)


def weights_of(weights: np.ndarray) -> dict:
    return {
        "weights_sum": weights.sum(), "weights_min": weights.min(), "weights_max": weights.max(),
        "weights_first10": weights[:10], "weights_sumsq": (weights**2).sum(), "weights": weights,
    }  # fmt: skip


def replicated(case: Case, words: str) -> dict:
    """Compute a mean, total or ratio on replicates."""
    call, inside = re.match(r"svy(\w+)\((.*)\)$", words).groups()
    if call == "ratio":
        y, x = (formula(case.frame, part) for part in inside.split(",")[:2])
        statistic = lambda d: d.weights @ y / (d.weights @ x)  # noqa: E731
    else:
        y = formula(case.frame, inside.split(",")[0])
        size = (lambda d: d.weights.sum()) if call == "mean" else (lambda d: 1.0)
        statistic = lambda d: d.weights @ y / size(d)  # noqa: E731
    found = rep.replicated(case.design, case.replicates, statistic, case.recalibrate)
    return {"estimate": found.full, "se": found.standard_error()}


def linearised(case: Case, given, frame: pd.DataFrame, words: str) -> dict:  # noqa: PLR0911
    """Compute a linearised estimate."""
    call, inside = re.match(r"svy(\w+)\((.*)\)(?: lonely \w+)?$", words).groups()
    first = inside.split(",")[0]
    if call == "by":
        return by_domain(given, frame, inside)
    if call == "quantile":
        rule = "hf7" if "hf7" in inside else "math"
        chances = [float(p) for p in re.findall(r"(?<![\w.])\.\d+", inside)]
        values = frame[first.lstrip("~")].to_numpy(float)
        point, error, limits = intervals.quantile(given, values, chances, rule=rule)
        return {"estimate": point, "se": error, "ci": limits.ravel()}
    if call == "contrast":
        means = est.mean(given, formula(frame, re.search(r"svymean\((.*?)\)", inside)[1]))
        ratio = "quote" in inside
        step = (lambda t: t[0] / t[1]) if ratio else (lambda t: t[0] - t[1])
        return plain(est.function(means, step))
    if call == "ciprop":
        where = subset(frame, inside)
        share = est.mean(given, formula(frame, re.match(r"~I\([^)]*\)", inside)[0]), where=where)
        method = "korn_graubard" if "beta" in inside else "logit"
        limits = intervals.proportion_interval(share, method=method)
        return {"estimate": share.point, "ci95": limits.ravel()}
    if call == "var":
        return plain(analysis.variance(given, formula(frame, first)))
    if call == "ratio":
        y, x = (formula(frame, part) for part in inside.split(",")[:2])
        return plain(est.ratio(given, y, x))
    if call == "glm":
        left, right = inside.split("~")
        x = np.column_stack([np.ones(len(frame)), formula(frame, right)])
        return plain(analysis.regression(given, frame[left.strip()], x))
    return mean_or_total(case, given, frame, call, inside)


def mean_or_total(case: Case, given, frame: pd.DataFrame, call: str, inside: str) -> dict:
    values = formula(frame, inside.split(",", maxsplit=1)[0])
    if case.test["design"].startswith("twophase"):
        size = given.weights.sum() if call == "mean" else 1.0
        point = given.weights @ values / size
        centre = point if call == "mean" else 0.0
        influences = (values - centre) * (given.weights / size)[:, None]
        error = np.sqrt(np.diag(two_phase_covariance(given, influences)))
        return {"estimate": point, "se": error}
    where = ~np.isnan(values).any(axis=1) & subset(frame, inside)
    found = (est.mean if call == "mean" else est.total)(given, values, where=where)
    more = plain(found)
    if "deff=TRUE" in inside and where.all():
        more["deff"] = analysis.design_effect(given, values, found, of=call)
    return more


def subset(frame: pd.DataFrame, words: str) -> np.ndarray:
    """Return the rows of a subset that a call names, or all."""
    if chosen := re.search(r"subset\(design, ([\w.]+)=='(\w+)'\)", words):
        return (frame[chosen[1]] == chosen[2]).to_numpy()
    return np.ones(len(frame), dtype=bool)


def by_domain(given, frame: pd.DataFrame, inside: str) -> dict:
    variable, group, kind = (part.strip() for part in inside.split(",")[:3])
    values, groups = formula(frame, variable)[:, 0], frame[group.lstrip("~")]
    step = est.mean if kind == "svymean" else est.total
    kept = ~np.isnan(values)
    kinds = sorted(groups.unique())
    parts = [step(given, values, where=(groups == g).to_numpy() & kept) for g in kinds]
    point = np.concatenate([part.point for part in parts])
    more = {"estimate": point, "se": np.concatenate([part.standard_error() for part in parts])}
    if len(parts) == 2 and kind == "svytotal":
        sign = np.where(groups == kinds[0], 1.0, -1.0)
        net = est.total(given, np.where(kept, values, 0) * sign)
        more |= {"net_arr_minus_dep": net.point, "se_net": net.standard_error()}
    return more


def plain(found: est.Linearised) -> dict:
    more = {"estimate": found.point, "se": found.standard_error(), "vcov": found.covariance.ravel()}
    more["df"] = found.degrees_of_freedom
    more["ci95"] = found.confidence_interval(normal=True).T.ravel()
    more["ci95_t"] = found.confidence_interval().T.ravel()
    return more


def tolerance(test: dict, key: str) -> float:
    """Return the relative tolerance, as the reference's README gives it."""
    approximate = any(word in test["call"] + test["design"] for word in ("rak", "logit"))
    if key in ("se", "se_net", "vcov", "deff", "ci", "ci95", "ci95_t"):
        if "quantile" in test["call"]:
            return 1e-3
        return 1e-5 if approximate else 1e-6
    return 1e-5 if approximate or key.startswith("weights") else 1e-9


COMPARED = (
    "estimate", "se", "deff", "vcov", "df", "ci", "ci95", "ci95_t", "net_arr_minus_dep", "se_net",
    "weights_sum", "weights_min", "weights_max", "weights_first10", "weights_sumsq",
)  # fmt: skip


def compare(folder: Path, test: dict, meta: dict) -> str | None:
    """Return what differs, or None where everything agrees."""
    try:
        found = result(Case(folder, test, meta), test["call"])
    except SurveyError as error:
        return None if test.get("must_fail") else f"raised: {error.problem}"
    if test.get("must_fail"):
        return "R refuses; we did not"
    for key in COMPARED:
        if key not in test:
            continue
        if key not in found:
            return f"{key} is not computed"
        ours, theirs = (np.asarray(side, dtype=float).ravel() for side in (found[key], test[key]))
        # what is exactly 0 in R is met up to the rounding of the largest number beside it
        beside = max(
            np.abs(theirs).max(initial=0), np.abs(np.asarray(test.get("estimate", 1))).max()
        )
        scale = np.maximum(np.abs(theirs), 1e-6 * beside)
        if ours.shape != theirs.shape:
            return f"{key}: {ours.size} values, not {theirs.size}"
        worst = float((np.abs(ours - theirs) / scale).max())
        if not worst <= tolerance(test, key):
            return f"{key} differs by {worst:.1e}"
    return None


def agreement(folder: Path) -> tuple[int, list[str]]:
    """Return the number of tests of a folder, and what does not agree."""
    content = json.loads((folder / "reference.json").read_text())
    failures = []
    for test in content["tests"]:
        try:
            difference = compare(folder, test, content.get("meta", {}))
        except (KeyError, AttributeError, TypeError, IndexError, StopIteration, OSError) as error:
            difference = f"not understood: {type(error).__name__} {error}"
        if difference:
            failures.append(f"{test['id']}: {difference}")
    return len(content["tests"]), failures


def main() -> int:
    """Print how many results agree; the exit code says whether all do."""
    count, failures = agreement(Path(sys.argv[1]))
    for line in failures:
        print(line)
    print(f"{count - len(failures)} of {count} results agree")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

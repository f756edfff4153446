"""Methods that are compared under equal budgets: the options, runs and checks of the table and the figure that show them."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from spurprune.config import blocks, methods
from spurprune.config.known import require_known
from spurprune.dag import files, labels
from spurprune.errors import ConfigError
from spurprune.evaluation.choices import Choice
from spurprune.evaluation.comparison import ComparisonRow, Entrant, Results, compare
from spurprune.evaluation.published import BENCHMARKS, published, share
from spurprune.figures.kind import METHODS, NAMES, TEXT, Configuration, Item, Kind, Runs, Schema, Study
from spurprune.pruning import plan as plans

if TYPE_CHECKING:
    from spurprune.evaluation.frame import Metrics

REQUIRED: dict[str, Schema] = {
    "settings": NAMES,
    "budget": {"type": "integer", "minimum": 1, "maximum": 1000, "x-allowed": "a whole number from 1 to 1,000"},
}
OPTIONAL: dict[str, Schema] = {
    **METHODS,
    "reference": TEXT,
    "pruning": TEXT,
    "table_1": {
        "type": "object",
        "additionalProperties": TEXT,
        "x-allowed": "a mapping from methods to rows of the paper's Table 1, such as {jtt: jtt}",
    },
    "originals": {
        "type": "object",
        "additionalProperties": TEXT,
        "x-allowed": "a mapping from methods to what their own authors published, such as {subg: subg}",
    },
}
BASELINE = "erm"


def kind(description: str) -> Kind:
    """Return the record of a kind that compares methods under equal budgets."""
    reads = ("metrics", "tuning", "choices")
    return Kind(description, reads=reads, required=REQUIRED, optional=OPTIONAL, runs_of=runs_of, check=check, described=described)


def named(item: Item, study: Study) -> list[str]:
    """Return the entries that are compared, as the configuration names them."""
    return list(item.get("methods", study["methods"]))


def every_rule(item: Item, study: Study, config: Configuration) -> list[str]:
    """Return the methods that are compared, one for every rule of choice of an entry."""
    return [name for base in named(item, study) for name, entry in config.methods.items() if entry["base"] == base]


def baseline(item: Item) -> str:
    """Return the entry to which differences and costs are taken."""
    return str(item.get("reference", BASELINE))


def runs_of(item: Item, study: Study, config: Configuration) -> Runs:
    """Return the runs of every method on its own plan, and those of the networks that methods refine, whose cost is theirs."""
    compared = {name: config.methods[name] for name in every_rule(item, study, config)}
    runs = [(name, methods.plan_of(name, entry)) for name, entry in compared.items()]
    runs += [(one.method, one.plan) for name in compared for one in _behind(name, config)]
    return [(setting, *run, block) for setting in item["settings"] for run in dict.fromkeys(runs) for block in study["blocks"]]


def timed(item: Item, study: Study, config: Configuration) -> list[str]:
    """Return the paths of the times of all that is trained for the compared methods, below the results folder, each once."""
    found: dict[str, None] = {}
    for setting in item["settings"]:
        for name in every_rule(item, study, config):
            runs, recipes = _trained(name, methods.plan_of(name, config.methods[name]), setting, config)
            for block in study["blocks"]:
                found |= {files.Run(setting, *run, block).timing_path: None for run in runs}
                references = [files.reference_of(setting, recipe, block, config.settings) for recipe in recipes]
                found |= {one.timing_path: None for one in references if one is not None}
    return list(found)


def check(key: str, item: Item, study: Study, config: Configuration) -> None:
    """Raise ConfigError unless all methods choose among equally many candidates and those to compare with are among them."""
    compared = named(item, study)
    for name in compared:
        require_known(name, config.methods, f"{key}.methods: '{name}'", "method")
        entry = config.methods[name]
        if entry["base"] != name:
            raise ConfigError(f"{key}.methods names '{name}', one rule of '{entry['base']}', which stands for all of them; name that.")
        found = math.prod(methods.budget(config.methods[one]) for one in (name, *(run.method for run in _behind(name, config))))
        if found != item["budget"]:
            raise ConfigError(
                f"{key}.budget is {item['budget']}, but methods.{name} chooses among {found}; give every method equally many candidates."
            )
    trained = dict.fromkeys(one for name in compared for one in (name, *(run.method for run in _behind(name, config))))
    tuned = {name: config.methods[name]["tuning"]["blocks"] for name in trained if config.methods[name]["grid"]}
    first = next(iter(tuned), None)
    for name, tuning_blocks in tuned.items():
        if tuning_blocks != tuned[str(first)]:
            raise ConfigError(f"methods.{name}.tuning.blocks differ from those of '{first}'; compared methods choose on the same repeats.")
    for option, chosen in {"reference": baseline(item), "pruning": item.get("pruning")}.items():
        if chosen is not None and chosen not in compared:
            raise ConfigError(f"{key}.{option} is '{chosen}', which is not compared; add it to the methods, or name another.")
    if files.is_refinement(baseline(item), config.methods):
        raise ConfigError(f"{key}.reference is '{baseline(item)}', which trains no network, so it cannot measure costs; name another.")
    rows = [method.key for method in published().methods]
    for option, known, what in (("table_1", rows, "row of Table 1"), ("originals", list(published().originals), "published method")):
        for name, row in item.get(option, {}).items():
            if name not in compared:
                raise ConfigError(f"{key}.{option} names '{name}', which is not compared; add it to the methods or remove it.")
            require_known(row, known, f"{key}.{option}.{name}: '{row}'", what)
    twice = next((name for name in item.get("originals", {}) if name in item.get("table_1", {})), None)
    if twice is not None:
        raise ConfigError(f"{key}.originals names '{twice}', whose value is that of Table 1; remove it from one of the two.")


def described(item: Item, study: Study, config: Configuration) -> dict[str, Any]:
    """Return what the configuration says of the methods, by setting, and the epochs of the baseline's candidates, as plain values."""
    return {
        "entrants": {
            setting: [asdict(_entrant(name, setting, item, config)) for name in every_rule(item, study, config)]
            for setting in item["settings"]
        },
        "epochs": {setting: _recipe(baseline(item), setting, "epochs", config) for setting in item["settings"]},
        "reference": baseline(item),
        "sources": sources(item, config),
    }


def sources(item: Item, config: Configuration) -> list[str]:
    """Return a sentence on every method whose published value its own authors give, as plain text; none for those without a value."""
    datasets = {config.settings[setting]["dataset"] for setting in item["settings"]}
    found = []
    for name, row in item.get("originals", {}).items():
        original = published().originals[row]
        if not datasets & original.worst.keys():
            continue
        doubt = "; not looked up there" if datasets & set(original.unverified) else ""
        found.append(f"{name}: {original.name}, {original.source}{doubt}.")
    return found


def compared(
    setting: str,
    options: Mapping[str, Any],
    metrics: "Metrics",
    tuning: "Mapping[tuple[str, str, str], Metrics]",
    choices: Mapping[tuple[str, str], Choice],
) -> list[ComparisonRow]:
    """Return one setting's rows; ``options`` are the item's with what ``described`` returns; raises DataError if runs are missing."""
    return compare(
        Results(setting, metrics, tuning, choices),
        [Entrant(**plain) for plain in options["entrants"][setting]],
        baseline=options["reference"],
        pruning=options.get("pruning"),
        epochs=options["epochs"][setting],
    )


def _entrant(name: str, setting: str, item: Item, config: Configuration) -> Entrant:
    entry, block = config.methods[name], config.settings[setting]
    runs, recipes = _trained(name, methods.plan_of(name, entry), setting, config)
    needed = labels.of_method(name, config.methods, block)
    return Entrant(
        method=name,
        base=entry["base"],
        kind=entry["kind"],
        plan=methods.plan_of(name, entry),
        by=entry["by"],
        epoch=entry["epoch"],
        budget=methods.budget(entry),
        labels_train=needed.train,
        labels_validation=needed.validation,
        candidates={one: methods.candidate_plan(entry, coordinates) for one, coordinates in methods.candidates(entry).items()},
        candidates_of=entry["candidates_of"],
        references=_reference_epochs(name, setting, config),
        batch_sizes=_recipe(name, setting, "batch_size", config),
        sources=[(one.method, one.plan, _recipe(one.method, setting, "batch_size", config)) for one in _behind(name, config)],
        runs=runs,
        recipes=recipes,
        published=_published(entry["base"], item, block["dataset"]),
    )


def _behind(name: str, config: Configuration) -> list[files.Run]:
    """Return the runs that a method starts from, the nearest first, of any setting and block."""
    return files.sources_of(files.Run("", name, methods.plan_of(name, config.methods[name]), ""), config.methods)


def _trained(method: str, plan: str, setting: str, config: Configuration) -> tuple[list[tuple[str, str]], list[str]]:
    """Return what is trained for one repeat of a method on a plan: the runs, each (method, plan), its own first, and recipes of references.

    Included are the network that it refines, what is behind partitions and quotas, and what is behind all plans among which it chooses.
    """
    block = config.settings[setting]
    runs: dict[tuple[str, str], None] = {}
    recipes: set[str | None] = set()
    left = [(method, plan)]
    while left:
        run = left.pop()
        if run in runs:
            continue
        runs[run] = None
        entry = config.methods[run[0]]
        partitions = {entry["options"].get("partition")}
        for one in files.plan_candidates(run[1], config.methods) or [run[1]]:
            parsed = plans.parse(one)
            partitions.add(parsed.partition)
            if parsed.score is not None:
                recipes.add(block["difficulty"][parsed.score]["reference"])
            if parsed.predictor is not None:
                left.append((parsed.predictor, plans.NO_PRUNING))
        read = [block["partitions"][one] for one in partitions - {None, plans.CLASS}]
        recipes |= {one.get("reference") for one in read}
        left += [(one["from"], one["plan"]) for one in read if "from" in one]
        left += [] if entry["from"] is None else [(entry["from"], entry["from_plan"] or run[1])]
    return list(runs), sorted(one for one in recipes if one is not None)


def _reference_epochs(name: str, setting: str, config: Configuration) -> float:
    """Return the epochs of what is trained before one repeat of a method: of reference runs, and of runs other than its own.

    The networks that it starts from are its own. Of a tuned run, the most epochs count that its candidates have.
    """
    block, own = config.settings[setting], methods.plan_of(name, config.methods[name])
    runs, recipes = _trained(name, own, setting, config)
    behind = {(name, own), *((run.method, run.plan) for run in _behind(name, config))}
    others = [method for method, plan in runs if (method, plan) not in behind]
    trained = [method for method in others if not files.is_refinement(method, config.methods)]
    used = [block["reference"][one] for one in recipes]
    of_references = sum(one["epochs"] * blocks.recorded(one)["reference_seeds"] for one in used)
    return float(of_references + sum(max(_recipe(method, setting, "epochs", config).values()) for method in trained))


def _recipe(name: str, setting: str, key: str, config: Configuration) -> dict[str, int]:
    """Return a number of the recipe of a method's runs by candidate, by "" for a method without any."""
    entry, default = config.methods[name], config.settings[setting]["training"][key]
    candidates = methods.candidates(entry) or {"": {}}
    return {one: int(methods.at(entry, coordinates)["training"].get(key, default)) for one, coordinates in candidates.items()}


def _published(base: str, item: Item, dataset: str) -> float | None:
    """Return a method's worst-group accuracy as its row of Table 1 or its own authors have it, as a share; None if there is none."""
    original = published().originals.get(item.get("originals", {}).get(base, ""))
    if original is not None:
        return share(original.worst[dataset].value) if dataset in original.worst else None
    found = next((method for method in published().methods if method.key == item.get("table_1", {}).get(base)), None)
    if found is None or dataset not in BENCHMARKS or dataset not in found.results:
        return None
    return share(found.results[dataset].worst.value)

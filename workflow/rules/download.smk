"""Downloads: the files of datasets that the workflow can fetch by itself."""


# The only rule without a code hash among its parameters: its files are checked by their publisher's checksums, so an edit of how they
# are fetched must not make every result stale.
rule download:
    """See that a dataset's files are in its folder, download them if they are not, and record them."""
    output:
        record="results/downloads/{dataset}.json",
    log:
        "logs/download/{dataset}.log",
    wildcard_constraints:
        dataset=any_of(name for name, entry in CONFIG.datasets.items() if entry.downloads),
    localrule: True  # a cluster's nodes often have no network
    conda:
        "../../envs/base.yaml"
    params:
        source=lambda wildcards: CONFIG.data[wildcards.dataset],
    script:
        "../scripts/download.py"

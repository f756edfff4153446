"""Downloads: the files of datasets that the workflow can fetch itself."""


# The only rule without a code hash: the publisher's checksums, or the release's counts where there are none, verify the files, so a change
# in how they are fetched must not make every result stale.
rule download:
    """Make sure that a dataset's files are in its folder, downloading those that are missing, and record them."""
    output:
        record="results/downloads/{dataset}.json",
    log:
        "logs/download/{dataset}.log",
    wildcard_constraints:
        dataset=any_of(name for name, entry in CONFIG.datasets.items() if entry.downloads),
    localrule: True  # compute nodes often have no internet access
    conda:
        "../../envs/base.yaml"
    params:
        source=lambda wildcards: CONFIG.data[wildcards.dataset],
    script:
        "../scripts/download.py"

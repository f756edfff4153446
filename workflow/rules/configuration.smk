"""The configuration as it is given, read strictly from its files before Snakemake reads the main one. No rules here."""

import sys
from pathlib import Path

ROOT = Path(workflow.basedir)
# Jobs in Python processes of their own inherit this search path from Snakemake.
sys.path.insert(0, str(ROOT))

from spurprune.dag import planning_speed

planning_speed.speed_up()  # before anything else is imported or read

from snakemake.exceptions import WorkflowError
from spurprune.config import given
from spurprune.errors import SpurpruneError


def in_one_sentence(function, *arguments):
    """The result of a function; what is wrong with the configuration ends Snakemake in one sentence."""
    try:
        return function(*arguments)
    except SpurpruneError as error:
        raise WorkflowError(str(error)) from None


def given_configuration():
    """The main file, the files and the values of the command line merged over it."""
    settings = workflow.config_settings
    main = None if settings.replace_workflow_config and settings.configfiles else given.require_main(Path.cwd(), ROOT)
    return given.from_files(main, map(given.nearby, settings.configfiles), settings.config)


GIVEN = in_one_sentence(given_configuration)

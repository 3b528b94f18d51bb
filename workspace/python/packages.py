"""
Says which requirements this Python meets. Standard input: `{"requirements": ["pandas>=2"], "folders": [...]}` as JSON, where
`folders` hold libraries installed beside the environment. Standard output: `{"problems": [reason or null, …], "missing":
[[library, requirement], …]}`; see `workspace/jobs/packages.ts`.
"""

import json
import sys
from importlib.metadata import Distribution, distributions

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion


def main():
    question = json.load(sys.stdin)
    places = question["folders"] + sys.path
    problems = [_problem(text, places) for text in question["requirements"]]
    missing = []
    for library in distributions(path=question["folders"]):
        for text in library.requires or []:
            if _problem(text, places):
                missing.append([f"{library.metadata['Name']} {library.version}", text])
    json.dump({"problems": problems, "missing": missing}, sys.stdout)


def _problem(text, places):
    """Why the requirement is not met, or None."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        return f"Invalid requirement: {str(error).splitlines()[0]}"
    if requirement.url:
        return "the local workspace downloads nothing."
    if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
        return None
    found = next(iter(Distribution.discover(name=requirement.name, path=places)), None)
    if found is None:
        return f"the local Python environment has no {requirement.name}, and the local workspace downloads nothing."
    try:
        meets = requirement.specifier.contains(found.version, prereleases=True)
    except InvalidVersion:
        meets = False
    if meets:
        return None
    return (
        f"the local Python environment has {requirement.name} {found.version}, not {requirement.specifier}, "
        "and the local workspace downloads nothing."
    )


main()

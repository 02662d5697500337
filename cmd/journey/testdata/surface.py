"""Compares the surface of the published clients with that of clients generated from our document.

    surface.py EXCEPTIONS

What the published clients have (API classes, methods, parameters, models, members) ours must have too, unless it stands
in the file EXCEPTIONS: patterns of names, with why. A class covers what is inside of it. A pattern that is not needed any more
is an error, so that the list can only shrink. A member of a request that only ours requires is an error as well.
"""

import fnmatch
import importlib
import inspect
import sys

PAIRS = (("pulpcore.client.pulpcore", "generated_core"), ("pulpcore.client.pulp_file", "generated_file"))
VARIANTS = ("_with_http_info", "_without_preload_content")


def classes(module, wanted):
    return {name: found for name, found in vars(module).items() if inspect.isclass(found) and wanted(name, found)}


def methods(api):
    return {
        name: set(inspect.signature(found).parameters)
        for name, found in vars(api).items()
        if callable(found) and not name.startswith("_") and not name.endswith(VARIANTS)
    }


def surface(name):
    """All names of a module that a program may use, with what is inside of each."""
    module = importlib.import_module(name)
    apis = classes(module, lambda name, _: name.endswith("Api"))
    models = classes(module, lambda _, found: hasattr(found, "model_fields"))
    named = {api: methods(found) for api, found in apis.items()}
    named.update({model: {field: set() for field in found.model_fields} for model, found in models.items()})
    required = {f"{m}.{f}" for m, found in models.items() for f, about in found.model_fields.items() if about.is_required() and not m.endswith("Response")}
    return named, required


def missing(theirs, ours):
    for outer in sorted(theirs):
        if outer not in ours:
            yield outer
            continue
        for inner in sorted(theirs[outer]):
            if inner not in ours[outer]:
                yield f"{outer}.{inner}"
                continue
            yield from (f"{outer}.{inner}.{one}" for one in sorted(theirs[outer][inner] - ours[outer][inner]))


with open(sys.argv[1], encoding="utf-8") as lines:
    exceptions = {word for line in lines if not line.startswith("#") for word in line.split()}
faults, used = [], set()
for published, generated in PAIRS:
    (theirs, they_require), (ours, we_require) = surface(published), surface(generated)
    for name in missing(theirs, ours):
        covering = {pattern for pattern in exceptions if fnmatch.fnmatchcase(name, pattern)}
        used |= covering
        if not covering:
            faults.append(f"{name} is missing")
    common = {name for name in we_require - they_require if name.split(".")[1] in theirs.get(name.split(".")[0], {})}
    faults += [f"{name} is required only by ours" for name in sorted(common)]
faults += [f"no exception is needed for {name}, take it out" for name in sorted(exceptions - used)]
print("\n".join(faults))
sys.exit(bool(faults))

"""The process of another library: reads one JSON request a line, answers with one JSON object a line.

    python worker.py LIBRARY THREADS       LIBRARY: the file of_LIBRARY.py beside this one

Requests: {"make": WORK, "arguments": {...}}, then {"do": "digest" | "time" | "peak"}.
"""

import importlib
import json
import os
import sys
import traceback
import warnings

import shared


def main(library, threads):
    replies = os.fdopen(os.dup(1), "w")  # what libraries print goes elsewhere
    os.dup2(2, 1)
    warnings.filterwarnings("ignore")
    module = answer(replies, lambda: start(library, int(threads)))
    work = None
    for line in sys.stdin:
        request = json.loads(line)
        if "make" in request:
            made = answer(replies, lambda request=request: made_by(module, request["make"], request["arguments"]))
            work = None if made is None else made["work"]
        else:
            answer(replies, lambda request=request, work=work: {"value": ACTIONS[request["do"]](work)})


def start(library, threads):
    module = importlib.import_module(f"of_{library}")
    versions = module.versions()
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(threads)
        versions["torch"] = torch.__version__
    return {"module": module, "versions": versions}


def made_by(module, name, arguments):
    """The functions `run` and `check` of a work, and what it tells the other process."""
    works = module["module"].WORKS
    if name not in works:
        return {"work": None, "missing": f"has no {name!r} to compare with; it has {', '.join(works)}"}
    run, check, *told = works[name](**arguments)
    return {"work": (run, check), **(told[0] if told else {})}


ACTIONS = {
    "digest": lambda work: shared.digest(work[1]()),
    "time": lambda work: shared.seconds_of(work[0]),
    "peak": lambda work: shared.peak_mb(work[0]),
}


def answer(replies, compute):
    """Send what a function returns, without what is no JSON, or the last line of its error."""
    result = None
    try:
        result = compute()
        reply = {key: value for key, value in result.items() if key not in ("work", "module")}
    except Exception as error:
        traceback.print_exc()
        reply = {"error": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
    print(json.dumps(reply), file=replies, flush=True)
    return result


if __name__ == "__main__":
    main(*sys.argv[1:])

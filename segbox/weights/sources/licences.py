"""The licences of weights: read from the card of a repository, and told to the user once for each file."""

import logging
import re
from functools import cache

logger = logging.getLogger("segbox")
NVIDIA = "NVIDIA, non-commercial"
DINOV3_LICENCE = "dinov3-license"
OF_REPOSITORIES = {r"nvidia/(mit|segformer)-.*": NVIDIA}  # whose card says only "other"
CONDITIONS = {  # what is told beside the name of a licence
    DINOV3_LICENCE: "commercial use is allowed, some uses are forbidden, and whoever passes on the weights, or weights"
    " made from them, must add this licence: https://ai.meta.com/resources/models-and-libraries/dinov3-license/",
    "fastvit-license": "terms of Apple's own, which are to be read before commercial use",
}
NON_COMMERCIAL = re.compile(r"non-?commercial|\bnc\b|research|apple-(amlr|ascl)", re.IGNORECASE)


@cache
def tell_licence(word: str, licence: str | None) -> None:
    """Log the licence, once for each file. A licence that forbids commercial use is a warning."""
    if licence is None:
        logger.info(f"{word}: its source states no licence")
    elif forbids_commercial_use(licence):
        logger.warning(f"{word}: ITS LICENCE FORBIDS COMMERCIAL USE ({licence})")
    else:
        conditions = CONDITIONS.get(licence)
        logger.info(f"{word}: licence {licence}" + (f" ({conditions})" if conditions else ""))


def forbids_commercial_use(licence: str) -> bool:
    return NON_COMMERCIAL.search(licence) is not None


def licence_of(repository: str, readme: str) -> str | None:
    """The licence of a hub repository, from our table or from the first block of its README.md (YAML)."""
    for pattern, known in OF_REPOSITORIES.items():
        if re.fullmatch(pattern, repository):
            return known
    block = re.match(r"\s*---\s*\n(.*?)\n---", readme, re.DOTALL)
    fields = dict(
        re.findall(r"^(license|license_name):[ \t]*[\"']?([^\n\"']+)", block[1] if block else "", re.MULTILINE)
    )
    licence = fields.get("license", "").strip()
    return (fields.get("license_name", "").strip() if licence in ("", "other") else "") or licence or None

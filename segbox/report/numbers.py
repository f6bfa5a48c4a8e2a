"""Numbers as readers want them."""


def percent_text(fraction: float) -> str:
    """0.031 -> 3.1; enough digits for small ones, none for a whole."""
    value = 100 * fraction
    if value and value < 0.1:
        return f"{value:.2f}" if value >= 0.01 else "< 0.01"
    return f"{value:.1f}"


def score_text(value: float) -> str:
    return "-" if value != value else f"{value:.1f}"


def count_text(number: int) -> str:
    """120 k, 3.9 M."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            short = number / size
            return f"{short:.0f} {unit}" if short >= 100 else f"{short:.2g} {unit}"
    return str(number)

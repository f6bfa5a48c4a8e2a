"""Print a completion script for a shell. It completes commands, options, choices and file names.

segbox completion bash > ~/.local/share/bash-completion/completions/segbox
segbox completion zsh > "${fpath[1]}/_segbox"
segbox completion fish > ~/.config/fish/completions/segbox.fish
"""

import argparse

BASH = """\
_segbox() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} words=
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="{commands}"
    elif [ "$COMP_CWORD" -eq 2 ] && [[ $current != -* ]]; then
        case ${{COMP_WORDS[1]}} in
{subjects}
        esac
    fi
    if [[ $current == -* ]]; then
        case ${{COMP_WORDS[1]}} in
{options}
        esac
    fi
    if [ -n "$words" ]; then
        COMPREPLY=($(compgen -W "$words" -- "$current"))
    else
        COMPREPLY=($(compgen -f -- "$current"))
    fi
}}
complete -o filenames -F _segbox segbox
"""
ZSH = "#compdef segbox\nautoload -U +X bashcompinit && bashcompinit\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell")


def run(args: argparse.Namespace) -> None:
    print({"bash": bash, "zsh": lambda: ZSH + bash(), "fish": fish}[args.shell](), end="")


def bash() -> str:
    from segbox.commands import COMMANDS

    words = {name: words_of(name) for name in COMMANDS}
    indent = " " * 12
    return BASH.format(
        commands=" ".join(COMMANDS),
        subjects="\n".join(f'{indent}{name}) words="{" ".join(own[1])}" ;;' for name, own in words.items() if own[1]),
        options="\n".join(f'{indent}{name}) words="{" ".join(own[0])}" ;;' for name, own in words.items()),
    )


def fish() -> str:
    from segbox.commands import COMMANDS

    first = "complete -c segbox -n __fish_use_subcommand -f"
    lines = [f"{first} -a {name} -d {quoted(summary)}" for name, summary in COMMANDS.items()]
    for name in COMMANDS:
        options, subjects = words_of(name)
        seen = f"-n '__fish_seen_subcommand_from {name}'"
        lines += [f"complete -c segbox {seen} -l {option.removeprefix('--')}" for option in options]
        lines += [f"complete -c segbox {seen} -a {subject}" for subject in subjects]
    return "\n".join(lines) + "\n"


def words_of(name: str) -> tuple[list[str], list[str]]:
    """The options of a command, and its possible first arguments."""
    from segbox.commands import command_parser

    options, subjects = {}, {}
    pending = [command_parser(name)]
    while pending:
        for action in pending.pop()._actions:
            options.update(dict.fromkeys(option for option in action.option_strings if option.startswith("--")))
            if isinstance(action, argparse._SubParsersAction):
                subjects.update(dict.fromkeys(action.choices))
                pending += action.choices.values()
            elif not action.option_strings and action.choices:
                subjects.update(dict.fromkeys(action.choices))
    return list(options), list(subjects)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "\\'") + "'"

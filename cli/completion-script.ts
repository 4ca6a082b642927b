import type { Command, Option } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** A place in the command: `keys create` with what may follow there. */
interface Place {
  path: string;
  commands: { name: string; summary: string }[];
  options: Option[];
  /** values of its arguments, where they are known */
  values: readonly string[];
}

/** The completion script of a shell, made from the commands themselves. */
export function completionScript(program: Command, shell: Shell): string {
  const places = placesOf(program, program.options, '');
  switch (shell) {
    case 'bash':
      return bashScript(places);
    case 'zsh':
      return zshScript(places);
    case 'fish':
      return fishScript(places);
  }
}

function placesOf(command: Command, common: readonly Option[], path: string): Place[] {
  const place: Place = {
    path,
    commands: command.commands.map((each) => ({ name: each.name(), summary: each.summary() })),
    options: [...command.options.filter((option) => !common.includes(option)), ...common],
    values: command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
  };
  return [
    place,
    ...command.commands.flatMap((each) =>
      placesOf(each, common, path === '' ? each.name() : `${path} ${each.name()}`),
    ),
  ];
}

const longOf = (option: Option): string => option.long ?? option.short ?? '';

const wordsOf = ({ commands, options, values }: Place): string =>
  [...commands.map(({ name }) => name), ...values, ...options.map(longOf), '--help'].join(' ');

/** Two functions every shell of the Bourne family reads: what may follow at a place, and the values of an option. */
function tables(places: readonly Place[]): string {
  const words = places.map((place) => `    '${place.path}') echo '${wordsOf(place)}' ;;`);
  const values = places.flatMap(({ path, options }) =>
    options.flatMap((option) =>
      option.argChoices === undefined
        ? []
        : [`    '${path} ${longOf(option)}') echo '${option.argChoices.join(' ')}' ;;`],
    ),
  );
  return `_deskferry_words() {
  case "$1" in
${words.join('\n')}
  esac
}
_deskferry_values() {
  case "$1" in
${values.join('\n')}
  esac
}
`;
}

function bashScript(places: readonly Place[]): string {
  return `# completion of deskferry for bash
${tables(places)}_deskferry() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" place='' longer word offered
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    longer="\${place:+$place }$word"
    [[ -n $(_deskferry_words "$longer") ]] && place="$longer"
  done
  offered="$(_deskferry_values "$place $before")"
  [[ -z $offered ]] && offered="$(_deskferry_words "$place")"
  COMPREPLY=($(compgen -W "$offered" -- "$current"))
}
complete -o default -F _deskferry deskferry
`;
}

function zshScript(places: readonly Place[]): string {
  return `#compdef deskferry
# completion of deskferry for zsh
${tables(places)}_deskferry() {
  local before="\${words[CURRENT-1]}" place='' longer word offered
  for word in "\${(@)words[2,CURRENT-1]}"; do
    longer="\${place:+$place }$word"
    [[ -n "$(_deskferry_words "$longer")" ]] && place="$longer"
  done
  offered="$(_deskferry_values "$place $before")"
  if [[ -n "$offered" ]]; then
    compadd -- \${=offered}
    return
  fi
  offered="$(_deskferry_words "$place")"
  compadd -- \${=offered}
  _files
}
if [[ "$funcstack[1]" == _deskferry ]]; then
  _deskferry "$@"
else
  compdef _deskferry deskferry
fi
`;
}

function fishScript(places: readonly Place[]): string {
  const text = (words: string): string => `'${words.replaceAll(/[\\']/g, '\\$&')}'`;
  const lines = places.flatMap(({ path, commands, options, values }) => {
    const here = `complete -c deskferry -n ${text(`__deskferry_at ${path}`.trim())}`;
    return [
      ...commands.map(({ name, summary }) => `${here} -f -a ${name} -d ${text(summary)}`),
      ...(values.length === 0 ? [] : [`${here} -f -a ${text(values.join(' '))}`]),
      ...options.map((option) => {
        const choices = option.argChoices === undefined ? '' : ` -f -a ${text(option.argChoices.join(' '))}`;
        const value = option.required || option.optional ? ` -r${choices}` : '';
        return `${here} -l ${longOf(option).slice(2)}${value} -d ${text(option.description)}`;
      }),
      `${here} -l help -d 'show help'`,
    ];
  });
  const paths = places.flatMap(({ path }) => (path === '' ? [] : [text(path)]));
  return `# completion of deskferry for fish
set -g __deskferry_places ${paths.join(' ')}
function __deskferry_at
    set -l tokens (commandline -opc)
    set -e tokens[1]
    set -l place
    for word in $tokens
        set -l longer (string join -- ' ' $place $word)
        contains -- $longer $__deskferry_places; and set place $longer
    end
    test "$place" = "$argv"
end
${lines.join('\n')}
`;
}

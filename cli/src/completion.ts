import { type Command, type Flag, type Operand, UsageError } from "./command.ts";

/** A row of the commands. */
interface Row {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** A command by its name, with what completion needs of it. */
interface Loaded {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly Flag[];
  readonly operands: readonly Operand[];
}

/** Every command has it. */
const help: Flag = { name: "help", short: "h", text: "shows help" };

/** Completion of these commands, in the language of a shell. */
export const completionOf = (rows: readonly Row[]): Command => ({
  summary: "Prints a script by which a shell completes commands, flags and files.",
  examples: [
    "source <(protomesh completion bash)",
    "protomesh completion zsh > ~/.zfunc/_protomesh",
    "protomesh completion fish > ~/.config/fish/completions/protomesh.fish",
  ],
  operands: [{ name: "shell", text: "bash, zsh or fish", values: Object.keys(shells) }],
  flags: [],
  notes: `For bash, put the first line into ~/.bashrc. For zsh, the folder has to be in fpath before compinit runs:
fpath=(~/.zfunc $fpath); autoload -U compinit; compinit`,
  async run({ operands: [shell = ""] }) {
    const script = Object.hasOwn(shells, shell) ? shells[shell as keyof typeof shells] : undefined;
    if (!script) throw new UsageError(`<shell> ${shell} is unknown: use ${Object.keys(shells).join(", ")}`);
    const loaded = await Promise.all(
      rows.map(async ({ name, summary, load }): Promise<Loaded> => {
        const { flags, operands = [] } = await load();
        return { name, summary, flags: [...flags, help], operands };
      }),
    );
    process.stdout.write(script(loaded));
    return 0;
  },
});

const shells = { bash, zsh, fish };

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const valuesOf = ({ operands }: Loaded): readonly string[] => operands.flatMap(({ values = [] }) => values);

/** Where nothing is offered, bash completes files by itself. Without what bash 3.2, the one of macOS, does not have. */
function bash(commands: readonly Loaded[]): string {
  const words = (flags: readonly Flag[]) =>
    flags.flatMap(({ name, short }) => [`--${name}`, ...(short ? [`-${short}`] : [])]).join(" ");
  const takes = (test: (value: string) => boolean) =>
    commands.flatMap(({ name, flags }) =>
      flags
        .filter(({ value }) => value !== undefined && test(value))
        .flatMap((flag) => words([flag]).split(" "))
        .map((flag) => `"${name} ${flag}"`),
    );
  const pattern = (patterns: readonly string[], body: string) =>
    patterns.length === 0 ? "" : `    ${patterns.join(" | ")}) ${body} ;;\n`;
  const cases = commands.map((command) => {
    const values = valuesOf(command);
    return `    ${command.name}) flags="${words(command.flags)}" values="${values.join(" ")}" ;;\n`;
  });
  return `# Completion of protomesh for bash: source <(protomesh completion bash)
_protomesh() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD - 1]}" flags="" values="" IFS=$' \\t\\n'
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")} --help --version" -- "$cur"))
    return
  fi
  case "\${COMP_WORDS[1]} $prev" in
${pattern(
  takes((value) => value === "folder"),
  `IFS=$'\\n'; COMPREPLY=($(compgen -d -- "$cur")); return`,
)}${pattern(
  takes((value) => value !== "folder"),
  "return",
)}  esac
  case "\${COMP_WORDS[1]}" in
${cases.join("")}  esac
  case "$cur" in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$cur")) ;;
    *) [ -n "$values" ] && COMPREPLY=($(compgen -W "$values" -- "$cur")) ;;
  esac
}
complete -o default -F _protomesh protomesh
`;
}

/** Source: zsh, "Completion System", _arguments and _describe. */
function zsh(commands: readonly Loaded[]): string {
  const plain = (text: string) => text.replace(/[\\[\]:]/g, "\\$&");
  const action = (value: string) => (value === "file" ? "_files" : value === "folder" ? "_files -/" : " ");
  const flagOf = ({ name, short, value, many, text }: Flag) => {
    const names = [`--${name}`, ...(short ? [`-${short}`] : [])];
    const before = many ? "*" : names.length > 1 ? `(${names.join(" ")})` : "";
    const after = `[${plain(text)}]${value === undefined ? "" : `:${plain(value)}:${action(value)}`}`;
    return names.map((one) => quoted(`${before}${one}${after}`));
  };
  const operandOf = ({ name, values, optional, many }: Operand, index: number) =>
    quoted(
      `${many ? "*" : index + 1}${optional && !many ? "::" : ":"}${plain(name)}:${values ? `(${values.join(" ")})` : "_files"}`,
    );
  const cases = commands.map(({ name, flags, operands }) => {
    const specs = [...flags.flatMap(flagOf), ...operands.map(operandOf)];
    return `    ${name})\n      _arguments -s ${specs.map((spec) => `\\\n        ${spec}`).join(" ")}\n      ;;\n`;
  });
  return `#compdef protomesh
# Completion of protomesh for zsh: as _protomesh in a folder of fpath, or source <(protomesh completion zsh)
_protomesh() {
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    ${quoted(`${name}:${plain(summary)}`)}`).join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join("")}  esac
}
if [ "$funcstack[1]" = "_protomesh" ]; then
  _protomesh "$@"
else
  compdef _protomesh protomesh
fi
`;
}

/** Source: fish, "complete". */
function fish(commands: readonly Loaded[]): string {
  const text = (given: string) => `'${given.replace(/[\\']/g, "\\$&")}'`;
  const all = commands.map(({ name }) => name).join(" ");
  const lines = [
    "# Completion of protomesh for fish: as ~/.config/fish/completions/protomesh.fish",
    "complete -c protomesh -f",
    ...commands.map(
      ({ name, summary }) =>
        `complete -c protomesh -n 'not __fish_seen_subcommand_from ${all}' -a ${name} -d ${text(summary)}`,
    ),
    ...commands.flatMap((command) => {
      const start = `complete -c protomesh -n '__fish_seen_subcommand_from ${command.name}'`;
      const values = valuesOf(command);
      const files = command.operands.length > 0 && values.length === 0;
      return [
        ...command.flags.map(({ name, short, value, text: what }) => {
          const takes = value === undefined ? "" : value === "file" || value === "folder" ? " -r -F" : " -x";
          return `${start} -l ${name}${short ? ` -s ${short}` : ""}${takes} -d ${text(what)}`;
        }),
        ...(values.length > 0 ? [`${start} -a ${text(values.join(" "))}`] : []),
        ...(files ? [`${start} -F`] : []),
      ];
    }),
  ];
  return `${lines.join("\n")}\n`;
}

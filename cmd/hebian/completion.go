package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// completion is the command that prints a script for a shell.
type completion struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (completion) Help() string {
	return `Examples:
  bash:  source <(hebian completion bash)
  zsh:   source <(hebian completion zsh)
  fish:  hebian completion fish | source`
}

func (c *completion) Run(k *kong.Kong, s streams) error {
	var script string
	switch c.Shell {
	case "fish":
		script = fishScript(k.Model)
	case "zsh":
		script = zshScript(k.Model)
	default:
		script = bashScript(k.Model)
	}
	_, err := fmt.Fprint(s.out, script)
	return err
}

// bashScript completes commands, flags, values of a set, and else files.
func bashScript(app *kong.Application) string {
	var b strings.Builder
	b.WriteString("_hebian() {\n  local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=''\n")
	var names []string
	b.WriteString("  case \"${COMP_WORDS[1]} $before\" in\n")
	for _, command := range visible(app) {
		names = append(names, command.Name)
		for _, flag := range command.Flags {
			if flag.Enum != "" {
				fmt.Fprintf(&b, "    '%s --%s'|'%s -%c') words='%s' ;;\n", command.Name, flag.Name, command.Name, flag.Short, spaced(flag.Enum))
			}
		}
	}
	b.WriteString("    *) case ${COMP_WORDS[1]} in\n")
	for _, command := range visible(app) {
		fmt.Fprintf(&b, "      %s) words='%s' ;;\n", command.Name, strings.Join(wordsOf(command), " "))
	}
	b.WriteString("    esac ;;\n  esac\n")
	fmt.Fprintf(&b, "  [ \"$COMP_CWORD\" = 1 ] && words='%s'\n", strings.Join(names, " "))
	b.WriteString("  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n")
	b.WriteString("  if [ ${#COMPREPLY[@]} = 0 ]; then mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); fi\n}\n")
	b.WriteString("complete -o filenames -F _hebian hebian\n")
	return b.String()
}

func zshScript(app *kong.Application) string {
	var b strings.Builder
	b.WriteString("#compdef hebian\n_hebian() {\n  if (( CURRENT == 2 )); then\n    _values command")
	for _, command := range visible(app) {
		fmt.Fprintf(&b, " '%s[%s]'", command.Name, quoted(command.Help))
	}
	b.WriteString("\n    return\n  fi\n  case $words[2] in\n")
	for _, command := range visible(app) {
		fmt.Fprintf(&b, "    %s) _arguments", command.Name)
		for _, flag := range command.Flags {
			value := ""
			switch {
			case flag.Enum != "":
				value = fmt.Sprintf(":%s:(%s)", flag.Name, spaced(flag.Enum))
			case !flag.IsBool():
				value = fmt.Sprintf(":%s:_files", flag.Name)
			}
			fmt.Fprintf(&b, " '--%s[%s]%s'", flag.Name, quoted(flag.Help), value)
		}
		values := "_files"
		if len(command.Positional) > 0 && command.Positional[0].Enum != "" {
			values = "(" + spaced(command.Positional[0].Enum) + ")"
		}
		fmt.Fprintf(&b, " '2:argument:%s' ;;\n", values)
	}
	b.WriteString("  esac\n}\n(( $+functions[compdef] )) || { autoload -U compinit && compinit }\ncompdef _hebian hebian\n")
	return b.String()
}

func fishScript(app *kong.Application) string {
	var b strings.Builder
	for _, command := range visible(app) {
		fmt.Fprintf(&b, "complete -c hebian -n __fish_use_subcommand -a %s -d '%s'\n", command.Name, quoted(command.Help))
		on := "complete -c hebian -n '__fish_seen_subcommand_from " + command.Name + "'"
		for _, flag := range command.Flags {
			fmt.Fprintf(&b, "%s -l %s -d '%s'", on, flag.Name, quoted(flag.Help))
			if flag.Short != 0 {
				fmt.Fprintf(&b, " -s %c", flag.Short)
			}
			if flag.Enum != "" {
				fmt.Fprintf(&b, " -x -a '%s'", spaced(flag.Enum))
			}
			b.WriteByte('\n')
		}
		for _, argument := range command.Positional {
			if argument.Enum != "" {
				fmt.Fprintf(&b, "%s -f -a '%s'\n", on, spaced(argument.Enum))
			}
		}
	}
	return b.String()
}

func visible(app *kong.Application) []*kong.Node {
	var commands []*kong.Node
	for _, node := range app.Children {
		if !node.Hidden {
			commands = append(commands, node)
		}
	}
	return commands
}

// wordsOf is what may stand behind a command: the values of its arguments, and its flags.
func wordsOf(command *kong.Node) []string {
	var words []string
	for _, argument := range command.Positional {
		if argument.Enum != "" {
			words = append(words, spaced(argument.Enum))
		}
	}
	words = append(words, "--help")
	for _, flag := range command.Flags {
		words = append(words, "--"+flag.Name)
	}
	return words
}

func spaced(enum string) string { return strings.ReplaceAll(enum, ",", " ") }

// quoted makes a text fit between single quotes of every shell here.
func quoted(s string) string {
	return strings.NewReplacer("'", "’", "[", "(", "]", ")").Replace(s)
}

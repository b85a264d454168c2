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
	b.WriteString("_hebian() {\n  local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} path=${COMP_WORDS[1]} words=''\n")
	for _, group := range visible(app.Node) {
		if len(group.Children) > 0 {
			fmt.Fprintf(&b, "  [ \"$path\" = %s ] && path=\"$path ${COMP_WORDS[2]}\"\n", group.Name)
		}
	}
	b.WriteString("  case \"$path $before\" in\n")
	for _, command := range leaves(app.Node) {
		for _, flag := range command.Flags {
			if flag.Enum == "" {
				continue
			}
			short := ""
			if flag.Short != 0 {
				short = fmt.Sprintf("|'%s -%c'", pathOf(command), flag.Short)
			}
			fmt.Fprintf(&b, "    '%s --%s'%s) words='%s' ;;\n", pathOf(command), flag.Name, short, spaced(flag.Enum))
		}
	}
	b.WriteString("    *) case \"$path\" in\n")
	for _, command := range leaves(app.Node) {
		fmt.Fprintf(&b, "      '%s') words='%s' ;;\n", pathOf(command), strings.Join(wordsOf(command), " "))
	}
	b.WriteString("    esac ;;\n  esac\n")
	fmt.Fprintf(&b, "  [ \"$COMP_CWORD\" = 1 ] && words='%s'\n", strings.Join(names(app.Node), " "))
	for _, group := range visible(app.Node) {
		if len(group.Children) > 0 {
			fmt.Fprintf(&b, "  [ \"$COMP_CWORD ${COMP_WORDS[1]}\" = '2 %s' ] && words='%s'\n", group.Name, strings.Join(names(group), " "))
		}
	}
	b.WriteString("  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n")
	b.WriteString("  if [ ${#COMPREPLY[@]} = 0 ]; then mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); fi\n}\n")
	b.WriteString("complete -o filenames -F _hebian hebian\n")
	return b.String()
}

func zshScript(app *kong.Application) string {
	var b strings.Builder
	b.WriteString("#compdef hebian\n_hebian() {\n")
	zshCommands(&b, app.Node, 2, "  ")
	b.WriteString("}\n(( $+functions[compdef] )) || { autoload -U compinit && compinit }\ncompdef _hebian hebian\n")
	return b.String()
}

// zshCommands completes the commands below a node, whose name is the word at a place.
func zshCommands(b *strings.Builder, node *kong.Node, place int, indent string) {
	fmt.Fprintf(b, "%sif (( CURRENT == %d )); then\n%s  _values command", indent, place, indent)
	for _, command := range visible(node) {
		fmt.Fprintf(b, " '%s[%s]'", command.Name, quoted(command.Help))
	}
	fmt.Fprintf(b, "\n%s  return\n%sfi\n%scase $words[%d] in\n", indent, indent, indent, place)
	for _, command := range visible(node) {
		if len(command.Children) > 0 {
			fmt.Fprintf(b, "%s  %s)\n", indent, command.Name)
			zshCommands(b, command, place+1, indent+"    ")
			fmt.Fprintf(b, "%s    ;;\n", indent)
			continue
		}
		fmt.Fprintf(b, "%s  %s) _arguments", indent, command.Name)
		for _, flag := range command.Flags {
			value := ""
			switch {
			case flag.Enum != "":
				value = fmt.Sprintf(":%s:(%s)", flag.Name, spaced(flag.Enum))
			case !flag.IsBool():
				value = fmt.Sprintf(":%s:_files", flag.Name)
			}
			fmt.Fprintf(b, " '--%s[%s]%s'", flag.Name, quoted(flag.Help), value)
		}
		values := "_files"
		if len(command.Positional) > 0 && command.Positional[0].Enum != "" {
			values = "(" + spaced(command.Positional[0].Enum) + ")"
		}
		fmt.Fprintf(b, " '%d:argument:%s' ;;\n", place, values)
	}
	fmt.Fprintf(b, "%sesac\n", indent)
}

func fishScript(app *kong.Application) string {
	var b strings.Builder
	for _, command := range visible(app.Node) {
		fmt.Fprintf(&b, "complete -c hebian -n __fish_use_subcommand -a %s -d '%s'\n", command.Name, quoted(command.Help))
		for _, below := range visible(command) {
			fmt.Fprintf(&b, "complete -c hebian -n '__fish_seen_subcommand_from %s; and not __fish_seen_subcommand_from %s' -a %s -d '%s'\n",
				command.Name, strings.Join(names(command), " "), below.Name, quoted(below.Help))
		}
	}
	for _, command := range leaves(app.Node) {
		on := "complete -c hebian -n '__fish_seen_subcommand_from " + strings.ReplaceAll(pathOf(command), " ", "; and __fish_seen_subcommand_from ") + "'"
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

// visible are the commands right below a node.
func visible(node *kong.Node) []*kong.Node {
	var commands []*kong.Node
	for _, below := range node.Children {
		if !below.Hidden && below.Type == kong.CommandNode {
			commands = append(commands, below)
		}
	}
	return commands
}

// leaves are the commands below a node that do something themselves.
func leaves(node *kong.Node) []*kong.Node {
	var all []*kong.Node
	for _, command := range visible(node) {
		if below := leaves(command); len(below) > 0 {
			all = append(all, below...)
		} else {
			all = append(all, command)
		}
	}
	return all
}

func names(node *kong.Node) []string {
	var all []string
	for _, command := range visible(node) {
		all = append(all, command.Name)
	}
	return all
}

// pathOf is how a command is called: "case list".
func pathOf(command *kong.Node) string {
	path := command.Name
	for group := command.Parent; group != nil && group.Type == kong.CommandNode; group = group.Parent {
		path = group.Name + " " + path
	}
	return path
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

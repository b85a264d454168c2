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
		script = "autoload -U +X bashcompinit && bashcompinit\n" + bashScript(k.Model)
	default:
		script = bashScript(k.Model)
	}
	_, err := fmt.Fprint(s.out, script)
	return err
}

func bashScript(app *kong.Application) string {
	var b strings.Builder
	var names []string
	for _, command := range visible(app) {
		names = append(names, command.Name)
	}
	b.WriteString("_hebian() {\n  local cur=${COMP_WORDS[COMP_CWORD]} words\n  case ${COMP_WORDS[1]} in\n")
	for _, command := range visible(app) {
		fmt.Fprintf(&b, "    %s) words='%s' ;;\n", command.Name, strings.Join(flagsOf(command), " "))
	}
	fmt.Fprintf(&b, "    *) words='%s' ;;\n  esac\n", strings.Join(names, " "))
	fmt.Fprintf(&b, "  [ \"$COMP_CWORD\" = 1 ] && words='%s'\n", strings.Join(names, " "))
	b.WriteString("  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n  [ \"$COMP_CWORD\" -gt 1 ] && [ \"${cur#-}\" = \"$cur\" ] && COMPREPLY+=($(compgen -f -- \"$cur\"))\n  return 0\n}\ncomplete -o filenames -F _hebian hebian\n")
	return b.String()
}

func fishScript(app *kong.Application) string {
	var b strings.Builder
	for _, command := range visible(app) {
		fmt.Fprintf(&b, "complete -c hebian -n __fish_use_subcommand -a %s -d '%s'\n", command.Name, strings.ReplaceAll(command.Help, "'", "\\'"))
		for _, flag := range command.Flags {
			fmt.Fprintf(&b, "complete -c hebian -n '__fish_seen_subcommand_from %s' -l %s -d '%s'\n", command.Name, flag.Name, strings.ReplaceAll(flag.Help, "'", "\\'"))
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

func flagsOf(command *kong.Node) []string {
	flags := []string{"--help"}
	for _, flag := range command.Flags {
		flags = append(flags, "--"+flag.Name)
	}
	return flags
}

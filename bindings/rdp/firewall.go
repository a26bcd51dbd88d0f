package rdp

import "strings"

// ruleGroup is the group of the firewall's rules for remote desktop, as every language has it: a text in a library.
const ruleGroup = "@FirewallAPI.dll,-28752"

// firewallState says of the rules of a group, written as Windows keeps them, whether they count: "on", "partly", "off",
// or "" when there is none.
func firewallState(rules []string, group string) string {
	on, all := 0, 0
	for _, rule := range rules {
		mine, active := false, false
		for _, part := range strings.Split(rule, "|") {
			name, value, _ := strings.Cut(part, "=")
			switch name {
			case "EmbedCtxt":
				mine = strings.EqualFold(value, group)
			case "Active":
				active = strings.EqualFold(value, "TRUE")
			}
		}
		if !mine {
			continue
		}
		if all++; active {
			on++
		}
	}
	switch {
	case all == 0:
		return ""
	case on == 0:
		return "off"
	case on < all:
		return "partly"
	}
	return "on"
}

package main

import "regexp"

// roleMends says what the author of a role can do about a problem: the first row that fits counts. Parts in brackets of
// what was said stand in the mend as $1, $2. Each row is proved by a role that meets it.
func roleMends() []struct{ said, mend string } {
	return []struct{ said, mend string }{
		{`ROLE_NAME is missing`, `begin the file with ROLE_NAME = "my_role"`},
		{`ROLE_CONTEXTS is missing`, `write ROLE_CONTEXTS = { "system" } below ROLE_NAME`},
		{`return Role`, `end the file with the line: return Role`},
		{`missing grant: add ("[^"]+")`, `ROLE_GRANTS = { ..., $1 }; or name one thing only, such as "process:uname"`},
		{`ROLE_GRANTS names "[^"]*", which no module asks for`, `borealis-agent docs lists the modules with their grants`},
		{`requires "lib\.(\w+)"`, `put the helper into lib/$1.lua beside the role`},
		{`is not declared: use "local"`, `write local before the first assignment`},
		{`global "(\w+)" is not defined`, `declare $1 with local above this line; a function that is local must stand above its use`},
		{`waits, which a role may do in a handler`, `move the call into a handler, or begin it with timer.after(0, function() ... end)`},
		{`it would touch the machine: t\.stub\(("[^"]+")`, `say in the test what it answers: t.stub($1, function() return { ... } end)`},
		{`events:on is for register_events`, `subscribe in Role:register_events(events), and decide in the handler what to ignore`},
		{`call it with a colon|bad argument #1 to \w+ \(userdata expected`, `write thing:method(...) instead of thing.method(...)`},
		{`attempt to index a nil value|attempt to index a non-table`, `what stands before the dot is nil: look at the event, or at the message that a call returned as its second result`},
		{`attempt to call a`, `no function has this name here: borealis-agent docs MODULE shows those of a module`},
		{`attempt to (concatenate|perform arithmetic|compare)`, `one side is not what it should be: tostring(x), or x or ""`},
		{`^.*: got .*, want `, `mend the role; or the test, if what it wants is no longer right`},
		{`(unfinished|unexpected|near|is not closed)`, `look here and above for a missing end, bracket, comma or quote`},
		{`ran for too long|longer than`, `look for a loop that does not end; what waits belongs into a call that waits, such as timer.sleep`},
		{`there is no function test_`, `write function test_something(t) ... end`},
	}
}

// roleMendOf is what can be done about a problem of a role, "" when nothing is known.
func roleMendOf(text string) string {
	for _, row := range roleMends() {
		said := regexp.MustCompile(row.said)
		if at := said.FindStringSubmatchIndex(text); at != nil {
			return string(said.ExpandString(nil, row.mend, text, at))
		}
	}
	return ""
}

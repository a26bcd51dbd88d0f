// Package luaroles carries the shipped roles inside the agent, so that a new installation has something to serve: the
// watched directory is seeded from here when it does not exist. It holds files only; what they mean is the world's.
package luaroles

import "embed"

// Files is the directory as it is seeded: roles, their tests, lib/ and the types that an editor reads.
//
//go:embed *.lua lib types .luarc.json
var Files embed.FS
